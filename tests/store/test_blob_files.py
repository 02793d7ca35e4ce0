"""Blobs as files: whole or not there, whatever happens to the process, the disk or the folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amber.errors import BlobCorruptError, StoreUnavailableError
from amber.store.blobs import FileBlobs
from amber.store.protocol import Blob

#: `printf hello | sha256sum`
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

#: Stores large blobs and says which.
STORE = """
import sys
from pathlib import Path
from amber.store.blobs import FileBlobs

blobs = FileBlobs(Path(sys.argv[1]), Path(sys.argv[1]).parent / "scratch")
for number in range(100_000):
    data = bytes([number % 251]) * 3_000_000 + str(number).encode()
    file = Path(sys.argv[1]).parent / "scratch" / str(number)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    print((blobs.put(data) if number % 2 else blobs.put_file(file)).sha256, flush=True)
"""

#: Stores more than it may write.
OVERFLOW = """
import resource, signal, sys
from pathlib import Path
from amber.errors import StoreFullError
from amber.store.blobs import FileBlobs

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
blobs = FileBlobs(Path(sys.argv[1]))
small = blobs.put(b"x" * 99_000)
large = Path(sys.argv[2])
for put in (lambda: blobs.put(b"x" * 200_000), lambda: blobs.put_file(large)):
    try:
        put()
    except StoreFullError as error:
        assert "no space is left for blobs in" in str(error), error
    else:
        raise SystemExit("that should not have fitted")
assert list(blobs.digests()) == [small]
assert blobs.leftovers() == []
print("ok")
"""


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    """An empty folder of blobs."""
    return FileBlobs(tmp_path / "blobs", tmp_path / "scratch")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The folder whose files are moved."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_a_blob_is_a_read_only_file_named_by_its_sha256(blobs: FileBlobs) -> None:
    blobs.put(b"hello")
    path = blobs.folder / "2c" / HELLO
    assert path == blobs.local_path(HELLO)
    assert path.stat().st_mode & 0o777 == 0o444
    output = subprocess.check_output(["sha256sum", str(path)], text=True)
    assert output.split()[0] == HELLO


def test_a_file_in_scratch_is_renamed_and_not_copied(blobs: FileBlobs, scratch: Path) -> None:
    file = scratch / "encode.mp4"
    file.write_bytes(b"hello")
    number = file.stat().st_ino
    blobs.put_file(file)
    path = blobs.local_path(HELLO)
    assert path.stat().st_ino == number
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to])
def test_a_file_with_another_name_elsewhere_is_copied(
    blobs: FileBlobs, scratch: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"hello")
    link(scratch / "linked", mine)
    assert blobs.put_file(scratch / "linked") == Blob(HELLO, 5)
    assert not os.path.lexists(scratch / "linked")
    mine.write_bytes(b"HELLO")
    assert blobs.read(HELLO) == b"hello"


def test_presence_of_many_is_told_whether_few_or_many_are_there(blobs: FileBlobs) -> None:
    there = {blobs.put(str(number).encode()).sha256 for number in range(300)}
    elsewhere = {f"{number:064x}" for number in range(2000)} | {
        f"{number:02x}{'0' * 62}" for number in range(256)
    }
    assert blobs.present(elsewhere) == set()
    assert blobs.present(elsewhere | there) == there
    assert blobs.present(list(there)[:7]) == set(list(there)[:7])


def test_a_local_file_is_read_through_once_while_it_does_not_change(blobs: FileBlobs) -> None:
    blobs.put(b"hello")
    path = blobs.local_path(HELLO)
    seen = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"HELLO")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert blobs.local_path(HELLO) == path
    os.utime(path)
    with pytest.raises(BlobCorruptError):
        blobs.local_path(HELLO)


def test_leftovers_of_killed_writers_are_no_blobs(blobs: FileBlobs) -> None:
    blobs.put(b"hello")
    left = blobs.folder / "incoming" / "12345-half"
    left.write_bytes(b"hel")
    assert list(blobs.digests()) == [Blob(HELLO, 5)]
    assert blobs.sweep(60.0) == 0
    assert blobs.leftovers() == [left]
    assert blobs.sweep(0.0) == 1
    assert blobs.leftovers() == []
    assert list(blobs.digests()) == [Blob(HELLO, 5)]


def test_nothing_is_left_over_after_a_put(blobs: FileBlobs, scratch: Path) -> None:
    (scratch / "a").write_bytes(b"hello")
    blobs.put_file(scratch / "a")
    blobs.put(b"hello")
    assert blobs.leftovers() == []


def test_an_empty_home_has_no_blobs(blobs: FileBlobs) -> None:
    assert list(blobs.digests()) == []
    assert blobs.leftovers() == []
    assert blobs.present([HELLO]) == set()


def test_where_no_space_is_left_nothing_becomes_visible(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"y" * 200_000)
    command = [sys.executable, "-c", OVERFLOW, str(tmp_path / "blobs"), str(tmp_path / "large")]
    assert subprocess.check_output(command, text=True) == "ok\n"
    assert (tmp_path / "large").stat().st_size == 200_000


@pytest.mark.parametrize("number", range(3))
def test_blobs_of_a_killed_process_are_whole_or_not_there(tmp_path: Path, number: int) -> None:
    blobs = FileBlobs(tmp_path / "blobs", tmp_path / "scratch")
    process = subprocess.Popen(
        [sys.executable, "-c", STORE, str(blobs.folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(3 + number)]
    process.kill()
    rest = process.communicate()[0]
    told += rest[: rest.rfind("\n") + 1].split()
    there = {blob.sha256 for blob in blobs.digests()}
    assert set(told) <= there
    for sha256 in there:
        assert blobs.check(sha256) >= 3_000_001


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        FileBlobs(tmp_path / "blobs").put(b"hello")
