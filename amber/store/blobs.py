"""Keepers of bytes by digest: files in a folder, and memory."""

import errno
import hashlib
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from amber.errors import BlobCorruptError, BlobMissingError, StoreFullError, StoreUnavailableError
from amber.store.protocol import Blob

#: Bytes read at a time.
_CHUNK_BYTES = 1 << 20
#: From how many digests on folders are listed rather than files looked up one by one, and for how long: while so many names
#: at most are listed for one that is asked for. Listing a name takes a tenth of looking one up.
_MANY, _LISTED_FOR_ONE = 1000, 8
#: What the system says where no more can be written.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FileBlobs:
    """Blobs as read-only files, named by their digest, in folders named by its first two digits.

    A blob is written under another name in the same file system, made durable, and renamed: it is whole or not there.

    Args:
        folder: Where they are; made when the first one comes.
        scratch: Files given from here are moved, so they are gone afterwards; on the same file system they are not copied.
    """

    def __init__(self, folder: Path, scratch: Path | None = None) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._scratch = scratch
        self._folders: set[Path] = set()
        #: Digest → (mtime, size) of the file when this process last read it through.
        self._checked: dict[str, tuple[int, int]] = {}

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._folder

    def put(self, data: bytes) -> Blob:
        """See the protocol."""
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        with self._writing() as temporary, failing_well(self._folder):
            with temporary.open("xb") as file:
                file.write(data)
                _make_durable(file)
            self._publish(temporary, blob.sha256)
        return blob

    def put_file(self, path: Path) -> Blob:
        """See the protocol."""
        with path.open("rb") as source, self._writing() as temporary, failing_well(self._folder):
            if self._may_move(path):
                os.rename(path, temporary)
                blob = _digest(source)
                _make_durable(source)
            else:
                with temporary.open("xb") as file:
                    blob = _digest(source, file)
                    _make_durable(file)
                if self._is_scratch(path):
                    path.unlink()
            self._publish(temporary, blob.sha256)
        return blob

    def read(self, sha256: str) -> bytes:
        """See the protocol."""
        with self._opened(sha256) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _corrupt(sha256, self._path(sha256))
        return data

    def local_path(self, sha256: str) -> Path:
        """See the protocol."""
        path = self._path(sha256)
        with self._opened(sha256) as file:
            status = os.fstat(file.fileno())
            seen = (status.st_mtime_ns, status.st_size)
            if self._checked.get(sha256) != seen:
                if _digest(file).sha256 != sha256:
                    raise _corrupt(sha256, path)
                self._checked[sha256] = seen
        return path

    def present(self, digests: Iterable[str]) -> set[str]:
        """See the protocol."""
        asked: dict[str, set[str]] = {}
        for sha256 in digests:
            asked.setdefault(sha256[:2], set()).add(sha256)
        found: set[str] = set()
        is_listing = sum(map(len, asked.values())) >= _MANY
        for name, some in asked.items():
            folder = self._folder / name
            if is_listing:
                there = _names(folder)
                found |= some.intersection(there)
                is_listing = len(there) <= _LISTED_FOR_ONE * len(some)
            else:
                found.update(sha256 for sha256 in some if os.access(f"{folder}/{sha256}", os.F_OK))
        return found

    def check(self, sha256: str) -> int:
        """See the protocol."""
        with self._opened(sha256) as file:
            blob = _digest(file)
        if blob.sha256 != sha256:
            raise _corrupt(sha256, self._path(sha256))
        return blob.size_bytes

    def delete(self, *digests: str) -> None:
        """See the protocol."""
        with failing_well(self._folder):
            for sha256 in digests:
                self._path(sha256).unlink(missing_ok=True)

    def sweep(self, idle_seconds: float) -> int:
        """See the protocol."""
        swept = 0
        for path in self.leftovers():
            with failing_well(self._folder), suppress(FileNotFoundError):  # its writer may end it meanwhile
                if time.time() - path.stat().st_ctime >= idle_seconds:
                    path.unlink()
                    swept += 1
        return swept

    def digests(self) -> Iterator[Blob]:
        """See the protocol."""
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            with os.scandir(folder) as entries:
                yield from [Blob(entry.name, entry.stat().st_size) for entry in entries]

    def leftovers(self) -> list[Path]:
        """Half-written files; those of killed processes stay until `sweep` removes them."""
        return sorted(self._incoming.iterdir()) if self._incoming.exists() else []

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    @contextmanager
    def _opened(self, sha256: str) -> Iterator[BinaryIO]:
        path = self._path(sha256)
        try:
            with path.open("rb") as file:
                yield file
        except FileNotFoundError as error:
            raise BlobMissingError(f"blob {sha256} is not in the store: there is no {path}") from error
        except OSError as error:
            if error.errno == errno.EIO:
                raise BlobCorruptError(f"blob {sha256} is damaged: {path} cannot be read: {error}") from error
            raise StoreUnavailableError(f"blob {sha256} cannot be reached: {error}") from error

    def _is_scratch(self, path: Path) -> bool:
        return self._scratch is not None and path.parent.resolve().is_relative_to(self._scratch.resolve())

    def _may_move(self, path: Path) -> bool:
        """Whether a rename moves it and nothing else can write to it later under another name."""
        if not self._is_scratch(path) or path.is_symlink():
            return False
        status = path.stat()
        return status.st_nlink == 1 and status.st_dev == self._incoming.stat().st_dev

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """A name for a file in the making; removed at the end if it is still there."""
        with failing_well(self._folder):
            self._incoming.mkdir(parents=True, exist_ok=True)
        temporary = self._incoming / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path, sha256: str) -> None:
        """Give a durable file its name, and make the name durable."""
        path = self._path(sha256)
        path.parent.mkdir(exist_ok=True)
        if path.parent not in self._folders:
            _make_folder_durable(self._folder)
            self._folders.add(path.parent)
        temporary.chmod(0o444)
        os.replace(temporary, path)
        _make_folder_durable(path.parent)

    def close(self) -> None:
        """See the protocol."""


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _digest(source: BinaryIO, copy: BinaryIO | None = None) -> Blob:
    """Read a file to its end, copying it if asked to."""
    hasher, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        hasher.update(chunk)
        size_bytes += len(chunk)
        if copy is not None:
            copy.write(chunk)
    return Blob(hasher.hexdigest(), size_bytes)


