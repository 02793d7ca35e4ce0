"""Copies on this machine: bounded, right, and never taken from under a reader."""

import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from amber.errors import BlobMissingError
from amber.store.copies import Copies
from tests.faults.disks import apart
from tests.store.combinations import overwrite

KB = 1000


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _bytes(number: int, size: int = 10 * KB) -> bytes:
    return bytes([number]) * size


def _writes(data: bytes) -> Callable[[BinaryIO], object]:
    return lambda file: file.write(data)


def _add(copies: Copies, number: int) -> Path:
    return copies.add(_digest(_bytes(number)), _writes(_bytes(number)))


def _kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[0-9a-f][0-9a-f]/*")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies are."""
    return tmp_path / "copies"


def test_a_copy_is_found_until_it_is_dropped(folder: Path) -> None:
    copies = Copies(folder, 100 * KB)
    assert copies.find(_digest(_bytes(1))) is None
    assert _add(copies, 1).read_bytes() == _bytes(1)
    found = copies.find(_digest(_bytes(1)))
    assert found is not None and found.read_bytes() == _bytes(1)
    copies.drop(_digest(_bytes(1)))
    assert copies.find(_digest(_bytes(1))) is None
    assert found.read_bytes() == _bytes(1), "who was given it keeps it"


def test_the_longest_unused_copies_make_room(folder: Path) -> None:
    copies = Copies(folder, 30 * KB)
    for number in (1, 2, 3):
        _add(copies, number)
    copies.find(_digest(_bytes(1)))
    _add(copies, 4)
    assert _kept(folder) == {_digest(_bytes(number)) for number in (1, 3, 4)}


def test_a_copy_that_somebody_was_given_stays_although_there_is_no_room(folder: Path) -> None:
    copies = Copies(folder, 15 * KB)
    held = _add(copies, 1)
    for number in (2, 3, 4):
        _add(copies, number)
    assert held.read_bytes() == _bytes(1)
    assert _digest(_bytes(1)) in _kept(folder)
    del held
    gc.collect()
    _add(copies, 5)
    assert _kept(folder) == {_digest(_bytes(5))}


def test_no_process_takes_a_copy_from_under_another_ones_reader(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from amber.store.copies import Copies;"
        "held = Copies(Path(sys.argv[1]), 15_000).find(sys.argv[2]); print(held, flush=True); sys.stdin.readline();"
        "print(len(held.read_bytes()), flush=True); sys.stdin.readline()"
    )
    copies = Copies(folder, 15 * KB)
    _add(copies, 1)
    command = [sys.executable, "-c", program, str(folder), _digest(_bytes(1))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        name = Path(reader.stdout.readline().strip())
        _add(copies, 2)
        _add(copies, 3)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline().strip() == "10000"
        reader.kill()
    assert name.exists(), "nobody had the time to give it back"
    _add(copies, 4)
    assert not name.exists()
    _add(copies, 5)
    assert _kept(folder) == {_digest(_bytes(5))}, "what a dead process was given is in nobody's way"


def test_a_damaged_copy_is_removed_and_not_given_out(folder: Path) -> None:
    _add(Copies(folder, 100 * KB), 1)
    (path,) = folder.glob("[0-9a-f][0-9a-f]/*")
    overwrite(path)
    assert Copies(folder, 100 * KB).find(path.name) is None
    assert not path.exists()


def test_a_copy_that_changed_after_it_was_checked_is_not_given_out(folder: Path) -> None:
    copies = Copies(folder, 100 * KB)
    _add(copies, 1)
    (path,) = folder.glob("[0-9a-f][0-9a-f]/*")
    overwrite(path)
    assert copies.find(path.name) is None


def test_a_fetch_that_fails_leaves_nothing(folder: Path) -> None:
    def fails(file: BinaryIO) -> object:
        file.write(b"half")
        raise BlobMissingError("gone")

    copies = Copies(folder, 100 * KB)
    with pytest.raises(BlobMissingError, match="gone"):
        copies.add(_digest(_bytes(1)), fails)
    assert copies.find(_digest(_bytes(1))) is None
    assert list(folder.rglob("*.part")) == []


def test_closing_leaves_nothing_that_nobody_was_given(folder: Path) -> None:
    copies = Copies(folder, 100 * KB)
    held = _add(copies, 1)
    copies.close()
    assert held.read_bytes() == _bytes(1)
    del held
    gc.collect()
    assert os.listdir(folder / "used") == []


#: Three copies where two have room: with nothing in use, with everything in use, and with nothing again.
FULL = """
import gc, hashlib, sys
from pathlib import Path
from amber.errors import StoreFullError
from amber.errors import BlobMissingError
from amber.store.copies import Copies

copies = Copies(Path(sys.argv[1]), 1 << 30)
def add(number):
    data = bytes([number]) * 400_000
    return copies.add(hashlib.sha256(data).hexdigest(), lambda file: file.write(data))
for number in range(4):
    assert add(number).stat().st_size == 400_000
    gc.collect()
held = [add(4), add(5)]
try:
    add(6)
except StoreFullError as error:
    assert "no space is left for copies of blobs in" in str(error), error
else:
    raise SystemExit("that should not have fitted")
assert [len(path.read_bytes()) for path in held] == [400_000] * 2
assert not list(Path(sys.argv[1]).rglob("*.part"))
del held
gc.collect()
assert add(6).stat().st_size == 400_000
print("ok")
"""


def test_on_a_full_disk_unused_copies_make_room_and_then_it_is_told(folder: Path) -> None:
    folder.mkdir()
    disk = apart(f"mount -t tmpfs -o size=1m none {folder}")
    done = subprocess.run(
        [*disk, sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
