"""Every kind of store keeps every promise of the public suite."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from amber.store.blobs import FileBlobs, MemoryBlobs
from amber.store.catalog import SqlCatalog
from amber.store.open import CATALOG_NAME, memory_store, open_store
from amber.store.protocol import Blobs, Store
from amber.testing import StoreTests


class TestMemory(StoreTests):
    is_shared = False

    def make_store(self, home: Path) -> Store:
        return memory_store()

    def spoil(self, blobs: Blobs, sha256: str) -> None:
        assert isinstance(blobs, MemoryBlobs)
        blobs._bytes[sha256] = b"HELLO"


class TestHome(StoreTests):
    """SQLite and files, as everybody opens them: what is asked often comes straight from the driver."""

    def make_store(self, home: Path) -> Store:
        return open_store(home)

    def spoil(self, blobs: Blobs, sha256: str) -> None:
        assert isinstance(blobs, FileBlobs)
        path = next(path for path in blobs.folder.rglob(sha256))
        path.chmod(0o644)
        path.write_bytes(b"HELLO")


class TestPostgres(TestHome):
    """PostgreSQL and files."""

    @pytest.fixture(autouse=True)
    def _databases(self, new_database: Callable[[str], str], catalogue_template: str) -> None:
        self.url_of = cache(lambda home: new_database(catalogue_template))

    def make_store(self, home: Path) -> Store:
        return open_store(home, self.url_of(home))


class TestSqlAlone(TestHome):
    """The same rows through SQLAlchemy alone, as another database will have them."""

    def make_store(self, home: Path) -> Store:
        made = open_store(home)
        made.close()
        return Store(SqlCatalog.at(home / CATALOG_NAME), made.blobs, made.scratch)
