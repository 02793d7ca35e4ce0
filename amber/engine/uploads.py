"""Uploads that come in parts: bytes on this machine's disk until they are whole, and named."""

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

from amber.engine.ingest import Ingested, keep_upload
from amber.engine.scratch import locked_folder
from amber.errors import StoreFullError, UploadNotFoundError, UploadStateError
from amber.store.blobs import failing_well
from amber.store.protocol import Store
from jasper.errors import MediaError

#: An upload that nobody goes on with for so long is removed.
KEEP_SECONDS = 24 * 3600.0
#: Between two looks for those.
SWEEP_SECONDS = 3600.0
_BYTES, _ABOUT = "bytes", "about.json"


@dataclass(frozen=True)
class Upload:
    """Bytes that come in parts."""

    id: str
    size_bytes: int
    #: Who began it, and alone may go on.
    owner: str
    #: For a new asset.
    title: str = ""
    #: How many bytes are there.
    offset: int = 0
    #: Seconds since 1970; it is removed then, unless somebody goes on.
    expires_at: float = 0.0
    #: What it was found to be; empty until it is named.
    asset: str = ""
    is_new: bool = False
    partial: bool = False


class Uploads:
    """The uploads of a store, in its scratch folder on this machine; they outlive the process.

    How many bytes are there is the size of a file, so a process that dies at any moment leaves an upload that can go on.

    Args:
        store: Where their assets are recorded.
        keep_seconds: An upload that nobody goes on with for so long is removed.
    """

    def __init__(self, store: Store, keep_seconds: float = KEEP_SECONDS) -> None:
        self._store = store
        self._folder = store.scratch / "uploads"
        self._keep_seconds = keep_seconds
        self._swept_at = float("-inf")
        self._lock = threading.Lock()

    def begin(self, size_bytes: int, *, owner: str, title: str = "") -> Upload:
        """A new upload, with no bytes yet.

        Raises:
            StoreFullError: There is less room than it will take.
        """
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self.sweep()
        upload = Upload(secrets.token_hex(16), size_bytes, owner, title)
        folder = self._folder / upload.id
        with failing_well(self._folder):
            folder.mkdir(parents=True)
            free_bytes = shutil.disk_usage(folder).free
            if free_bytes < size_bytes:
                folder.rmdir()
                raise StoreFullError(
                    f"the upload will have {size_bytes} bytes; {free_bytes} are free where uploads are kept"
                )
            (folder / _BYTES).touch()
            self._note(upload)
        return self.find(upload.id, owner)

    def find(self, name: str, owner: str) -> Upload:
        """The upload of that id, as it stands.

        Raises:
            UploadNotFoundError: There is none, or somebody else began it.
        """
        folder = self._folder / name
        try:
            is_name = len(name) == 32 and not set(name) - set("0123456789abcdef")
            about = json.loads((folder / _ABOUT).read_text()) if is_name else None
            touched_at = folder.stat().st_mtime
            status = (folder / _BYTES).stat() if about and not about["asset"] else None
        except FileNotFoundError:
            about = None
        if about is None or about["owner"] != owner:
            raise UploadNotFoundError(
                f"there is no upload {name[:70]!r}; one that nobody goes on with for {self._keep_seconds:.0f} s is removed"
            )
        expires_at = max(touched_at, status.st_mtime if status else 0.0) + self._keep_seconds
        offset = status.st_size if status else about["size_bytes"]
        return Upload(**{**about, "offset": offset, "expires_at": expires_at})

    @contextmanager
    def writing(self, name: str, owner: str, offset: int) -> Iterator[Callable[[bytes], None]]:
        """What adds bytes to an upload, from behind `offset` on; at most one does at a time.

        Raises:
            UploadNotFoundError: There is no such upload.
            UploadStateError: It has another number of bytes, or somebody is at it, or what is added is too much.
            StoreFullError: No space is left.
        """
        with self._alone(name, owner) as upload, failing_well(self._folder):
            if upload.asset or upload.offset != offset:
                raise UploadStateError(
                    f"upload {name} has {upload.offset} bytes; sent was what follows {offset}"
                )
            with (self._folder / name / _BYTES).open("ab", buffering=0) as file:
                yield lambda piece: _append(file, piece, upload)

    def finish(self, name: str, owner: str, *, title: str | None = None) -> Ingested:
        """Name the asset of an upload that is whole, and keep its bytes as a blob; asked again, it answers the same.

        Args:
            name: Its id.
            owner: Who began it.
            title: For a new asset; what was said when it began, or something of its digest, unless given.

        Raises:
            UploadNotFoundError: There is no such upload.
            UploadStateError: Bytes are missing, or somebody is at it.
            jasper.errors.MediaError: It is no media file; the upload is gone.
            AmberError: The store cannot record it; it can be tried again.
        """
        path = self._folder / name / _BYTES
        with self._alone(name, owner) as upload:
            if not upload.asset:
                if upload.offset < upload.size_bytes:
                    raise UploadStateError(f"upload {name} has {upload.offset} of {upload.size_bytes} bytes")
                try:
                    done = keep_upload(self._store, path, title=title or upload.title or None)
                except MediaError as error:
                    if not error.retryable:
                        self._remove(name)
                    raise
                assert done.asset is not None, "what was kept has an asset"
                upload = replace(upload, asset=done.asset, is_new=done.state == "new", partial=done.partial)
                with failing_well(self._folder):
                    self._note(upload)
        return Ingested(path, "new" if upload.is_new else "known", upload.asset, partial=upload.partial)

    def drop(self, name: str, owner: str) -> None:
        """Remove an upload; what it was found to be stays.

        Raises:
            UploadNotFoundError: There is no such upload.
            UploadStateError: Somebody is at it.
        """
        with self._alone(name, owner):
            self._remove(name)

    def sweep(self) -> int:
        """Remove the uploads that nobody goes on with; how many."""
        self._swept_at = time.monotonic()
        removed = 0
        for folder in self._folder.glob("*"):
            lock = locked_folder(folder)
            if lock is None:
                continue
            try:
                touched = [path.stat().st_mtime for path in (folder, folder / _BYTES) if path.exists()]
                if max(touched, default=time.time()) + self._keep_seconds < time.time():
                    self._remove(folder.name)
                    removed += 1
            finally:
                os.close(lock)
        return removed

    @contextmanager
    def _alone(self, name: str, owner: str) -> Iterator[Upload]:
        """The upload, at which nobody else is."""
        self.find(name, owner)
        lock = locked_folder(self._folder / name)
        if lock is None:
            raise UploadStateError(
                f"another request is at upload {name}; ask how many bytes it has, and go on from there"
            )
        try:
            yield self.find(name, owner)
        finally:
            os.close(lock)

    def _note(self, upload: Upload) -> None:
        about = asdict(upload)
        del about["offset"], about["expires_at"]
        folder = self._folder / upload.id
        (folder / "about.new").write_text(json.dumps(about))
        os.replace(folder / "about.new", folder / _ABOUT)

    def _remove(self, name: str) -> None:
        shutil.rmtree(self._folder / name, ignore_errors=True)


def _append(file: BinaryIO, piece: bytes, upload: Upload) -> None:
    room = upload.size_bytes - file.tell()
    rest = memoryview(piece)[:room]
    while rest:
        rest = rest[file.write(rest) :]
    if len(piece) > room:
        raise UploadStateError(f"upload {upload.id} has all of its {upload.size_bytes} bytes; more were sent")
