"""Promises about sets: in each, every member stands for itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from amber.errors import (
    AmberError,
    AssetForgottenError,
    BlobCollectedError,
    FeatureNotFoundError,
    StaleLeaseError,
)
from amber.store.jobs import BACKGROUND, Ending, Finish, Job, Progress
from amber.store.protocol import Catalog, Commit, Disowned, Lease, LeaseAsk, Link, NewTrace, Store, Trace
from amber.testing.rows import FILM, OTHER, CatalogTests, asset, digest, failed, feature, job, kept, key_of
from amber.testing.threads import at_once


def _taken(catalog: Catalog, *names: str) -> list[Lease]:
    """The leases on recipes of these names, which nobody else has."""
    found = catalog.take_leases([LeaseAsk(digest(name), (FILM,)) for name in names], "tester", 60.0)
    leases = [lease for lease in found if isinstance(lease, Lease)]
    assert len(leases) == len(names), found
    return leases


def _commit(lease: Lease, new: NewTrace, name: str, *, epoch: int = 0, lost: str | None = None) -> Commit:
    return Commit(lease, new, key_of(name), epoch, lost)


def _take_down(catalog: Catalog, name: str) -> None:
    catalog.apply_plan(catalog.plan_forget(name, reason="rights", who="ann").id, who="bob")


def _kinds(answers: Sequence[object]) -> list[type]:
    return [type(answer) for answer in answers]


class SetTests(CatalogTests):
    """What is done to many rows at once is done to each as if it were alone."""

    def test_of_many_leases_those_are_taken_that_are_free(self, catalog: Catalog) -> None:
        held = catalog.take_lease(digest("held"), "other", 60.0)
        expired = catalog.take_lease(digest("expired"), "other", 0.0)
        dead = catalog.take_lease(digest("dead"), "other", 60.0)
        assert held and expired and dead
        names = ("free", "held", "expired", "dead", "free")
        asked = [LeaseAsk(digest(name)) for name in names]
        asked[3] = replace(asked[3], despite_fence=dead.fence)
        free, no, late, inherited, twice = catalog.take_leases(asked, "tester", 60.0)
        assert isinstance(free, Lease) and isinstance(late, Lease) and isinstance(inherited, Lease)
        assert no is None and twice is None
        assert (free.taken_over, late.taken_over, inherited.taken_over) == (False, True, True)
        assert len({free.fence, late.fence, inherited.fence}) == 3
        assert min(free.fence, late.fence, inherited.fence) > dead.fence
        assert [catalog.holder(digest(name)) for name in names[:4]] == [free, held, late, inherited]
        assert catalog.take_leases([], "tester", 60.0) == []

    def test_leases_are_refused_for_what_was_taken_down_alone(self, catalog: Catalog) -> None:
        catalog.put_asset(asset(OTHER))
        _take_down(catalog, OTHER)
        asked = [LeaseAsk(digest("a"), (FILM,)), LeaseAsk(digest("b"), (FILM, OTHER))]
        taken, refused = catalog.take_leases(asked, "tester", 60.0)
        assert isinstance(taken, Lease) and isinstance(refused, AssetForgottenError)
        assert catalog.holder(digest("b")) is None

    def test_of_many_that_take_the_same_leases_at_once_each_is_taken_once(self, catalog: Catalog) -> None:
        names = [str(number) for number in range(12)]

        def work(number: int) -> Callable[[], Sequence[Lease | AmberError | None]]:
            turned = names[number:] + names[:number]
            asked = [LeaseAsk(digest(name)) for name in turned]
            return lambda: catalog.take_leases(asked, f"worker {number}", 60.0)

        answers = [one for some in at_once([work(number) for number in range(6)]) for one in some]
        taken = [lease for lease in answers if isinstance(lease, Lease)]
        assert sorted(lease.recipe for lease in taken) == sorted(map(digest, names))
        assert len({lease.fence for lease in taken}) == len(names)

    def test_many_are_committed_and_linked_at_once(self, catalog: Catalog) -> None:
        source = kept(catalog, "source")
        names = [str(number) for number in range(700)]  # more than one statement takes
        new = [feature(name, settings=f"{at % 3}", made_from=(source,)) for at, name in enumerate(names)]
        catalog.put_failure(failed("5"))
        leases = _taken(catalog, *names)
        made = catalog.commit_all([_commit(*one) for one in zip(leases, new, names, strict=True)])
        assert [one.recipe for one in made if isinstance(one, Trace)] == [digest(name) for name in names]
        assert catalog.linked_traces([key_of(name) for name in names]) == {
            key_of(name): one for name, one in zip(names, made, strict=True)
        }
        assert catalog.holder(digest("3")) is None and catalog.failure(digest("5")) is None
        assert len(catalog.used_by(source.recipe)) == len(names)
        assert catalog.mean_seconds() == {("shots", "1"): 1.5}
        assert sum(account.computed for account in catalog.accounts()) == len(names) + 1
        assert catalog.problems() == []
        assert catalog.commit_all([]) == []

    def test_a_commit_that_is_refused_leaves_the_others_alone(self, store: Store) -> None:
        catalog = store.catalog
        catalog.put_asset(asset(OTHER))
        leases = _taken(catalog, "good", "stale", "orphan", "gone", "other")
        _take_down(catalog, OTHER)
        stale = replace(leases[1], fence=leases[1].fence - 1)
        unknown = feature("unknown").trace
        answers = catalog.commit_all(
            [
                _commit(stale, feature("stale"), "stale"),
                _commit(leases[0], feature("good"), "good", epoch=1),
                _commit(leases[2], feature("orphan", made_from=(unknown,)), "orphan"),
                _commit(leases[3], feature("gone", assets=(OTHER,)), "gone"),
                _commit(leases[4], feature("another"), "another"),
                _commit(leases[0], feature("good"), "twice", epoch=1),
            ]
        )
        refusals = [StaleLeaseError, FeatureNotFoundError, AssetForgottenError]
        assert _kinds(answers) == [refusals[0], Trace, *refusals[1:], StaleLeaseError, StaleLeaseError]
        assert catalog.features(FILM) == [answers[1]]
        assert catalog.lookup(key_of("good")).trace == answers[1]
        assert catalog.lookup(key_of("twice")).trace is None
        assert catalog.holder(digest("good")) is None
        assert [catalog.holder(digest(name)) for name in ("stale", "orphan", "other")] == [
            leases[1],
            leases[2],
            leases[4],
        ]
        assert [(one.computed, one.seconds) for one in catalog.accounts()] == [(1, 1.5)]

    def test_a_commit_of_what_was_collected_is_refused_alone(self, store: Store) -> None:
        catalog = store.catalog
        first, second = _taken(catalog, "a", "b")
        lost = feature("a").trace.value
        catalog.collect([lost.sha256], lambda *digests: None)
        refused, made = catalog.commit_all(
            [_commit(first, feature("a"), "a"), _commit(second, feature("b"), "b")]
        )
        assert isinstance(refused, BlobCollectedError) and isinstance(made, Trace)
        assert catalog.features(FILM) == [made]

    def test_of_many_commits_those_are_linked_whose_epoch_it_still_is(self, catalog: Catalog) -> None:
        catalog.invalidate([Disowned("motion", "1")], reason="wrong", who="tester")
        first, second = _taken(catalog, "late", "now")
        catalog.commit_all(
            [
                _commit(first, feature("late"), "late", epoch=0),
                _commit(second, feature("now"), "now", epoch=1),
            ]
        )
        assert catalog.linked_traces([key_of("late"), key_of("now")]).keys() == {key_of("now")}
        links = [Link(digest("x"), digest("late"), 1), Link(digest("y"), digest("late"), 0)]
        assert catalog.link_all([*links, Link(digest("z"), digest("nothing"), 1)]) == [True, False, False]
        assert catalog.linked_traces([digest("x"), digest("y"), digest("z")]).keys() == {digest("x")}

    def test_a_set_that_heals_leaves_what_was_made_from_the_lost_value_unlinked(
        self, catalog: Catalog
    ) -> None:
        old = kept(catalog, "a", value=digest("old"))
        twin = kept(catalog, "twin", value=digest("twin"))
        first, second, third = _taken(catalog, "b", "a", "twin")
        child, healed, other = catalog.commit_all(
            [
                _commit(first, feature("b", made_from=(old,)), "b"),
                _commit(second, feature("a", value=digest("new")), "a", lost=digest("old")),
                _commit(third, feature("twin", value=digest("2")), "twin", lost=twin.value.sha256),
            ]
        )
        assert isinstance(child, Trace) and isinstance(healed, Trace) and isinstance(other, Trace)
        assert healed.value.sha256 == digest("new") and other.value.sha256 == digest("2")
        assert catalog.lookup(key_of("b")).trace is None
        assert catalog.lookup(key_of("a")).trace == healed
        assert catalog.lookup(key_of("twin")).trace is None, "the first of them raised the epoch"
        assert catalog.snapshot().epoch == 2
        assert [entry.value for entry in catalog.made_from(digest("b"))] == [digest("old")]
        assert catalog.problems() == []

    def test_failures_of_many_are_read_at_once(self, catalog: Catalog) -> None:
        for name in "ab":
            catalog.put_failure(failed(name))
        assert catalog.failures([digest(name) for name in "abc"]) == {digest(n): failed(n) for n in "ab"}

    def test_many_jobs_are_claimed_at_once_in_turns_of_those_who_ask(self, catalog: Catalog) -> None:
        jobs = [replace(job(f"ann {at}"), requester="ann") for at in range(4)]
        jobs += [replace(job(f"bob {at}"), requester="bob") for at in range(2)]
        jobs += [replace(job("later"), requester="cyd", priority=BACKGROUND)]
        for one in jobs:
            catalog.ask_job(one, "tester")
        wanted = [digest("closure")]
        claimed = catalog.claim_jobs("worker", 60.0, most=5, closures=wanted)
        assert [one.key for one in claimed] == [
            key_of(name) for name in ("ann 0", "bob 0", "ann 1", "bob 1", "ann 2")
        ]
        assert all((one.state, one.owner) == ("running", "worker") for one in claimed)
        assert claimed == [catalog.job(one.key) for one in claimed]
        rest = catalog.claim_jobs("worker", 60.0, most=5, closures=wanted)
        assert [one.key for one in rest] == [key_of("ann 3"), key_of("later")]
        assert catalog.claim_jobs("worker", 60.0, most=5, closures=wanted) == []

    def test_of_many_that_claim_sets_at_once_no_job_is_claimed_twice(self, catalog: Catalog) -> None:
        names = [str(number) for number in range(40)]
        catalog.ask_jobs([job(name) for name in names], "tester")

        def work(number: int) -> Callable[[], list[Job]]:
            def claim() -> list[Job]:
                claimed: list[Job] = []
                while catalog.count_jobs().get("queued"):  # a database may pass over what another one claims
                    claimed += catalog.claim_jobs(
                        f"worker {number}", 60.0, most=7, closures=[digest("closure")]
                    )
                return claimed

            return claim

        claimed = [one.key for some in at_once([work(number) for number in range(4)]) for one in some]
        assert sorted(claimed) == sorted(map(key_of, names))

    def test_many_jobs_are_finished_at_once(self, catalog: Catalog) -> None:
        for name in "abcd":
            catalog.ask_job(job(name), "ann")
        catalog.ask_job(job("b"), "bob")
        claims = {
            one.key: one for one in catalog.claim_jobs("one", 60.0, most=4, closures=[digest("closure")])
        }
        a, b, c, d = (claims[key_of(name)] for name in "abcd")
        catalog.hand_back_job(d)
        ready = Ending("ready", digest("recipe"), "[]")
        told = catalog.finish_jobs(
            [
                Finish(d, ready),
                Finish(a, ready, asker="ann"),
                Finish(b, ready, "ann", Progress("shots", steps_done=2, steps_total=2)),
                Finish(c, Ending("failed", error="SomeError", message="why"), asker="ann"),
            ]
        )
        assert told == [False, True, True, True]
        assert catalog.job(a.key) is None, "nobody else wanted it"
        assert catalog.askers(b.key) == {"bob"}
        there = catalog.find_jobs([b.key, c.key, d.key])
        assert [there[one.key].state for one in (b, c, d)] == ["ready", "failed", "queued"]
        assert there[b.key].recipe == digest("recipe") and there[c.key].message == "why"
        assert (there[b.key].progress.steps_done, there[c.key].progress) == (2, c.progress)
        assert there[b.key].revision > b.revision and there[b.key].owner == ""
        assert catalog.finish_jobs([]) == []
