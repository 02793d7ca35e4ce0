"""Copies of blobs on this machine, for what can only be read as a file; bounded, and shared by its processes."""

import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PosixPath
from typing import BinaryIO

from amber.errors import StoreFullError, StoreUnavailableError

_CHUNK_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LentPath(PosixPath):
    """A path that leads to its file for as long as this object lives."""


class Copies:
    """A folder of copies, the longest unused of which go when there are more bytes than it may hold.

    What is handed out is a name of its own for the file, so that nothing takes it from under its reader's feet; it goes with
    the path's object, or with the process. Bytes that are in use may exceed the limit.

    Args:
        folder: Where copies are; made when the first one comes.
        limit_bytes: How much it may hold.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        #: Digest → (inode, mtime, size) of the file when this process last read it through.
        self._checked: dict[str, tuple[int, int, int]] = {}
        self._guard = threading.Lock()
        self._desk: _Desk | None = None

    def find(self, sha256: str) -> Path | None:
        """The copy, if there is one and it has that digest; a damaged one is removed."""
        with self._failing_well():
            lent = self._lend(self._path(sha256), sha256)
            if lent is None:
                return None
            status = lent.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._checked.get(sha256) != seen:
                with lent.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != sha256:
                    self.drop(sha256)
                    return None
                self._checked[sha256] = seen
            os.utime(lent, ns=(time.time_ns(), status.st_mtime_ns))
            return lent

    def add(self, sha256: str, fetch: Callable[[BinaryIO], object]) -> Path:
        """Fetch the bytes into a file, and keep it.

        Args:
            sha256: Their digest.
            fetch: Writes them, or raises if it cannot or they have another digest; called again if the disk was full.

        Raises:
            StoreFullError: There is no room even without any other copy.
        """
        with self._failing_well():
            try:
                lent = self._fetched(sha256, fetch)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._evict(down_to=0)
                lent = self._fetched(sha256, fetch)
            self._evict(down_to=self._limit_bytes)
        return lent

    def adopt(self, sha256: str, path: Path) -> None:
        """Move a file here that has this digest; where that cannot be done without copying it, it is only removed."""
        kept = self._path(sha256)
        with suppress(OSError):  # it is stored already; a copy here only saves fetching it
            kept.parent.mkdir(parents=True, exist_ok=True)
            if path.lstat().st_nlink == 1 and not path.is_symlink():
                path.chmod(0o444)
                os.replace(path, kept)
                self._evict(down_to=self._limit_bytes)
        with self._failing_well():
            path.unlink(missing_ok=True)

    def drop(self, sha256: str) -> None:
        """Remove a copy; who was given it keeps it."""
        with self._failing_well():
            self._path(sha256).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of what nobody was given."""
        self._desk = None

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _fetched(self, sha256: str, fetch: Callable[[BinaryIO], object]) -> Path:
        temporary = self._own_desk().folder / f"{uuid.uuid4().hex}.part"
        try:
            with temporary.open("xb") as file:
                fetch(file)
            temporary.chmod(0o444)
            lent = self._lend(temporary, sha256)
            assert lent is not None, "nobody removes what a living process is writing"
            status = lent.stat()
            self._checked[sha256] = (status.st_ino, status.st_mtime_ns, status.st_size)
            kept = self._path(sha256)
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, kept)
            return lent
        finally:
            temporary.unlink(missing_ok=True)

    def _lend(self, file: Path, sha256: str) -> Path | None:
        """Another name for a file, which goes with the path that is returned; None if there is no such file."""
        desk = self._own_desk()
        name = desk.folder / f"{uuid.uuid4().hex[:12]}-{sha256}"
        try:
            os.link(file, name)
        except FileNotFoundError:
            return None
        lent = LentPath(name)
        weakref.finalize(lent, desk.take_back, name)
        return lent

    def _own_desk(self) -> "_Desk":
        with self._guard:
            if self._desk is None or self._desk.pid != os.getpid():
                self._folder.mkdir(parents=True, exist_ok=True)
                with self._locked():
                    self._desk = _Desk(self._folder / "used" / uuid.uuid4().hex)
            return self._desk

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the folder, among all processes."""
        with (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _evict(self, down_to: int) -> None:
        """Remove what dead processes left, and then the longest unused copies until there are so many bytes at most."""
        with self._locked():
            for desk in self._folder.glob("used/*"):
                if _is_abandoned(desk):
                    shutil.rmtree(desk, ignore_errors=True)
            kept = [(path, status) for path in self._kept() if (status := _status(path)) is not None]
            held_bytes = sum(status.st_size for _, status in kept)
            for path, status in sorted(kept, key=lambda copy: copy[1].st_atime_ns):
                if held_bytes <= down_to:
                    break
                if status.st_nlink == 1:  # nobody was given it
                    path.unlink(missing_ok=True)
                    held_bytes -= status.st_size

    def _kept(self) -> Iterator[Path]:
        return self._folder.glob("[0-9a-f][0-9a-f]/*")

    @contextmanager
    def _failing_well(self) -> Iterator[None]:
        """Turns the system's errors into ours."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFullError(
                    f"no space is left for copies of blobs in {self._folder}: free some, then ask again"
                ) from error
            raise StoreUnavailableError(
                f"copies of blobs in {self._folder} cannot be read and written: {error}"
            ) from error


class _Desk:
    """A folder of what this process was given or is fetching; goes with the last of that.

    A file in it is locked while the process lives, so that others can tell.
    """

    def __init__(self, folder: Path) -> None:
        self.pid = os.getpid()
        self.folder = folder
        folder.mkdir(parents=True)
        alive = os.open(folder / "alive", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(alive, fcntl.LOCK_EX)
        weakref.finalize(self, _clear, alive, folder, self.pid)

    def take_back(self, name: Path) -> None:
        """Remove a name that a lent path had."""
        if self.pid == os.getpid():  # a child has no say in what its parent was given
            name.unlink(missing_ok=True)


def _clear(alive: int, folder: Path, pid: int) -> None:
    os.close(alive)
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:  # dropped meanwhile
        return None


def _is_abandoned(desk: Path) -> bool:
    try:
        with (desk / "alive").open("rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
