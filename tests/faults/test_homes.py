"""Homes that are full, cannot be written, or are no homes: each with a sentence that says what to do."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import AMBER, Command, names

#: Lets no file that the command writes grow beyond so many bytes; then the system says "file too large".
_SMALL_FILES = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); os.execv(sys.argv[1], sys.argv[1:])"
_NOBODY = 65534


def test_a_home_whose_files_cannot_grow_says_that_there_is_no_room(
    amber: Command, clip: Path, first_answer: Any
) -> None:
    amber("ingest", clip)
    limit = (amber.home / "catalog.sqlite").stat().st_size + 40_000
    cramped = Command(amber.home, program=(sys.executable, "-c", _SMALL_FILES.format(limit), AMBER))
    _check_full(cramped, amber, clip, first_answer)


@pytest.fixture
def small_disk(tmp_path: Path) -> Sequence[str | Path]:
    """Runs a program with a disk of two megabytes where the home is, in a mount namespace of its own."""
    script = f'mount -t tmpfs -o size=2m none {tmp_path / "home"} && exec "$@"'
    (tmp_path / "home").mkdir()
    inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    if (
        not shutil.which("unshare")
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip(
            "SKIPPED LOUDLY: this system lets no user mount a small disk; the test of file sizes still runs"
        )
    return inside


def test_a_full_disk_says_that_there_is_no_room(
    small_disk: Sequence[str | Path], tmp_path: Path, clip: Path
) -> None:
    # all in one namespace, as the disk is gone with the process
    fill = "dd if=/dev/zero of={home}/filler bs=1k count=99999 2>/dev/null"
    script = tmp_path / "full.sh"
    script.write_text(
        f"{AMBER} ingest {clip} -q || exit 11\n"
        f"{fill.format(home=tmp_path / 'home')}\n"
        f"{AMBER} get shots {clip} --json && exit 12\n"
        f"rm {tmp_path / 'home' / 'filler'}\n"
        f"{AMBER} get shots {clip} --json >&2 || exit 13\n"
        f"{AMBER} verify -q >&2 || {AMBER} verify >&2 || exit 14\n"
    )
    done = Command(tmp_path / "home", program=(*small_disk, "sh", script)).run()
    assert done.code == 0, done.err + done.out
    assert "no space is left" in done.out


def _check_full(cramped: Command, amber: Command, clip: Path, first_answer: Any) -> None:
    """A full home fails with its own error and keeps nothing half-written; with room again the ask goes on."""
    error = cramped("get", "match_pairs", clip, code=1)["error"]
    assert error["type"] in ("StoreFullError", "InputFailedError")
    assert "space" in error["message"] or "room" in error["message"]
    assert amber("verify")["ok"] is True
    amber("retry")
    answer = amber("get", "match_pairs", clip)
    assert (answer["feature"], answer["value"]) == (first_answer["feature"], first_answer["value"])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose every parent anyone may enter."""
    folder = Path(tempfile.mkdtemp(prefix="amber-home-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_home_that_cannot_be_written_says_so(open_folder: Path, first_home: tuple[Path, Any]) -> None:
    home, answer = first_home
    shutil.copytree(home, open_folder / "home")
    for path in (open_folder / "home", *(open_folder / "home").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (asset,) = answer["key"]["assets"]
    done = _as_somebody_else(open_folder, "get", "shots", asset, "--set", "min_content=14", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cannot be opened and written" in done.stdout or "may write it" in done.stdout
    assert "Traceback" not in done.stderr


def _as_somebody_else(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `amber` as a user who does not own the home: the superuser may write anywhere, whatever the modes say."""
    user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": os.environ["PATH"], "AMBER_HOME": str(folder / "home"), "HOME": str(folder)}
    command = [str(AMBER), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, **user
    )  # type: ignore[call-overload,no-any-return]


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
