"""Every kind of store keeps every promise of the public suite."""

import os
from pathlib import Path

import pytest

from amber.store.protocol import Blobs, Store
from amber.testing import StoreTests
from amber.testing.rows import CatalogTests
from amber.testing.store import NeighbourTests, VerifyTests
from tests.store.combinations import Combination, Servers, spoil

#: Catalogue, blobs, Redis in front; one line more is one kind more. These keep every promise, those under BLOBS only the ones
#: that their blobs can break, and the others too under `make soak`.
WHOLE = [
    Combination("memory", "memory", redis=False),
    Combination("sqlite", "files", redis=False),
    Combination("sql", "files", redis=False),
    Combination("postgres", "files", redis=False),
    Combination("postgres", "s3", redis=True),
]
BLOBS = [
    Combination("memory", "memory", redis=True),
    Combination("sqlite", "files", redis=True),
    Combination("sqlite", "s3", redis=False),
    Combination("sqlite", "s3", redis=True),
    Combination("postgres", "files", redis=True),
    Combination("postgres", "s3", redis=False),
]
#: Those whose every promise is tested now.
NOW = [*WHOLE, *(pytest.param(kind, marks=pytest.mark.soak) for kind in BLOBS if "AMBER_SOAK" in os.environ)]


class Combined(CatalogTests):
    """Makes stores of the kind that the `combination` names."""

    @pytest.fixture(autouse=True)
    def _kind(self, combination: Combination, servers: Servers) -> None:
        self.is_shared = combination.catalogue != "memory"
        self._combination, self._servers = combination, servers

    def make_store(self, home: Path) -> Store:
        return self._combination.open(home, self._servers)

    def spoil(self, blobs: Blobs, sha256: str) -> None:
        spoil(blobs, sha256)


@pytest.mark.parametrize("combination", NOW, ids=str)
class TestStores(Combined, StoreTests):
    """Every promise."""


@pytest.mark.parametrize("combination", BLOBS, ids=str)
class TestBlobs(Combined, NeighbourTests, VerifyTests):
    """What depends on where bytes are."""

    @pytest.fixture
    def blobs(self, store: Store) -> Blobs:
        return store.blobs
