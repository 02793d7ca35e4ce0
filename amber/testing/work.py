"""Promises about leases, failures and invalidations."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from amber.errors import NotFoundError
from amber.store.protocol import Catalog, Disowned, Lease
from amber.testing.rows import FILM, OTHER, CatalogTests, digest, failed, kept, key_of
from amber.testing.threads import at_once


class LeaseTests(CatalogTests):
    """One worker at a time may compute a recipe, and a later lease has a larger fence."""

    def test_a_lease_is_taken_by_one(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "one", 60.0)
        assert lease is not None and (lease.recipe, lease.owner) == (digest("a"), "one")
        assert catalog.take_lease(digest("a"), "two", 60.0) is None
        assert catalog.take_lease(digest("a"), "one", 60.0) is None
        assert catalog.holder(digest("a")) == lease
        assert catalog.take_lease(digest("b"), "two", 60.0) is not None

    def test_an_expired_lease_is_taken_over_with_a_larger_fence(self, catalog: Catalog) -> None:
        first = catalog.take_lease(digest("a"), "one", 0.0)
        assert first is not None
        assert catalog.holder(digest("a")) is None
        second = catalog.take_lease(digest("a"), "two", 60.0)
        assert second is not None and second.fence > first.fence
        assert (first.taken_over, second.taken_over) == (False, True)

    def test_a_fence_is_never_given_twice(self, catalog: Catalog) -> None:
        fences = []
        for name in ("a", "b", "a", "a"):
            lease = catalog.take_lease(digest(name), "one", 60.0)
            assert lease is not None
            fences.append(lease.fence)
            catalog.release_lease(lease)
        assert fences == sorted(set(fences))

    def test_the_lease_of_a_dead_worker_is_taken_over_at_once(self, catalog: Catalog) -> None:
        dead = catalog.take_lease(digest("a"), "dead", 60.0)
        assert dead is not None
        taken = catalog.take_lease(digest("a"), "one", 60.0, despite_fence=dead.fence)
        assert taken is not None and taken.fence > dead.fence and taken.taken_over
        assert catalog.take_lease(digest("a"), "two", 60.0, despite_fence=dead.fence) is None
        assert catalog.holder(digest("a")) == taken

    def test_a_held_lease_is_prolonged(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "one", 60.0)
        assert lease is not None
        assert catalog.renew_leases([lease], 600.0) == {digest("a")}
        held = catalog.holder(digest("a"))
        assert held is not None and held.fence == lease.fence and held.expires_at > lease.expires_at + 500

    def test_only_who_takes_a_lease_over_is_told_so(self, catalog: Catalog) -> None:
        catalog.take_lease(digest("a"), "one", 0.0)
        taken = catalog.take_lease(digest("a"), "two", 60.0)
        assert taken is not None and taken.taken_over
        assert catalog.renew_leases([taken], 600.0) == {digest("a")}
        held = catalog.holder(digest("a"))
        assert held is not None and not held.taken_over

    def test_an_expired_lease_that_nobody_took_is_prolonged(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "one", 0.0)
        assert lease is not None
        assert catalog.renew_leases([lease], 60.0) == {digest("a")}
        assert catalog.take_lease(digest("a"), "two", 60.0) is None

    def test_a_lease_that_was_taken_over_or_released_is_not_prolonged(self, catalog: Catalog) -> None:
        lost = catalog.take_lease(digest("a"), "one", 0.0)
        taken = catalog.take_lease(digest("a"), "two", 60.0)
        released = catalog.take_lease(digest("b"), "one", 60.0)
        held = catalog.take_lease(digest("c"), "one", 60.0)
        assert lost and taken and released and held
        catalog.release_lease(released)
        assert catalog.renew_leases([lost, released, held], 600.0) == {digest("c")}
        assert catalog.holder(digest("a")) == taken
        assert catalog.holder(digest("b")) is None
        assert catalog.renew_leases([], 60.0) == set()

    def test_a_released_lease_is_free(self, catalog: Catalog) -> None:
        lease = catalog.take_lease(digest("a"), "one", 60.0)
        assert lease is not None
        catalog.release_lease(lease)
        free = catalog.take_lease(digest("a"), "two", 60.0)
        assert free is not None and not free.taken_over

    def test_releasing_a_lost_lease_leaves_the_new_one_alone(self, catalog: Catalog) -> None:
        lost = catalog.take_lease(digest("a"), "one", 0.0)
        taken = catalog.take_lease(digest("a"), "two", 60.0)
        assert lost is not None
        catalog.release_lease(lost)
        assert catalog.holder(digest("a")) == taken

    def test_of_many_that_ask_at_once_one_gets_the_lease(self, catalog: Catalog) -> None:
        def work(number: int) -> Callable[[], Lease | None]:
            return lambda: catalog.take_lease(digest("a"), f"worker {number}", 60.0)

        taken = [lease for lease in at_once([work(number) for number in range(8)]) if lease is not None]
        assert taken == [catalog.holder(digest("a"))]


class FailureTests(CatalogTests):
    """Failures are remembered until somebody forgets them."""

    def test_a_failure_reads_back_as_it_was_put(self, catalog: Catalog) -> None:
        put = failed("a", assets=(FILM, OTHER))
        catalog.put_failure(put)
        assert catalog.failure(digest("a")) == put
        assert catalog.failure(digest("b")) is None

    def test_a_later_failure_replaces_the_earlier(self, catalog: Catalog) -> None:
        catalog.put_failure(failed("a"))
        later = replace(failed("a"), attempts=3, retry_at=None, failure_class="input", message="ß")
        catalog.put_failure(later)
        assert catalog.failure(digest("a")) == later

    @pytest.mark.parametrize(
        ("algorithm", "asset", "left"),
        [
            (None, None, []),
            ("shots", None, ["motion of film", "motion of other"]),
            (None, FILM, ["shots of other", "motion of other"]),
            ("motion", OTHER, ["shots of film", "shots of both", "shots of other", "motion of film"]),
            (
                "people",
                None,
                ["shots of film", "shots of both", "shots of other", "motion of film", "motion of other"],
            ),
        ],
    )
    def test_failures_are_forgotten_by_algorithm_and_asset(
        self, catalog: Catalog, algorithm: str | None, asset: str | None, left: list[str]
    ) -> None:
        all_of_them = [
            "shots of film",
            "shots of both",
            "shots of other",
            "motion of film",
            "motion of other",
        ]
        assets = {"film": (FILM,), "other": (OTHER,), "both": (FILM, OTHER)}
        for name in all_of_them:
            of, _, what = name.partition(" of ")
            catalog.put_failure(failed(name, algorithm=of, assets=assets[what]))
        assert catalog.clear_failures(algorithm=algorithm, asset=asset) == len(all_of_them) - len(left)
        assert [name for name in all_of_them if catalog.failure(digest(name))] == left


class InvalidationTests(CatalogTests):
    """What is disowned gets a new generation; taking it back gives the old one again."""

    def test_ids_rise_and_are_never_used_twice(self, catalog: Catalog) -> None:
        first, second = catalog.invalidate(
            [Disowned("shots", "1"), Disowned("motion", "1")], reason="x", who="a"
        )
        catalog.undo([second.id, first.id], who="a")
        [third] = catalog.invalidate([Disowned("shots", "1")], reason="y", who="b")
        assert 0 < first.id < second.id < third.id
        assert catalog.invalidations() == [replace(first, undone=True), replace(second, undone=True), third]

    def test_a_record_reads_back_as_it_was_made(self, catalog: Catalog) -> None:
        disowned = [
            Disowned("shots", "1"),
            Disowned("shots", "2", (OTHER, FILM)),
            Disowned("motion", "1", ()),
        ]
        made = catalog.invalidate(disowned, reason="wrong", who="tester")
        assert [
            (one.algorithm, one.version, one.assets, one.reason, one.who, one.undone) for one in made
        ] == [
            ("shots", "1", None, "wrong", "tester", False),
            ("shots", "2", (FILM, OTHER), "wrong", "tester", False),
            ("motion", "1", (), "wrong", "tester", False),
        ]
        assert catalog.invalidations() == made

    def test_each_invalidation_and_each_undo_raises_the_epoch_once(self, catalog: Catalog) -> None:
        assert catalog.snapshot().epoch == 0
        made = catalog.invalidate([Disowned("shots", "1"), Disowned("motion", "1")], reason="x", who="a")
        assert catalog.snapshot().epoch == 1 == catalog.lookup(digest("key")).epoch
        catalog.undo([one.id for one in made], who="a")
        assert catalog.snapshot().epoch == 2 == catalog.lookup(key_of("b")).epoch

    def test_a_generation_is_the_latest_invalidation_that_covers(self, catalog: Catalog) -> None:
        disowned = [Disowned("shots", "1"), Disowned("shots", "1", (FILM,)), Disowned("shots", "2", (OTHER,))]
        everywhere, film, other = catalog.invalidate(disowned, reason="x", who="a")
        seen = catalog.snapshot()
        assert seen.generation("shots", "1", FILM) == film.id
        assert seen.generation("shots", "1", OTHER) == everywhere.id
        assert seen.generation("shots", "2", FILM) == 0
        assert seen.generation("shots", "2", OTHER) == other.id
        assert seen.generation("motion", "1", FILM) == 0

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_overlapping_invalidations_are_undone_in_any_order(
        self, catalog: Catalog, order: tuple[int, ...]
    ) -> None:
        disowned = [Disowned("shots", "1"), Disowned("shots", "1", (FILM,)), Disowned("shots", "1")]
        ids = [one.id for one in catalog.invalidate(disowned, reason="x", who="a")]
        in_force = dict(enumerate(ids))
        for at in order:
            catalog.undo([in_force.pop(at)], who="a")
            seen = catalog.snapshot()
            assert seen.generation("shots", "1", FILM) == max(in_force.values(), default=0)
            assert seen.generation("shots", "1", OTHER) == max(
                (number for at, number in in_force.items() if at != 1), default=0
            )
        assert catalog.snapshot().is_clean

    def test_undoing_twice_is_undoing_once(self, catalog: Catalog) -> None:
        [made] = catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        catalog.undo([made.id], who="a")
        catalog.undo([made.id], who="a")
        assert catalog.invalidations() == [replace(made, undone=True)]

    def test_undoing_what_was_never_done_is_refused_whole(self, catalog: Catalog) -> None:
        [made] = catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        with pytest.raises(NotFoundError):
            catalog.undo([made.id, made.id + 1], who="a")
        assert catalog.invalidations() == [made]
        assert catalog.snapshot().epoch == 1

    def test_an_invalidation_leaves_features_and_links_as_they_are(self, catalog: Catalog) -> None:
        made = kept(catalog, "a")
        catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        assert catalog.lookup(key_of("a")).trace == made

    def test_an_invalidation_forgets_the_failures_that_it_covers(self, catalog: Catalog) -> None:
        for name, algorithm, asset in (("a", "shots", FILM), ("b", "shots", OTHER), ("c", "motion", FILM)):
            catalog.put_failure(failed(name, algorithm=algorithm, assets=(asset,)))
        catalog.invalidate([Disowned("shots", "1", (FILM,))], reason="x", who="a")
        assert [name for name in "abc" if catalog.failure(digest(name))] == ["b", "c"]
        catalog.invalidate([Disowned("shots", "1")], reason="x", who="a")
        assert [name for name in "abc" if catalog.failure(digest(name))] == ["c"]

    def test_what_was_done_is_noted(self, catalog: Catalog) -> None:
        ids = [one.id for one in catalog.invalidate([Disowned("shots", "1")] * 2, reason="wrong", who="ann")]
        catalog.undo(ids[:1], who="bob")
        notes = [(note.action, note.who, dict(note.detail)) for note in catalog.audits()]
        assert notes == [
            ("invalidate", "ann", {"ids": ids, "reason": "wrong"}),
            ("undo", "bob", {"ids": ids[:1]}),
        ]
