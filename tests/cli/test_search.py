"""`amber search`: the list, and what it writes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Ran
from tests.editing.conftest import film as film
from tests.editing.conftest import other_film as other_film
from tests.editing.test_searching import ALGORITHMS


@pytest.fixture
def search(amber: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `amber search` with the quick search."""
    monkeypatch.setenv("AMBER_ALGORITHMS", ",".join(ALGORITHMS))
    return lambda *arguments: amber("search", *arguments)


def test_what_was_found_is_one_document(search: Callable[..., Ran], film: Path) -> None:
    done = search("2", "--in", film, "--top", 2, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document.keys() == {
        "text", "by", "feature", "state", "hit", "titles", "shots", "sheet", "clips"
    }  # fmt: skip
    assert (document["text"], document["by"], document["state"]) == ("2", "labels", "ready")
    assert [shot["shot"] for shot in document["shots"]] == [2, 1]
    assert document["shots"][0] == {
        "rank": 1,
        "score": 1.0,
        "asset": document["titles"][0],
        "title": "first film",
        "shot": 2,
        "start": 24,
        "end": 36,
        "start_seconds": 1.0,
        "end_seconds": 1.5,
        "label": "number 2",
    }


def test_the_library_is_searched_and_shown(
    search: Callable[..., Ran], amber: Callable[..., Ran], film: Path, other_film: Path, tmp_path: Path
) -> None:
    amber("ingest", film, other_film)
    done = search("1", "--top", 2, "--sheet", tmp_path / "found.png", "--clips", tmp_path / "clips")
    assert done.code == 0, done.err
    assert "first film" in done.out and "other film" in done.out and "number 1" in done.out
    assert "searched 2 titles by labels" in done.err
    assert (tmp_path / "found.png").is_file() and len(list((tmp_path / "clips").glob("*.mp4"))) == 2
    amber("label", "other film", "reel=7")
    done = search("1", "--where", "reel=7", "--json")
    assert {shot["title"] for shot in done.document["shots"]} == {"other film"}


def test_nothing_that_fits_is_an_answer(search: Callable[..., Ran], film: Path, tmp_path: Path) -> None:
    done = search("99", "--in", film, "--sheet", tmp_path / "found.png")
    assert done.code == 0 and done.out == ""
    assert "nothing in 1 title fits '99'; the empty answer is stored" in done.err
    assert not (tmp_path / "found.png").exists()


def test_what_cannot_be_meant_is_refused_before_a_film_is_read(
    search: Callable[..., Ran], film: Path
) -> None:
    assert search("1").code == 3, "an empty library"
    assert search("1", "--in", film, "--by", "smell").code == 3
    done = search("1", "--in", film, "--sheet", "found.jpg")
    assert done.code == 2 and "ends in .png" in done.err
    assert search("1", "--ready").code == 3, "no film was read"
