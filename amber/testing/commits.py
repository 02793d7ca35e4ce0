"""Promises about committing, linking and healing."""

from collections.abc import Callable
from threading import Barrier

import pytest

from amber.errors import FeatureNotFoundError, StaleLeaseError
from amber.store.protocol import Blob, Catalog, Disowned, Lease, Trace
from amber.testing.rows import FILM, OTHER, CatalogTests, digest, failed, feature, keep, kept, key_of
from amber.testing.threads import at_once


def _lease(catalog: Catalog, name: str, seconds: float = 60.0) -> Lease:
    lease = catalog.take_lease(digest(name), "tester", seconds)
    assert lease is not None
    return lease


class CommitTests(CatalogTests):
    """A recipe is committed once, by who holds its lease, and linked only in the world that its ask saw."""

    def test_the_first_commit_of_a_recipe_wins(self, catalog: Catalog) -> None:
        first = kept(catalog, "a", value=digest("first"))
        assert kept(catalog, "a", value=digest("second")) == first
        assert catalog.lookup(key_of("a")).trace == first
        assert catalog.features(FILM) == [first]

    def test_the_first_commit_wins_among_several_keys(self, catalog: Catalog) -> None:
        first = kept(catalog, "a", value=digest("first"))
        keep(catalog, feature("a", value=digest("second")), key=digest("another key"))
        assert catalog.lookup(digest("another key")).trace == first

    def test_a_lease_that_was_taken_over_commits_nothing(self, catalog: Catalog) -> None:
        stale = _lease(catalog, "a", seconds=0.0)
        taken = _lease(catalog, "a")
        with pytest.raises(StaleLeaseError):
            catalog.commit(stale, feature("a", value=digest("late")), key=key_of("a"), epoch=0)
        assert catalog.lookup(key_of("a")).trace is None
        assert catalog.features(FILM) == []
        assert catalog.holder(digest("a")) == taken

    def test_a_released_lease_commits_nothing(self, catalog: Catalog) -> None:
        lease = _lease(catalog, "a")
        catalog.release_lease(lease)
        with pytest.raises(StaleLeaseError):
            catalog.commit(lease, feature("a"), key=key_of("a"), epoch=0)
        assert catalog.features(FILM) == []

    def test_a_commit_ends_its_lease(self, catalog: Catalog) -> None:
        lease = _lease(catalog, "a")
        catalog.commit(lease, feature("a"), key=key_of("a"), epoch=0)
        assert catalog.holder(digest("a")) is None
        with pytest.raises(StaleLeaseError):
            catalog.commit(lease, feature("a"), key=digest("another key"), epoch=0)
        assert catalog.lookup(digest("another key")).trace is None

    def test_a_lease_commits_its_own_recipe_alone(self, catalog: Catalog) -> None:
        _lease(catalog, "b")
        with pytest.raises(StaleLeaseError):
            catalog.commit(_lease(catalog, "a"), feature("b"), key=key_of("b"), epoch=0)
        assert catalog.features(FILM) == []

    def test_an_expired_lease_that_nobody_took_commits(self, catalog: Catalog) -> None:
        made = catalog.commit(_lease(catalog, "a", seconds=0.0), feature("a"), key=key_of("a"), epoch=0)
        assert catalog.lookup(key_of("a")).trace == made

    def test_a_commit_whose_lineage_names_nothing_is_refused_whole(self, catalog: Catalog) -> None:
        unknown = feature("unknown").trace
        lease = _lease(catalog, "a")
        with pytest.raises(FeatureNotFoundError):
            catalog.commit(lease, feature("a", made_from=(unknown,)), key=key_of("a"), epoch=0)
        assert catalog.features(FILM) == []
        assert catalog.mean_seconds() == {}
        assert catalog.holder(digest("a")) == lease

    def test_a_commit_after_the_epoch_moved_is_stored_and_not_linked(self, catalog: Catalog) -> None:
        before = catalog.snapshot().epoch
        catalog.invalidate([Disowned("motion", "1")], reason="wrong", who="tester")
        made = keep(catalog, feature("a"), key=key_of("a"), epoch=before)
        assert catalog.lookup(key_of("a")).trace is None
        assert catalog.traces([digest("a")]) == {digest("a"): made}

    def test_a_link_is_refused_after_the_epoch_moved(self, catalog: Catalog) -> None:
        made = kept(catalog, "a")
        before = catalog.snapshot().epoch
        catalog.invalidate([Disowned("motion", "1")], reason="wrong", who="tester")
        assert not catalog.link(digest("late"), made.recipe, before)
        assert catalog.lookup(digest("late")).trace is None
        assert catalog.link(digest("late"), made.recipe, catalog.snapshot().epoch)
        assert catalog.lookup(digest("late")).trace == made

    def test_a_key_is_linked_to_what_is_committed_alone(self, catalog: Catalog) -> None:
        assert not catalog.link(digest("key"), digest("unknown"), 0)
        assert catalog.lookup(digest("key")).trace is None

    def test_the_latest_link_of_a_key_holds(self, catalog: Catalog) -> None:
        kept(catalog, "a")
        second = kept(catalog, "b")
        assert catalog.link(key_of("a"), second.recipe, 0)
        assert catalog.lookup(key_of("a")).trace == second

    def test_a_commit_forgets_the_failure_of_its_recipe(self, catalog: Catalog) -> None:
        catalog.put_failure(failed("a"))
        catalog.put_failure(failed("b"))
        kept(catalog, "a")
        assert catalog.failure(digest("a")) is None
        assert catalog.failure(digest("b")) == failed("b")

    def test_of_many_that_commit_at_once_every_one_is_kept(self, catalog: Catalog) -> None:
        def work(number: int) -> Callable[[], Trace]:
            return lambda: kept(catalog, f"a{number}", settings=f"{number % 3}")

        made = at_once([work(number) for number in range(24)])
        assert {trace.recipe for trace in catalog.features(FILM)} == {trace.recipe for trace in made}
        assert catalog.problems() == []

    def test_of_many_that_want_a_recipe_one_computes_it(self, catalog: Catalog) -> None:
        gate = Barrier(8)

        def work(number: int) -> Callable[[], Trace | None]:
            def take() -> Trace | None:
                gate.wait()
                lease = catalog.take_lease(digest("a"), f"worker {number}", 60.0)
                gate.wait()
                if lease is None:
                    return None
                new = feature("a", value=digest("value", number))
                return catalog.commit(lease, new, key=key_of("a"), epoch=0)

            return take

        [made] = [trace for trace in at_once([work(number) for number in range(8)]) if trace is not None]
        assert catalog.lookup(key_of("a")).trace == made


