"""Originals that lie in object stores: what is below a prefix, and copies of them on this machine while they are read."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amber.errors import StillChangingError
from amber.store.copies import Copies

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: How a place is written where media may lie: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
SCHEMES = ("s3", "gs", "az")
_SETTING = "AMBER_WATCH"
#: Bytes of a download that are looked at together.
_CHUNK_BYTES = 1 << 20


def is_elsewhere(uri: str) -> bool:
    """Whether a location is an object, not a file or an upload."""
    return uri.partition("://")[0] in SCHEMES and "://" in uri


@dataclass(frozen=True)
class Original:
    """An object, as a listing shows it; it is there whole or not at all."""

    #: The place's scheme and bucket, then the object's name as it is.
    url: str
    size_bytes: int
    modified_ns: int
    #: Another one for another content.
    tag: str

    @property
    def fingerprint(self) -> str:
        """Tells whether it is still the one that was looked at."""
        return f"{self.size_bytes} {self.tag or self.modified_ns}"


class Originals:
    """Reads objects that others keep; nothing is ever written there.

    Args:
        copies: Where those are kept for a while that are read as files.
    """

    def __init__(self, copies: Copies) -> None:
        self._copies = copies
        self._places: dict[str, ObjectStore] = {}

    def below(self, prefix: str) -> Iterator[Original]:
        """The objects below a prefix, in no order.

        Raises:
            StoreUnavailableError: It cannot be listed.
            ConfigurationError: It cannot be understood.
        """
        import obstore

        place, bucket, folder = self._place(prefix)
        with self._failing_well(prefix):
            for page in obstore.list(place, folder or None):
                for entry in page:
                    yield _original(f"{bucket}/{entry['path']}", entry)

    def fetch(self, original: Original, path: Path) -> str:
        """Write an object into a new file; SHA-256 of its bytes.

        Raises:
            BlobMissingError: It is gone.
            StillChangingError: It is another one than the listing showed.
            StoreUnavailableError: It cannot be read.
        """

        def check(meta: Any) -> None:
            if _original(original.url, meta).fingerprint != original.fingerprint:
                raise StillChangingError(f"{original.url!r} was replaced since it was listed")

        with path.open("xb") as file:
            return self._read(original.url, file.write, check)

    def adopt(self, sha256: str, path: Path) -> None:
        """Keep a fetched file for a while, as it is most often read again next."""
        self._copies.adopt(sha256, path)

    def local_path(self, url: str, sha256: str) -> Path:
        """A file of this machine with the bytes that an object had when it was recorded; to be read only.

        Raises:
            BlobMissingError: It is gone.
            StillChangingError: It has other bytes now.
            StoreUnavailableError: It cannot be read.
        """

        def fetch(file: Any) -> None:
            if self._read(url, file.write) != sha256:
                raise StillChangingError(f"{url!r} holds something else now")

        return self._copies.find(sha256) or self._copies.add(sha256, fetch)

    def drop(self, sha256: str) -> None:
        """Remove the copy of an object."""
        self._copies.drop(sha256)

    def close(self) -> None:
        """Let go of connections and files."""
        self._places.clear()
        self._copies.close()

    def _read(
        self, url: str, write: Callable[[bytes], object], check: Callable[[Any], None] = lambda meta: None
    ) -> str:
        import obstore

        place, _, name = self._place(url)
        hasher, size_bytes = hashlib.sha256(), 0
        with self._failing_well(url):
            result = obstore.get(place, name)
            check(result.meta)
            pieces = result.stream(min_chunk_size=_CHUNK_BYTES)
        while True:
            with self._failing_well(url):
                piece = next(pieces, None)
            if piece is None:
                break
            hasher.update(piece)
            size_bytes += len(piece)
            write(piece)
        if size_bytes != result.meta["size"]:
            raise StillChangingError(f"{url!r} came as {size_bytes} of {result.meta['size']} bytes")
        return hasher.hexdigest()

    def _place(self, url: str) -> "tuple[ObjectStore, str, str]":
        """The bucket of a URL, open, its URL, and the name in it."""
        from amber.store.object_places import open_objects

        bucket, name = split(url)
        if bucket not in self._places:
            self._places[bucket] = open_objects(bucket, _SETTING)
        return self._places[bucket], bucket, name

    def _failing_well(self, url: str) -> Any:
        from amber.store.object_places import failing_well

        return failing_well(url, _SETTING, "read and list", f"there is no {url}")


def split(url: str) -> tuple[str, str]:
    """The URL of the bucket, and the name in it."""
    scheme, _, rest = url.partition("://")
    host, _, name = rest.partition("/")
    return f"{scheme}://{host}", name.strip("/")


def _original(url: str, meta: Any) -> Original:
    modified_ns = int(meta["last_modified"].timestamp() * 1e9)
    return Original(url, meta["size"], modified_ns, meta["e_tag"] or "")
