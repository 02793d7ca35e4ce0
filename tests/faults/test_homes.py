"""Homes that are full, cannot be written, or are no homes: each with a sentence that says what to do."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clips import make_film
from tests.acceptance.command import AMBER, Command, Done, names
from tests.faults.disks import apart

#: Lets no file that the command writes grow beyond so many bytes; then the system says that it is too large.
_SMALL_FILES = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); os.execv(sys.argv[1], sys.argv[1:])"


@pytest.fixture(scope="session")
def large_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of noise, more than a megabyte."""
    scenes = (("life=mold=10:ratio=0.3:seed=4", 48), ("cellauto=rule=110:seed=3", 48))
    return make_film(tmp_path_factory.mktemp("film") / "large.mp4", scenes, size="400x224")


def test_a_file_that_must_not_grow_leaves_nothing_half_written(amber: Command, large_film: Path) -> None:
    amber("ingest", large_film)
    cramped = Command(amber.home, program=(sys.executable, "-c", _SMALL_FILES.format(500_000), AMBER))
    error = cramped("get", "shots", large_film, code=1)["error"]
    assert "File too large" in error["message"]
    report = amber("verify")
    assert (report["ok"], report["blobs"], report["orphans"]) == (True, 0, [])
    amber("retry")
    assert names(amber("get", "shots", large_film)["computed"]) == ["standard", "shots"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Sequence[str]:
    """Runs a program with a disk of one megabyte where the home is."""
    (tmp_path / "home").mkdir()
    return apart(f"mount -t tmpfs -o size=1536k none {tmp_path / 'home'}")


def _on(disk: Sequence[str], folder: Path, script: str) -> Done:
    """Run a shell script on a disk, which is gone with the process."""
    (folder / "script.sh").write_text(script)
    return Command(folder / "home", program=(*disk, "sh", folder / "script.sh")).run()


def test_a_disk_too_small_for_the_film_says_so(
    small_disk: Sequence[str], tmp_path: Path, large_film: Path
) -> None:
    done = _on(small_disk, tmp_path, f"{AMBER} get shots {large_film} --json\n{AMBER} verify --json")
    failed, verified = (json.loads(line) for line in done.out.splitlines())
    assert "no space" in failed["error"]["message"].lower()
    assert "cannot be read any more" not in failed["error"]["message"], "the film is there; the disk is full"
    assert (verified["ok"], verified["blobs"], verified["orphans"]) == (True, 0, [])


def test_a_full_disk_says_so_and_the_ask_goes_on_when_there_is_room(
    small_disk: Sequence[str], tmp_path: Path, clip: Path
) -> None:
    filler = tmp_path / "home" / "filler"
    done = _on(
        small_disk,
        tmp_path,
        f"{AMBER} ingest {clip} -q >&2 || exit 11\n"
        f"dd if=/dev/zero of={filler} bs=1k count=99999\n"
        f"{AMBER} get shots {clip} --json\n"
        f"rm {filler}\n"
        f"{AMBER} get shots {clip} --json\n"
        f"{AMBER} verify --json\n",
    )
    failed, ready, verified = (json.loads(line) for line in done.out.splitlines())
    assert names(ready["computed"]) == ["standard", "shots"]
    assert verified["ok"] is True
    assert failed["error"]["type"] == "StoreFullError"
    assert "no space is left" in failed["error"]["message"]


@pytest.fixture
def unwritable(warm: Command) -> Command:
    """The command on a home that it can read and cannot write."""
    if os.geteuid():
        for path in (*warm.home.rglob("*"), warm.home):
            path.chmod(0o555 if path.is_dir() else 0o444)
        return warm
    # the superuser may write whatever the modes say, so the disk itself is mounted to be read only
    script = f"mount --bind {warm.home} {warm.home} && mount -o remount,ro,bind {warm.home}"
    return Command(warm.home, program=(*apart(script), AMBER))


def test_a_home_that_cannot_be_written_says_so(unwritable: Command, first_answer: Any) -> None:
    (asset,) = first_answer["key"]["assets"]
    error = unwritable("get", "shots", asset, "--set", "min_content=14", code=1)["error"]
    assert error["type"] == "StoreUnavailableError"
    assert str(unwritable.home) in error["message"]
    assert "this user may write it" in error["message"]


def test_a_home_that_is_no_database_is_left_as_it_is(amber: Command, clip: Path) -> None:
    amber.home.mkdir()
    catalogue = amber.home / "catalog.sqlite"
    catalogue.write_text(
        "These are my notes, not a database, and they are long enough to be read as one. " * 20
    )
    before = catalogue.read_bytes()
    error = amber("get", "shots", clip, code=1)["error"]
    assert error["type"] == "SchemaError"
    assert "is not a catalogue of Amber" in error["message"]
    assert "move it away" in error["message"]
    assert catalogue.read_bytes() == before


def test_a_home_that_is_a_file_is_told(amber: Command, clip: Path) -> None:
    amber.home.write_text("a file")
    error = amber("get", "shots", clip, code=1)["error"]
    assert str(amber.home) in error["message"]
    assert amber.home.read_text() == "a file"


def test_an_empty_catalogue_is_set_up(amber: Command, clip: Path) -> None:
    amber.home.mkdir()
    (amber.home / "catalog.sqlite").touch()
    assert amber("ingest", clip)[0]["state"] == "new"


def test_a_damaged_catalogue_is_told_without_a_traceback(warm: Command, first_answer: Any) -> None:
    catalogue = warm.home / "catalog.sqlite"
    data = bytearray(catalogue.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    catalogue.write_bytes(data)
    (asset,) = first_answer["key"]["assets"]
    error = warm("get", "match_pairs", asset, code=1)["error"]
    assert error["type"].endswith(("StoreError", "SchemaError", "UnavailableError"))
    assert str(catalogue) in error["message"]


def test_what_dead_workers_left_is_in_nobodys_way(warm: Command, clip: Path) -> None:
    """Scratch folders and half-written blobs are no fault, and are not read."""
    (warm.home / "scratch" / "4711-dead").mkdir(parents=True)
    (warm.home / "scratch" / "4711-dead" / "encode.mp4").write_bytes(b"half")
    (warm.home / "blobs" / "incoming" / "4711-dead").write_bytes(b"half")
    assert warm("verify")["ok"] is True
    assert names(warm("get", "shots", clip, "--set", "min_content=14")["computed"]) == ["shots"]
