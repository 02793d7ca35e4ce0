"""Promises about takedowns, and about collecting what nothing needs."""

import pytest

from amber import keys
from amber.errors import (
    AssetForgottenError,
    BlobCollectedError,
    PlanDriftedError,
    PlanStateError,
    StaleLeaseError,
)
from amber.store.protocol import Blob, Catalog, Disowned, Extent, Location, Pin, Usage
from amber.testing.rows import (
    FILM,
    OTHER,
    CatalogTests,
    asset,
    digest,
    failed,
    feature,
    job,
    keep,
    kept,
    key_of,
)


class ForgetTests(CatalogTests):
    """What was taken down is gone, and nothing late brings it back."""

    def _forget(self, catalog: Catalog, of: str = FILM) -> tuple[Blob, ...]:
        plan = catalog.plan_forget(of, reason="rights", who="ann")
        return catalog.apply_plan(plan.id, who="bob").blobs

    def test_a_plan_counts_what_has_the_asset_disowned_or_not(self, catalog: Catalog) -> None:
        catalog.put_asset(asset())
        catalog.put_location(Location("/film", FILM, digest("/film"), 1, 2))
        first = kept(catalog, "a", value_size=1)
        kept(catalog, "b", algorithm="pairs", assets=(FILM, OTHER), made_from=(first,), value_size=10)
        kept(catalog, "c", assets=(OTHER,))
        catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        plan = catalog.plan_forget(FILM, reason="rights", who="ann")
        assert plan.doomed == (Extent("pairs", "1", 1, 10, 1.5), Extent("shots", "1", 1, 1, 1.5))
        assert (plan.features, plan.dependants, plan.size_bytes) == (2, 0, 11)
        assert plan.detail == {"asset": FILM, "locations": 1}
        assert catalog.features(FILM) != []

    def test_every_row_of_the_asset_goes_and_the_others_stay(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(labels={"x": "1"}), frame_times=b"times")
        catalog.put_asset(asset(OTHER))
        catalog.put_location(Location("/film", FILM, digest("/film"), 1, 2))
        first = kept(catalog, "a", files=(Blob(digest("encode"), 7),))
        second = kept(catalog, "b", assets=(OTHER,))
        kept(catalog, "c", algorithm="pairs", assets=(FILM, OTHER), made_from=(first, second))
        for name, of in (("a", FILM), ("b", OTHER)):
            catalog.put_failure(failed(name, assets=(of,)))
            catalog.ask_job(job(name, assets=(of,)), "ann")
        self._forget(catalog)
        assert catalog.features(FILM) == [] and catalog.features(OTHER) == [second]
        assert catalog.traces([digest(name) for name in "abc"]) == {digest("b"): second}
        assert [catalog.lookup(key_of(name)).trace for name in "abc"] == [None, second, None]
        assert catalog.traces_of(keys.subject("shots", "1", [FILM])) == []
        assert [one.asset for one in catalog.assets()] == [OTHER]
        assert catalog.locations(FILM) == [] and catalog.location("/film") is None
        assert catalog.frame_times(FILM) is None and catalog.assets({"x": "1"}) == []
        assert [catalog.failure(digest(name)) is None for name in "ab"] == [True, False]
        assert [catalog.job(key_of(name)) is None for name in "ab"] == [True, False]
        assert {blob for blob, _ in catalog.referenced_blobs()} == {second.value}
        assert catalog.problems() == []

    def test_what_was_made_from_it_goes_too_whatever_its_assets(self, catalog: Catalog) -> None:
        first = kept(catalog, "a")
        kept(catalog, "b", algorithm="motion", assets=(OTHER,), made_from=(first,))
        self._forget(catalog)
        assert catalog.features(OTHER) == []
        assert catalog.problems() == []

    def test_blobs_that_others_use_stay(self, catalog: Catalog) -> None:
        shared, own = Blob(digest("shared"), 3), Blob(digest("own"), 4)
        mine = kept(catalog, "a", files=(shared, own))
        kept(catalog, "b", assets=(OTHER,), files=(shared,))
        kept(catalog, "c", value=digest("same"), value_size=5)
        kept(catalog, "d", value=digest("same"), value_size=5, assets=(OTHER,))
        assert set(self._forget(catalog)) == {own, mine.value}

    def test_the_epoch_rises_and_a_note_stays(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        before = catalog.snapshot().epoch
        plan = catalog.plan_forget(FILM, reason="rights", who="ann")
        catalog.apply_plan(plan.id, who="bob")
        assert catalog.snapshot().epoch == before + 1
        [note] = catalog.audits()
        assert (note.action, note.who) == ("forget", "bob")
        assert note.detail == {"plan": plan.id, "asset": FILM, "reason": "rights", "features": 1}

    def test_it_cannot_be_undone_and_is_refused_after_drift(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        plan, other = (catalog.plan_forget(FILM, reason="rights", who="ann") for _ in range(2))
        kept(catalog, "b")
        with pytest.raises(PlanDriftedError, match="1 features of shots 1 were planned, and there are 2"):
            catalog.apply_plan(plan.id, who="bob")
        again = catalog.plan_forget(FILM, reason="rights", who="ann")
        catalog.apply_plan(again.id, who="bob")
        with pytest.raises(PlanStateError, match="cannot be taken back"):
            catalog.undo_plan(again.id, who="bob")
        with pytest.raises(PlanDriftedError):
            catalog.apply_plan(other.id, who="bob")

    def test_a_worker_that_was_at_it_is_refused(self, catalog: Catalog) -> None:
        leases = [
            catalog.take_lease(digest(name), "worker", 60.0, assets=assets)
            for name, assets in (("a", (FILM,)), ("b", (FILM, OTHER)), ("c", (OTHER,)), ("d", ()))
        ]
        self._forget(catalog)
        assert [catalog.holder(digest(name)) is None for name in "abcd"] == [True, True, False, True]
        for lease, name, assets in zip(leases, "abd", ((FILM,), (FILM, OTHER), (FILM,)), strict=False):
            assert lease is not None
            with pytest.raises((AssetForgottenError, StaleLeaseError)):
                catalog.commit(lease, feature(name, assets=assets), key=key_of(name), epoch=0)
        assert catalog.features(FILM) == []
        held = leases[2]
        assert held is not None
        catalog.commit(held, feature("c", assets=(OTHER,)), key=key_of("c"), epoch=0)
        assert len(catalog.features(OTHER)) == 1

    def test_nobody_begins_anew_before_it_is_ingested_again(self, catalog: Catalog) -> None:
        self._forget(catalog)
        with pytest.raises(AssetForgottenError, match="was taken down on"):
            catalog.take_lease(digest("a"), "worker", 60.0, assets=(OTHER, FILM))
        lease = catalog.take_lease(digest("a"), "worker of another release", 60.0)
        assert lease is not None
        with pytest.raises(AssetForgottenError):
            catalog.commit(lease, feature("a"), key=key_of("a"), epoch=catalog.snapshot().epoch)
        catalog.put_failure(failed("a", assets=(OTHER, FILM)))
        with pytest.raises(AssetForgottenError):
            catalog.ask_job(job("a"), "ann")
        assert catalog.failure(digest("a")) is None and catalog.job(key_of("a")) is None
        catalog.put_asset(asset())
        assert kept(catalog, "b").recipe == digest("b")
        assert catalog.take_lease(digest("c"), "worker", 60.0, assets=(FILM,)) is not None

    def test_it_is_gone_for_the_neighbour_too(self, catalog: Catalog, neighbour: Catalog) -> None:
        kept(catalog, "a")
        self._forget(catalog)
        assert neighbour.lookup(key_of("a")).trace is None
        with pytest.raises(AssetForgottenError):
            neighbour.take_lease(digest("a"), "worker", 60.0, assets=(FILM,))


class CollectTests(CatalogTests):
    """What nothing needs is collected in two phases, and never under the hands of who is about to need it."""

    LEFT = Blob(digest("left over"), 9)

    def _collected(self, catalog: Catalog, *blobs: Blob) -> list[str]:
        deleted: list[str] = []
        gone = catalog.collect([blob.sha256 for blob in blobs], deleted.append)
        assert gone == deleted
        return gone

    def test_garbage_is_what_was_marked_so_long_ago(self, catalog: Catalog) -> None:
        assert catalog.mark_garbage([self.LEFT]) == 1
        assert catalog.mark_garbage([self.LEFT]) == 0
        assert catalog.garbage(3600.0) == []
        assert catalog.garbage(0.0) == [self.LEFT]
        assert catalog.mark_garbage([]) == 0
        assert catalog.garbage(0.0) == []

    def test_who_works_since_before_the_mark_is_waited_for(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "worker", 60.0)
        assert lease is not None
        catalog.mark_garbage([self.LEFT])
        later = catalog.take_lease(digest("b"), "worker", 60.0)
        assert later is not None and catalog.garbage(0.0) == []
        catalog.release_lease(lease)
        assert catalog.garbage(0.0) == [self.LEFT]

    def test_what_a_feature_needs_is_not_collected(self, catalog: Catalog) -> None:
        file = Blob(digest("file"), 3)
        made = kept(catalog, "a", files=(file,))
        assert self._collected(catalog, made.value, file, self.LEFT) == [self.LEFT.sha256]
        assert catalog.garbage(0.0) == []

    @pytest.mark.parametrize("kind", ["value", "file"])
    def test_who_stored_it_before_it_was_collected_is_refused(self, catalog: Catalog, kind: str) -> None:
        new = feature("a", value=self.LEFT.sha256) if kind == "value" else feature("a", files=(self.LEFT,))
        before = catalog.take_lease(new.trace.recipe, "worker", 60.0)
        assert before is not None
        self._collected(catalog, self.LEFT)
        assert catalog.garbage(0.0) == []
        with pytest.raises(BlobCollectedError):
            catalog.commit(before, new, key=key_of("a"), epoch=0)
        assert catalog.holder(new.trace.recipe) == before
        catalog.release_lease(before)
        assert keep(catalog, new, key=key_of("a")).recipe == new.trace.recipe

    def test_what_came_back_is_marked_anew(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "worker", 60.0)
        assert lease is not None
        self._collected(catalog, self.LEFT)
        # Who lists blobs may have seen it before, and the worker may have stored it before.
        assert catalog.mark_garbage([self.LEFT]) == 0
        with pytest.raises(BlobCollectedError):
            catalog.commit(lease, feature("a", value=self.LEFT.sha256), key=key_of("a"), epoch=0)
        catalog.release_lease(lease)
        assert catalog.mark_garbage([self.LEFT]) == 1
        assert catalog.garbage(0.0) == [self.LEFT]

    def test_what_blobs_take_up_is_told_by_kind_algorithm_and_version(self, catalog: Catalog) -> None:
        file = Blob(digest("file"), 100)
        kept(catalog, "a", value_size=1, files=(file,))
        kept(catalog, "b", value_size=2, files=(file,), assets=(OTHER,))
        kept(catalog, "c", value=digest("same"), value_size=4, version="2")
        kept(catalog, "d", value=digest("same"), value_size=4, version="2", assets=(OTHER,))
        assert catalog.usage() == [
            Usage("value", "shots", "1", 2, 3),
            Usage("value", "shots", "2", 1, 4),
            Usage("file", "shots", "1", 1, 100),
        ]


class RetentionTests(CatalogTests):
    """Newer versions supersede older ones of the same assets, unless somebody holds on to them."""

    def _retained(self, catalog: Catalog, versions: int = 1, undo_seconds: float = 0.0) -> list[str]:
        """The names of the features that are left."""
        plan = catalog.plan_retention(versions, undo_seconds=undo_seconds, who="ann")
        before = len(catalog.find_traces(""))
        catalog.apply_plan(plan.id, who="bob")
        left = {trace.recipe for trace in catalog.find_traces("")}
        assert before - len(left) == plan.features
        assert catalog.problems() == []
        return [name for name in "abcdefgh" if digest(name) in left]

    def test_so_many_versions_stay_for_exactly_the_same_assets(self, catalog: Catalog) -> None:
        for name, version, assets in (
            ("a", "1", (FILM,)),
            ("b", "2", (FILM,)),
            ("c", "3", (FILM,)),
            ("d", "1", (OTHER,)),
            ("e", "1", (FILM, OTHER)),
            ("f", "2", (FILM, OTHER)),
        ):
            kept(catalog, name, version=version, assets=assets)
        kept(catalog, "g", version="3", settings='{"x":1}')
        assert self._retained(catalog, 3) == ["a", "b", "c", "d", "e", "f", "g"]
        assert self._retained(catalog, 2) == ["b", "c", "d", "e", "f", "g"]
        assert self._retained(catalog, 1) == ["c", "d", "f", "g"]
        assert catalog.lookup(key_of("a")).trace is None
        assert [note.action for note in catalog.audits()] == ["retain"] * 3

    def test_what_something_that_stays_was_made_from_stays(self, catalog: Catalog) -> None:
        first = kept(catalog, "a")
        second = kept(catalog, "b", algorithm="vectors", made_from=(first,))
        kept(catalog, "c", version="2")
        kept(catalog, "d", algorithm="pairs", made_from=(second,))
        kept(catalog, "e", algorithm="vectors", version="2", assets=(OTHER,))
        assert self._retained(catalog) == ["a", "b", "c", "d", "e"]
        kept(catalog, "f", algorithm="vectors", version="2")
        assert self._retained(catalog) == ["a", "b", "c", "d", "e", "f"]
        kept(catalog, "g", algorithm="pairs", version="2")
        assert self._retained(catalog) == ["c", "e", "f", "g"]

    def test_what_is_pinned_stays(self, catalog: Catalog) -> None:
        for name, version in (("a", "1"), ("b", "2"), ("c", "3")):
            kept(catalog, name, version=version)
        assert catalog.pin(Pin(digest("a"), "golden", "ann"))
        assert catalog.pin(Pin("shots@2", "in a paper", "ann"))
        assert not catalog.pin(Pin("shots@2", "in two papers", "bob"))
        told = [(pin.name, pin.reason, pin.who) for pin in catalog.pins()]
        assert told == sorted([(digest("a"), "golden", "ann"), ("shots@2", "in two papers", "bob")])
        assert self._retained(catalog) == ["a", "b", "c"]
        assert catalog.unpin("shots@2") and not catalog.unpin("shots@2")
        assert self._retained(catalog) == ["a", "c"]

    def test_what_was_disowned_stays_while_it_may_be_taken_back(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        plan = catalog.plan_invalidation(Disowned("shots", "1"), reason="wrong", who="ann")
        [number] = catalog.apply_plan(plan.id, who="ann").plan.ids
        kept(catalog, "b", generations=(number,))
        kept(catalog, "c", version="2")
        assert self._retained(catalog, 1, undo_seconds=3600.0) == ["a", "c"]
        going = catalog.plan_retention(1, undo_seconds=0.0, who="ann")
        day = f"{catalog.invalidations()[0].made_at:%Y-%m-%d}"
        entry = {"plan": plan.id, "what": "shots@1", "applied_on": day, "reason": "wrong"}
        assert going.detail["ended"] == [entry]
        catalog.apply_plan(going.id, who="bob")
        with pytest.raises(PlanStateError, match="was dropped as superseded on"):
            catalog.undo_plan(plan.id, who="ann")
        assert catalog.invalidations()[0].undo_ended_at is not None

    def test_what_no_undo_brings_back_goes(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        [record] = catalog.invalidate([Disowned("shots", "1")], reason="wrong", who="ann")
        kept(catalog, "b", generations=(record.id,))
        catalog.undo([record.id], who="ann")
        plan = catalog.plan_retention(1, undo_seconds=3600.0, who="ann")
        assert (plan.features, plan.detail["ended"]) == (1, [])
        assert self._retained(catalog, 1, undo_seconds=3600.0) == ["a"]
