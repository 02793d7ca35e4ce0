"""Blobs that are damaged or gone, and sources that are no longer where they were."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clips import five_seconds, short_film
from tests.acceptance.command import Command, names


def _delete(path: Path) -> None:
    path.unlink()


def _damage(path: Path) -> None:
    """Turn one bit of the middle around, as a failing disk does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [_delete, _damage])
@pytest.mark.parametrize("step", ["match_pairs", "duplicate_groups", "shots"])
def test_a_value_that_was_lost_is_made_again(
    warm: Command, clip: Path, first_answer: Any, step: str, harm: Any
) -> None:
    value = warm("get", step, clip)["value"]
    harm(_blob(warm.home, value["sha256"]))
    report = warm("verify", code=1)
    assert value["sha256"] in str(report)
    answer = warm("get", step, clip)
    assert (answer["value"], names(answer["computed"]), answer["hit"]) == (value, [step], False)
    assert warm("verify")["ok"] is True
    pairs = warm("get", "match_pairs", clip)
    assert (pairs["feature"], pairs["computed"]) == (first_answer["feature"], [])


@pytest.mark.parametrize("harm", [_delete, _damage])
@pytest.mark.parametrize("file", ["encode", "proxy"])
def test_a_file_that_was_lost_is_made_again_when_it_is_needed(
    warm: Command, clip: Path, first_answer: Any, file: str, harm: Any
) -> None:
    (manifest,) = warm("get", "standard", clip)["rows"]
    harm(_blob(warm.home, _digest(manifest[file])))
    assert _digest(manifest[file]) in str(warm("verify", code=1))
    assert warm("get", "match_pairs", clip)["hit"] is True, "stored features need no film"
    if file == "proxy":
        answer = warm("get", "shots", clip, "--set", "min_content=14")
        assert names(answer["computed"]) == ["standard", "shots"]
    elif harm is _delete:
        assert names(warm("get", "standard", clip)["computed"]) == ["standard"]
    else:
        return  # nobody reads an encode through until a film is watched; `verify` has found it
    assert warm("verify")["ok"] is True
    assert warm("get", "standard", clip)["rows"] == [manifest]


def _digest(file: Any) -> str:
    """The digest of a file that a row names."""
    return str(file["sha256"])


def _blob(home: Path, sha256: str) -> Path:
    """Where a home keeps a blob: docs/format.md."""
    return home / "blobs" / sha256[:2] / sha256


def test_features_are_served_when_the_source_is_gone(amber: Command, tmp_path: Path) -> None:
    film = five_seconds(tmp_path / "film.mp4")
    first = amber("get", "match_pairs", film)
    (asset,) = first["key"]["assets"]
    film.unlink()
    again = amber("get", "match_pairs", asset)
    assert (again["hit"], again["value"]) == (True, first["value"])
    other = amber("get", "shots", asset, "--set", "min_content=14")
    assert names(other["computed"]) == ["shots"], "what reads the standard form needs no source"


def test_a_lost_source_is_told_with_what_can_be_done(amber: Command, tmp_path: Path) -> None:
    film = short_film(tmp_path / "film.mp4", 1)
    (entry,) = amber("ingest", film)
    kept = film.rename(tmp_path / "moved.mp4")
    error = amber("get", "shots", entry["asset"], code=1)["error"]
    assert str(film) in error["message"]
    assert "ingest" in error["message"], "what to do: ingest a copy"
    assert amber("verify")["ok"] is True, "a missing source is no fault of the store"
    (found,) = amber("ingest", kept)
    assert (found["asset"], found["state"]) == (entry["asset"], "known")
    assert names(amber("get", "shots", entry["asset"])["computed"]) == ["standard", "shots"]


def test_a_source_that_holds_something_else_now_is_not_taken_for_the_asset(
    amber: Command, tmp_path: Path
) -> None:
    film = short_film(tmp_path / "film.mp4", 1)
    (entry,) = amber("ingest", film)
    short_film(film, 2)
    error = amber("get", "shots", entry["asset"], code=1)["error"]
    assert "something else" in error["message"]
    assert _traces(amber.home) == 0
    copy = short_film(tmp_path / "copy.mp4", 1)
    assert amber("ingest", copy)[0]["asset"] == entry["asset"]
    assert names(amber("get", "shots", entry["asset"])["computed"]) == ["standard", "shots"]


def _traces(home: Path) -> int:
    with closing(sqlite3.connect(home / "catalog.sqlite")) as catalogue:
        (count,) = catalogue.execute("SELECT count(*) FROM trace").fetchone()
        return int(count)