class HealingTests(CatalogTests):
    """Where a value's bytes were lost and come out otherwise, what was made from them is not found any more."""

    def test_a_lost_value_gives_way_to_the_new_one(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"), seconds=2.0)
        new = kept(catalog, "a", value=digest("new"), seconds=4.0, lost=digest("old"))
        assert new.value.sha256 == digest("new")
        assert catalog.traces([old.recipe]) == {old.recipe: new}
        assert catalog.features(FILM) == [new]
        assert new.seconds == 4.0
        assert {blob for blob, _ in catalog.referenced_blobs()} == {new.value}
        assert catalog.mean_seconds() == {("shots", "1"): pytest.approx(3.0)}

    def test_a_heal_raises_the_epoch_and_leaves_a_note(self, catalog: Catalog) -> None:
        kept(catalog, "a", value=digest("old"))
        before = catalog.snapshot()
        kept(catalog, "a", value=digest("new"), lost=digest("old"))
        after = catalog.snapshot()
        assert after.epoch == before.epoch + 1
        [note] = catalog.audits()
        assert note.action == "heal" and note.at is not None
        assert note.detail == {"recipe": digest("a"), "lost": digest("old"), "value": digest("new")}

    def test_a_heal_changes_no_generation(self, catalog: Catalog) -> None:
        kept(catalog, "a", value=digest("old"))
        kept(catalog, "a", value=digest("new"), lost=digest("old"))
        assert catalog.invalidations() == []
        assert catalog.snapshot().is_clean

    def test_what_was_made_from_a_lost_value_is_not_linked_any_more(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        child = kept(catalog, "b", made_from=(old,))
        grandchild = kept(catalog, "c", made_from=(child,))
        beside = kept(catalog, "d")
        catalog.link(digest("another key"), old.recipe, 0)
        new = kept(catalog, "a", value=digest("new"), lost=digest("old"))
        assert catalog.lookup(key_of("b")).trace is None
        assert catalog.lookup(key_of("c")).trace is None
        assert catalog.lookup(digest("another key")).trace is None
        assert catalog.lookup(key_of("d")).trace == beside
        assert catalog.lookup(key_of("a")).trace == new
        assert catalog.traces([child.recipe, grandchild.recipe]) == {
            child.recipe: child,
            grandchild.recipe: grandchild,
        }

    def test_what_is_linked_through_an_equal_value_is_dropped_too(self, catalog: Catalog) -> None:
        twin = kept(catalog, "twin", value=digest("old"))
        kept(catalog, "a", value=digest("old"))
        kept(catalog, "b", value=digest("same"), made_from=(twin,))
        other = kept(catalog, "other", value=digest("same"))
        kept(catalog, "c", made_from=(other,))
        kept(catalog, "a", value=digest("new"), lost=digest("old"))
        assert catalog.lookup(key_of("b")).trace is None
        assert catalog.lookup(key_of("c")).trace is None
        assert catalog.lookup(key_of("twin")).trace == twin

    def test_lineage_still_names_the_value_that_entered(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        kept(catalog, "b", made_from=(old,))
        new = kept(catalog, "a", value=digest("new"), lost=digest("old"))
        kept(catalog, "c", made_from=(new,))
        assert [entry.value for entry in catalog.made_from(digest("b"))] == [digest("old")]
        assert [entry.value for entry in catalog.made_from(digest("c"))] == [digest("new")]
        assert [trace.recipe for trace in catalog.used_by(digest("a"))] == [digest("c"), digest("b")]

    def test_a_value_is_healed_as_often_as_it_is_lost(self, catalog: Catalog) -> None:
        first = kept(catalog, "a", value=digest("first"))
        kept(catalog, "b", made_from=(first,))
        second = kept(catalog, "a", value=digest("second"), lost=digest("first"))
        kept(catalog, "c", made_from=(second,))
        kept(catalog, "a", value=digest("first"), lost=digest("second"))
        catalog.link(key_of("b"), digest("b"), catalog.snapshot().epoch)
        kept(catalog, "a", value=digest("third"), lost=digest("first"))
        assert catalog.lookup(key_of("b")).trace is None
        assert catalog.lookup(key_of("c")).trace is None
        assert catalog.snapshot().epoch == 3

    def test_equal_bytes_heal_nothing(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        kept(catalog, "b", made_from=(old,))
        assert kept(catalog, "a", value=digest("old"), lost=digest("old")) == old
        assert catalog.lookup(key_of("b")).trace is not None
        assert catalog.snapshot().epoch == 0
        assert catalog.audits() == []

    def test_a_value_that_is_not_the_lost_one_stays(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        assert kept(catalog, "a", value=digest("new"), lost=digest("another")) == old
        assert catalog.snapshot().epoch == 0

    def test_an_ask_from_before_a_heal_links_nothing_after_it(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        kept(catalog, "a", value=digest("new"), lost=digest("old"))
        keep(catalog, feature("b", made_from=(old,)), key=key_of("b"), epoch=0)
        assert catalog.lookup(key_of("b")).trace is None
        assert not catalog.link(key_of("b"), digest("b"), 0)

    def test_a_heal_by_an_old_ask_is_stored_and_not_linked(self, catalog: Catalog) -> None:
        kept(catalog, "a", value=digest("old"))
        catalog.invalidate([Disowned("motion", "1")], reason="wrong", who="tester")
        new = keep(catalog, feature("a", value=digest("new")), key=key_of("a"), lost=digest("old"), epoch=0)
        assert catalog.lookup(key_of("a")).trace is None
        assert catalog.traces([digest("a")]) == {digest("a"): new}

    def test_files_of_a_healed_feature_are_the_new_ones(self, catalog: Catalog) -> None:
        stays, goes, comes = (Blob(digest(word), 10) for word in ("stays", "goes", "comes"))
        kept(catalog, "a", value=digest("old"), files=(stays, goes))
        new = kept(catalog, "a", value=digest("new"), files=(stays, comes), lost=digest("old"))
        assert {blob for blob, _ in catalog.referenced_blobs()} == {new.value, stays, comes}

    def test_lineage_of_a_healed_feature_is_the_new_one(self, catalog: Catalog) -> None:
        first = kept(catalog, "x", assets=(OTHER,))
        second = kept(catalog, "y")
        kept(catalog, "a", value=digest("old"), made_from=(first, second))
        kept(catalog, "a", value=digest("new"), made_from=(second,), lost=digest("old"))
        assert [entry.recipe for entry in catalog.made_from(digest("a"))] == [second.recipe]
        assert catalog.used_by(first.recipe) == []
        assert catalog.problems() == []

    def test_a_stale_lease_heals_nothing(self, catalog: Catalog) -> None:
        old = kept(catalog, "a", value=digest("old"))
        stale = _lease(catalog, "a", seconds=0.0)
        _lease(catalog, "a")
        with pytest.raises(StaleLeaseError):
            catalog.commit(
                stale, feature("a", value=digest("new")), key=key_of("a"), epoch=0, lost=digest("old")
            )
        assert catalog.lookup(key_of("a")).trace == old
        assert catalog.audits() == []
