"""The kinds of stores there are: each catalogue with each keeper of blobs, with and without Redis in front."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import obstore
import pytest

from amber.store.blobs import FileBlobs, MemoryBlobs
from amber.store.cache import CachedBlobs
from amber.store.catalog import SqlCatalog
from amber.store.objects import ObjectBlobs
from amber.store.open import CATALOG_NAME, memory_store, open_store
from amber.store.protocol import Blobs, Store
from amber.store.redis_link import RedisLink, RedisWire
from amber.store.wakeups import SharedWakeups

#: What stands in the place of bytes that somebody spoilt.
SPOILT = b"HELLO"


@dataclass(frozen=True)
class Servers:
    """What a test's stores need besides a folder."""

    #: Its place among objects; empty where none is needed.
    objects: str
    #: Its database of a Redis; empty where none is needed.
    redis: str
    #: Folder → its database with the tables of a catalogue, the same each time.
    database_url: Callable[[Path], str]

    def blobs_url(self, home: Path) -> str:
        """The place of one home, the same each time."""
        return f"{self.objects}/{hashlib.sha256(bytes(home)).hexdigest()[:12]}"


@dataclass(frozen=True)
class Combination:
    """One kind of store."""

    catalogue: str
    blobs: str
    redis: bool

    def __str__(self) -> str:
        return "-".join([self.catalogue, self.blobs, *["redis"] * self.redis])

    def open(self, home: Path, servers: Servers) -> Store:
        """A store of this kind in a folder; the same one again where there was one."""
        made = CATALOGUES[self.catalogue](
            home, servers, servers.blobs_url(home) if self.blobs == "s3" else ""
        )
        if not self.redis:
            return made
        link = RedisLink(servers.redis)
        cached = CachedBlobs(made.blobs, link, reads_before_loading=0)
        return replace(made, blobs=cached, wakeups=SharedWakeups(RedisWire(link)))


def _memory(home: Path, servers: Servers, blobs_url: str) -> Store:
    return memory_store()


def _sqlite(home: Path, servers: Servers, blobs_url: str) -> Store:
    """As everybody opens it: what is asked often comes straight from the driver."""
    return open_store(home, blobs_url=blobs_url)


def _sql(home: Path, servers: Servers, blobs_url: str) -> Store:
    """The same rows through SQLAlchemy alone."""
    made = open_store(home, blobs_url=blobs_url)
    made.catalog.close()
    return replace(made, catalog=SqlCatalog.at(home / CATALOG_NAME))


def _postgres(home: Path, servers: Servers, blobs_url: str) -> Store:
    return open_store(home, servers.database_url(home), blobs_url=blobs_url)


#: Catalogue → what opens a store with it: its folder, what it needs, and where its blobs are (empty: in the folder).
CATALOGUES: dict[str, Callable[[Path, Servers, str], Store]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "sql": _sql,
    "postgres": _postgres,
}


@pytest.fixture
def servers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """What the stores of a `combination` need; servers are started only for those that need them."""
    combination: Combination = request.getfixturevalue("combination")
    objects = redis = ""
    if combination.blobs == "s3":
        server = request.getfixturevalue("s3")
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        objects = server.url()
    if combination.redis:
        redis = request.getfixturevalue("valkey").empty()
    return Servers(objects, redis, cache(lambda home: _new_database(request)))


def _new_database(request: pytest.FixtureRequest) -> str:
    new_catalogue: Callable[[], str] = request.getfixturevalue("new_catalogue")
    return new_catalogue()


def spoil(blobs: Blobs, sha256: str) -> None:
    """Change the bytes of a blob behind its store's back, wherever they are kept: in the cache, the copy and the original."""
    if isinstance(blobs, CachedBlobs):
        blobs._link.client().set(f"amber:blob:{sha256}", SPOILT)
        spoil(blobs.behind, sha256)
    elif isinstance(blobs, MemoryBlobs):
        blobs._bytes[sha256] = SPOILT
    elif isinstance(blobs, FileBlobs):
        overwrite(blobs.folder / sha256[:2] / sha256)
    else:
        assert isinstance(blobs, ObjectBlobs)
        obstore.put(blobs._objects, f"{sha256[:2]}/{sha256}", SPOILT)
        copy = blobs._copies._path(sha256)
        if copy.exists():
            overwrite(copy)


def overwrite(path: Path) -> None:
    """Put other bytes in a read-only file."""
    path.chmod(0o644)
    path.write_bytes(SPOILT)
