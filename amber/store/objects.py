"""Blobs as objects of S3, Google Cloud Storage or Azure, with copies on this machine of those that are read as files."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from amber.errors import (
    BlobCorruptError,
    BlobMissingError,
    StoreUnavailableError,
)
from amber.store.copies import Copies
from amber.store.object_places import BLOBS_URL, failing_well
from amber.store.protocol import Blob

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: Bytes of one part of an upload, and how many are on their way at once: what an upload takes of memory.
_PART_BYTES, _PARTS_AT_ONCE = 8 << 20, 4
#: Bytes of a download that are looked at together.
_CHUNK_BYTES = 1 << 20
#: Requests at once where many objects are asked about.
_REQUESTS_AT_ONCE = 16
#: Names in one answer to a listing, as S3 gives them.
_NAMES_AT_ONCE = 1000
#: From how many names of one folder on it is listed rather than each name looked up.
_MANY_OF_A_FOLDER = 3
#: An object that is older is written again when its bytes come again, so that a collector sees that it is wanted.
_RENEW_AFTER = timedelta(hours=1)
_NAME = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")


class ObjectBlobs:
    """Blobs as objects named by their digest, under the first two digits of it.

    Bytes appear under their name whole or not at all, and are never replaced by a second copy of the same bytes unless the
    first is damaged or old.

    Args:
        objects: The place.
        where: How to call it in a sentence.
        copies: Where copies of objects are kept that are read as files.
        scratch: Files given from here are moved, so they are gone afterwards.
    """

    def __init__(
        self, objects: "ObjectStore", where: str, copies: Copies, scratch: Path | None = None
    ) -> None:
        self._objects = objects
        self._where = where
        self._copies = copies
        self._scratch = scratch

    @property
    def where(self) -> str:
        """The place, as it may be told."""
        return self._where

    def put(self, data: bytes) -> Blob:
        """See the protocol."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        with self._failing_well(), suppress(AlreadyExistsError):
            obstore.put(self._objects, _name(blob.sha256), data, mode="create", use_multipart=False)
            return blob
        if not self._is_kept(blob):
            with self._failing_well():
                obstore.put(self._objects, _name(blob.sha256), data, use_multipart=False)
        return blob

    def put_file(self, path: Path) -> Blob:
        """See the protocol."""
        with path.open("rb") as source:
            if os.fstat(source.fileno()).st_size <= _PART_BYTES:
                blob = self.put(source.read())
            else:
                blob = _digest(source)
                if not self._is_kept(blob):
                    source.seek(0)
                    self._upload(source, blob, path)
        if self._scratch is not None and path.parent.resolve().is_relative_to(self._scratch.resolve()):
            self._copies.adopt(blob.sha256, path)  # what was just made is what is read next
        return blob

    def read(self, sha256: str) -> bytes:
        """See the protocol."""
        import obstore

        with self._failing_well(sha256):
            result = obstore.get(self._objects, _name(sha256))
            data = result.bytes().to_bytes()
        self._judge(sha256, hashlib.sha256(data).hexdigest(), len(data), result.meta["size"])
        return data

    def local_path(self, sha256: str) -> Path:
        """See the protocol."""
        found = self._copies.find(sha256)
        return found or self._copies.add(sha256, lambda file: self._fetch(sha256, file.write))

    def present(self, digests: Iterable[str]) -> set[str]:
        """See the protocol."""
        asked: dict[str, list[str]] = {}
        for sha256 in sorted(set(digests)):
            asked.setdefault(sha256[:2], []).append(sha256)
        groups: list[list[str]] = []
        for some in asked.values():
            groups += [some] if len(some) >= _MANY_OF_A_FOLDER else [[sha256] for sha256 in some]
        if len(groups) == 1:
            return self._present_of(groups[0])
        return set().union(*self._workers.map(self._present_of, groups))

    def check(self, sha256: str) -> int:
        """See the protocol."""
        return self._fetch(sha256)

    def delete(self, *digests: str) -> None:
        """See the protocol. Copies on other machines stay until they make room there."""
        import obstore

        for sha256 in digests:
            self._copies.drop(sha256)
        with self._failing_well():
            try:
                obstore.delete(self._objects, list(map(_name, digests)))
            except FileNotFoundError as error:
                # Where objects go one by one, the first that is not there ends it.
                if "NoSuchBucket" in str(error):
                    raise
                if len(digests) > 1:
                    for sha256 in digests:
                        self.delete(sha256)

    def sweep(self, idle_seconds: float) -> int:
        """See the protocol. An object is whole or not there; parts of one that nobody ended are the bucket's to expire."""
        return 0

    def digests(self) -> Iterator[Blob]:
        """See the protocol."""
        for name, size_bytes in self._listed():
            match = _NAME.fullmatch(name)
            if match:
                yield Blob(match[2], size_bytes)

    def close(self) -> None:
        """See the protocol."""
        if "_workers" in self.__dict__:
            self._workers.shutdown()
            del self._workers
        self._copies.close()

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="amber-objects")

    def _present_of(self, some: list[str]) -> set[str]:
        """Those that are there, of digests of one folder in their order: by listing, as long as that is worth it."""
        if len(some) < _MANY_OF_A_FOLDER:
            return {sha256 for sha256 in some if self._head(sha256) is not None}
        wanted, found = set(some), set[str]()
        for seen, (name, _) in enumerate(self._listed(some[0][:2] + "/")):
            sha256 = name[3:]
            if sha256 in wanted:
                found.add(sha256)
            if sha256 >= some[-1]:
                break
            if seen > _NAMES_AT_ONCE * len(some):  # a request for each name is less
                return found | {s for s in some if s > sha256 and self._head(s) is not None}
        return found

    def _listed(self, folder: str | None = None) -> Iterator[tuple[str, int]]:
        import obstore

        with self._failing_well():
            for page in obstore.list(self._objects, folder, chunk_size=_NAMES_AT_ONCE):
                for entry in page:
                    yield entry["path"], entry["size"]

    def _head(self, sha256: str) -> tuple[int, datetime] | None:
        """Size and time of an object; None if there is none."""
        import obstore

        try:
            with self._failing_well(sha256):
                found = obstore.head(self._objects, _name(sha256))
        except BlobMissingError:
            return None
        return found["size"], found["last_modified"]

    def _is_kept(self, blob: Blob) -> bool:
        """Whether an object is there that may stay: whole, as reading it through tells, and not old."""
        found = self._head(blob.sha256)
        if found is None or found[0] != blob.size_bytes or datetime.now(UTC) - found[1] > _RENEW_AFTER:
            return False
        try:
            self._fetch(blob.sha256)
        except (BlobMissingError, BlobCorruptError):
            return False
        return True

    def _upload(self, source: BinaryIO, blob: Blob, path: Path) -> None:
        """Send a file in parts; it appears when the last one is there and the whole has the digest that it had before."""
        import obstore

        def parts() -> Iterator[bytes]:
            hasher = hashlib.sha256()
            while part := source.read(_PART_BYTES):
                hasher.update(part)
                yield part
            if hasher.hexdigest() != blob.sha256:
                raise _ChangedError

        try:
            with self._failing_well():
                obstore.put(
                    self._objects,
                    _name(blob.sha256),
                    parts(),
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        except _ChangedError:
            raise StoreUnavailableError(
                f"{path} changed while it was being stored: wait until it is finished"
            ) from None

    def _fetch(self, sha256: str, write: Callable[[bytes], object] | None = None) -> int:
        """Read an object through, a piece at a time, and return how many bytes it has."""
        import obstore

        hasher, size_bytes = hashlib.sha256(), 0
        with self._failing_well(sha256):
            result = obstore.get(self._objects, _name(sha256))
            pieces = result.stream(min_chunk_size=_CHUNK_BYTES)
        while True:
            with self._failing_well(sha256):
                piece = next(pieces, None)
            if piece is None:
                break
            hasher.update(piece)
            size_bytes += len(piece)
            if write is not None:
                write(piece)
        self._judge(sha256, hasher.hexdigest(), size_bytes, result.meta["size"])
        return size_bytes

    def _judge(self, sha256: str, found: str, size_bytes: int, announced_bytes: int) -> None:
        if size_bytes < announced_bytes:
            raise StoreUnavailableError(
                f"blob {sha256} came from {self._where} as {size_bytes} of {announced_bytes} bytes: ask again"
            )
        if found != sha256:
            raise BlobCorruptError(
                f"blob {sha256} is damaged: the bytes of {self._where}/{_name(sha256)} have another digest"
            )

    def _failing_well(self, sha256: str | None = None) -> AbstractContextManager[None]:
        """Turns the library's errors into ours."""
        missing = sha256 and f"blob {sha256} is not in the store: there is no {self._where}/{_name(sha256)}"
        return failing_well(self._where, BLOBS_URL, "read, write, list and delete", missing)


class _ChangedError(Exception):
    """A file has other bytes than a moment ago."""


def _name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def _digest(source: BinaryIO) -> Blob:
    hasher, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return Blob(hasher.hexdigest(), size_bytes)
