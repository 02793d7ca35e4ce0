"""Small blobs kept in Redis as well, in front of wherever they are."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from amber.store.protocol import Blob, Blobs
from amber.store.redis_link import RedisLink

#: Larger values stay where they are; a value of pairs or shots has some tens of kilobytes.
LARGEST_BYTES = 1 << 20
#: So many reads of a process go past Redis: loading its library takes 0.2 s or more, which only pays in one that goes on.
READS_BEFORE_LOADING = 32
_PREFIX = "amber:blob:"


class CachedBlobs:
    """Blobs whose values are looked for in Redis first.

    What comes from there is checked like everything else, so it may hold anything; how long it keeps what, it decides itself
    (`maxmemory-policy`). Without it everything is as before, only slower.

    Args:
        blobs: Where they are.
        link: The Redis in front.
        reads_before_loading: So many reads do without, if its library is not loaded yet.
    """

    def __init__(
        self, blobs: Blobs, link: RedisLink, *, reads_before_loading: int = READS_BEFORE_LOADING
    ) -> None:
        self._blobs = blobs
        self._link = link
        self._reads_left = reads_before_loading

    @property
    def behind(self) -> Blobs:
        """The blobs without the cache."""
        return self._blobs

    def put(self, data: bytes) -> Blob:
        """See the protocol."""
        blob = self._blobs.put(data)
        self._keep(blob.sha256, data)
        return blob

    def put_file(self, path: Path) -> Blob:
        """See the protocol."""
        return self._blobs.put_file(path)

    def read(self, sha256: str) -> bytes:
        """See the protocol."""
        if self._reads_left > 0 and not self._link.is_loaded:
            self._reads_left -= 1
            return self._blobs.read(sha256)
        data = self._link.ask(lambda redis: redis.get(_PREFIX + sha256))
        if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == sha256:
            return data
        found = self._blobs.read(sha256)
        self._keep(sha256, found)
        return found

    def local_path(self, sha256: str) -> Path:
        """See the protocol."""
        return self._blobs.local_path(sha256)

    def present(self, digests: Iterable[str]) -> set[str]:
        """See the protocol."""
        return self._blobs.present(digests)

    def check(self, sha256: str) -> int:
        """See the protocol."""
        return self._blobs.check(sha256)

    def delete(self, *digests: str) -> None:
        """See the protocol."""
        self._blobs.delete(*digests)
        if digests:
            self._link.ask(lambda redis: redis.delete(*(_PREFIX + sha256 for sha256 in digests)))

    def sweep(self, idle_seconds: float) -> int:
        """See the protocol."""
        return self._blobs.sweep(idle_seconds)

    def digests(self) -> Iterator[Blob]:
        """See the protocol."""
        return self._blobs.digests()

    def close(self) -> None:
        """See the protocol."""
        self._blobs.close()

    def _keep(self, sha256: str, data: bytes) -> None:
        if len(data) <= LARGEST_BYTES:
            self._link.ask(lambda redis: redis.set(_PREFIX + sha256, data))
