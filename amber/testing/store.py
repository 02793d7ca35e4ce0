"""The whole suite."""

from pathlib import Path

import pytest

from amber.store.protocol import Blobs, Catalog, Disowned, Store
from amber.store.verify import verify
from amber.testing.accounts import AccountTests, UrgencyTests
from amber.testing.assets import AssetTests
from amber.testing.blobs import BlobsTests
from amber.testing.collecting import CollectTests, ForgetTests, RetentionTests
from amber.testing.commits import CommitTests, HealingTests
from amber.testing.features import FeatureTests
from amber.testing.jobs import JobTests
from amber.testing.plans import PlanTests
from amber.testing.rows import FILM, CatalogTests, asset, digest, failed, job, kept, key_of
from amber.testing.sets import SetTests
from amber.testing.standing import BackfillTests, SourceTests, SubscriptionTests
from amber.testing.tokens import TokenTests
from amber.testing.verdicts import VerdictTests
from amber.testing.work import FailureTests, InvalidationTests, LeaseTests


class NeighbourTests(CatalogTests):
    """Two catalogues on one home are one catalogue."""

    def test_what_one_commits_the_other_finds(self, catalog: Catalog, neighbour: Catalog) -> None:
        assert neighbour.lookup(key_of("a")).trace is None
        made = kept(catalog, "a")
        assert neighbour.lookup(key_of("a")).trace == made
        assert neighbour.features(FILM) == [made]

    def test_what_one_records_the_other_finds(self, catalog: Catalog, neighbour: Catalog) -> None:
        catalog.put_asset(asset())
        catalog.put_failure(failed("a"))
        catalog.ask_job(job("a"), "tester")
        neighbour.set_labels(FILM, {"a": "1"})
        assert [found.asset for found in catalog.assets({"a": "1"})] == [FILM]
        assert neighbour.failure(digest("a")) == failed("a")
        assert neighbour.job(key_of("a")) == catalog.job(key_of("a")) is not None

    def test_what_one_holds_the_other_cannot_take(self, catalog: Catalog, neighbour: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "one", 60.0)
        assert neighbour.take_lease(digest("a"), "two", 60.0) is None
        assert neighbour.holder(digest("a")) == lease

    def test_what_one_disowns_the_other_sees_at_once(self, catalog: Catalog, neighbour: Catalog) -> None:
        made = kept(catalog, "a")
        before = neighbour.snapshot().epoch
        catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        assert neighbour.lookup(key_of("b")).epoch == before + 1
        assert neighbour.snapshot().generation("shots", "1", FILM) == 1
        assert not neighbour.link(key_of("b"), made.recipe, before)

    def test_what_was_stored_is_there_when_the_home_is_opened_again(self, tmp_path: Path) -> None:
        if not self.is_shared:
            pytest.skip("a store of this kind ends with its process")
        first = self.make_store(tmp_path / "home")
        made, blob = kept(first.catalog, "a"), first.blobs.put(b"bytes")
        first.close()
        second = self.make_store(tmp_path / "home")
        assert second.catalog.lookup(key_of("a")).trace == made
        assert second.blobs.read(blob.sha256) == b"bytes"
        second.close()


class VerifyTests(BlobsTests):
    """What is missing, corrupt or contradictory is told; what is merely left over is not a fault."""

    def _kept_bytes(self, store: Store, name: str, data: bytes) -> str:
        blob = store.blobs.put(data)
        kept(store.catalog, name, value=blob.sha256, value_size=blob.size_bytes)
        return blob.sha256

    def test_a_store_in_order_is_clean(self, store: Store) -> None:
        self._kept_bytes(store, "a", b"one")
        self._kept_bytes(store, "b", b"three")
        report = verify(store)
        assert report.is_clean
        assert (report.blobs, report.size_bytes, report.orphans) == (2, 8, ())

    def test_missing_and_corrupt_blobs_are_told_with_a_feature_that_needs_them(self, store: Store) -> None:
        gone = self._kept_bytes(store, "a", b"one")
        spoilt = self._kept_bytes(store, "b", b"two")
        self._kept_bytes(store, "c", b"three")
        store.blobs.delete(gone)
        self.spoil(store.blobs, spoilt)
        report = verify(store)
        assert [(found.sha256, found.feature) for found in report.missing] == [(gone, digest("a"))]
        assert [(found.sha256, found.feature) for found in report.corrupt] == [(spoilt, digest("b"))]
        assert not report.is_clean and report.contradictions == ()

    def test_a_blob_that_nothing_needs_is_told_and_no_fault(self, store: Store) -> None:
        left = store.blobs.put(b"left over")
        report = verify(store)
        assert report.orphans == (left,)
        assert report.is_clean


class StoreTests(
    AssetTests,
    FeatureTests,
    CommitTests,
    HealingTests,
    LeaseTests,
    FailureTests,
    JobTests,
    SetTests,
    TokenTests,
    InvalidationTests,
    PlanTests,
    ForgetTests,
    CollectTests,
    RetentionTests,
    VerdictTests,
    BackfillTests,
    SubscriptionTests,
    SourceTests,
    AccountTests,
    UrgencyTests,
    NeighbourTests,
    VerifyTests,
):
    """Every promise of a store. Inherit, and say how a store is made and how a blob of it is spoilt."""

    @pytest.fixture
    def blobs(self, store: Store) -> Blobs:
        """The store's blobs."""
        return store.blobs