def _make_durable(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _make_folder_durable(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _corrupt(sha256: str, path: Path) -> BlobCorruptError:
    return BlobCorruptError(f"blob {sha256} is damaged: the bytes of {path} have another digest")


@contextmanager
def failing_well(folder: Path) -> Iterator[None]:
    """Turns the system's errors into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError(
                f"no space is left for blobs in {folder}: free some, then ask again"
            ) from error
        raise StoreUnavailableError(f"blobs in {folder} cannot be reached: {error}") from error


class MemoryBlobs:
    """Bytes in memory; those asked for as files are written to a folder.

    Args:
        folder: For the files; it is removed with this object.
        scratch: Files given from here are moved, so they are gone afterwards.
    """

    def __init__(self, folder: tempfile.TemporaryDirectory[str], scratch: Path | None = None) -> None:
        self._bytes: dict[str, bytes] = {}
        self._owned = folder
        self._folder = Path(folder.name) / "blobs"
        self._scratch = scratch
        self._lock = threading.Lock()

    def put(self, data: bytes) -> Blob:
        """See the protocol."""
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        with self._lock:
            self._bytes[blob.sha256] = bytes(data)
        return blob

    def put_file(self, path: Path) -> Blob:
        """See the protocol."""
        blob = self.put(path.read_bytes())
        if self._scratch is not None and path.parent.resolve().is_relative_to(self._scratch.resolve()):
            path.unlink()
        return blob

    def read(self, sha256: str) -> bytes:
        """See the protocol."""
        data = self._bytes.get(sha256)
        if data is None:
            raise BlobMissingError(f"blob {sha256} is not in the store")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BlobCorruptError(f"blob {sha256} is damaged: its bytes have another digest")
        return data

    def local_path(self, sha256: str) -> Path:
        """See the protocol."""
        data = self.read(sha256)
        path = self._folder / sha256
        with self._lock:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return path

    def present(self, digests: Iterable[str]) -> set[str]:
        """See the protocol."""
        return {sha256 for sha256 in digests if sha256 in self._bytes}

    def check(self, sha256: str) -> int:
        """See the protocol."""
        return len(self.read(sha256))

    def delete(self, *digests: str) -> None:
        """See the protocol."""
        with self._lock:
            for sha256 in digests:
                self._bytes.pop(sha256, None)

    def sweep(self, idle_seconds: float) -> int:
        """See the protocol."""
        return 0

    def digests(self) -> Iterator[Blob]:
        """See the protocol."""
        with self._lock:
            return iter([Blob(sha256, len(data)) for sha256, data in self._bytes.items()])

    def close(self) -> None:
        """See the protocol."""
        self._owned.cleanup()
