"""Promises about asks in flight."""

from collections.abc import Callable
from dataclasses import replace

from amber.store.jobs import BACKGROUND, WAITED, Ending, Job, Progress
from amber.store.protocol import Catalog
from amber.testing.rows import FILM, OTHER, CatalogTests, digest, failed, job, key_of
from amber.testing.threads import at_once


def claimed(catalog: Catalog, name: str, *, owner: str = "worker", seconds: float = 60.0) -> Job:
    """A job that was asked for and claimed."""
    catalog.ask_job(job(name), "ann")
    found = catalog.claim_job(owner, seconds, key=key_of(name))
    assert found is not None, "nobody else claimed it"
    return found


class JobTests(CatalogTests):
    """There is one job a key; whoever claims it is alone with it until the claim ends."""

    def test_an_ask_is_queued_as_it_was_put(self, catalog: Catalog) -> None:
        put = job("a", assets=(FILM, OTHER))
        there = catalog.ask_job(put, "ann")
        assert there == replace(
            put, revision=1, created_at=there.created_at, changed_at=there.changed_at, state="queued"
        )
        assert there.created_at > 1_700_000_000
        assert catalog.job(key_of("a")) == there
        assert catalog.job(key_of("b")) is None
        assert catalog.find_jobs([key_of("a"), key_of("b")]) == {key_of("a"): there}

    def test_who_asks_for_the_same_joins(self, catalog: Catalog) -> None:
        first = catalog.ask_job(job("a"), "ann")
        assert catalog.ask_job(job("a"), "bob") == first
        assert catalog.ask_job(job("a"), "bob") == first
        assert catalog.askers(key_of("a")) == {"ann", "bob"}
        assert catalog.count_jobs() == {"queued": 1}

    def test_of_many_that_ask_at_once_all_are_heard_and_one_job_is_made(self, catalog: Catalog) -> None:
        def ask(number: int) -> Callable[[], Job]:
            return lambda: catalog.ask_job(job("a"), f"asker {number}")

        answers = at_once([ask(number) for number in range(8)])
        assert {answer.created_at for answer in answers} == {answers[0].created_at}
        assert len(catalog.askers(key_of("a"))) == 8

    def test_many_jobs_are_asked_for_at_once(self, catalog: Catalog) -> None:
        ended = catalog.ask_job(job("b"), "ann")
        catalog.withdraw_job(ended.key, None)
        asked = catalog.ask_jobs([job(name) for name in "abc"], "tester")
        assert [(one.key, one.state) for one in asked] == [(key_of(name), "queued") for name in "abc"]
        assert [catalog.job(one.key) for one in asked] == asked
        assert all(catalog.askers(one.key) == {"tester"} for one in asked)
        assert catalog.ask_jobs([], "tester") == []

    def test_of_many_jobs_each_is_made_joined_or_asked_for_again(self, catalog: Catalog) -> None:
        for name in ("joined", "urgent", "ended"):
            catalog.ask_job(replace(job(name), priority=BACKGROUND), "first")
        claim = catalog.claim_job("worker", 60.0, key=key_of("ended"))
        assert claim is not None and catalog.finish_job(claim, Ending("failed", error="SomeError"))
        wanted = [
            replace(job(name), priority=BACKGROUND if name == "joined" else WAITED)
            for name in ("new", "joined", "urgent", "ended", "new")
        ]
        new, joined, urgent, again, same = catalog.ask_jobs(wanted, "second")
        assert new == same == catalog.job(key_of("new"))
        assert (new.state, new.revision, new.priority) == ("queued", 1, WAITED)
        assert joined == catalog.job(key_of("joined")) and joined.priority == BACKGROUND
        assert urgent == catalog.job(key_of("urgent")) and urgent.priority == WAITED
        assert again == catalog.job(key_of("ended")) and (again.state, again.error) == ("queued", "")
        assert again.fence > claim.fence and again.revision > claim.revision
        assert [catalog.askers(key_of(name)) for name in ("new", "joined", "urgent", "ended")] == [
            {"second"},
            {"first", "second"},
            {"first", "second"},
            {"second"},
        ]

    def test_many_ask_at_once_for_many_jobs_and_none_waits_for_ever(self, catalog: Catalog) -> None:
        def ask(number: int) -> Callable[[], int]:
            names = [str(name) for name in range(number, number + 20)]
            return lambda: len(catalog.ask_jobs([job(name) for name in names], f"asker {number}"))

        assert at_once([ask(number) for number in range(6)]) == [20] * 6
        assert catalog.count_jobs() == {"queued": 25}
        assert len(catalog.askers(key_of("10"))) == 6

    def test_a_job_is_claimed_by_one(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a", owner="one")
        assert (mine.state, mine.owner) == ("running", "one") and mine.started_at >= mine.created_at
        assert catalog.claim_job("two", 60.0, key=key_of("a")) is None
        assert catalog.claim_job("two", 60.0, closures=[digest("closure")]) is None
        assert catalog.job_owners() == {"one"}

    def test_of_many_that_claim_at_once_each_gets_another(self, catalog: Catalog) -> None:
        for number in range(8):
            catalog.ask_job(job(str(number)), "ann")

        def claim(number: int) -> Callable[[], Job | None]:
            def work() -> Job | None:
                found = None
                while found is None:  # a database may pass over a row that another one is just claiming
                    found = catalog.claim_job(f"worker {number}", 60.0, closures=[digest("closure")])
                return found

            return work

        found = at_once([claim(number) for number in range(8)])
        assert {one.key for one in found if one} == {key_of(str(number)) for number in range(8)}

    def test_jobs_are_claimed_in_the_order_of_their_asks(self, catalog: Catalog) -> None:
        for name in "cab":
            catalog.ask_job(job(name), "ann")
        found = [catalog.claim_job("worker", 60.0, closures=[digest("closure")]) for _ in range(3)]
        assert [one.key for one in found if one] == [key_of(name) for name in "cab"]

    def test_a_worker_leaves_closures_alone_that_it_does_not_name(self, catalog: Catalog) -> None:
        for name, closure in (("a", "old"), ("b", "new"), ("c", "new")):
            catalog.ask_job(job(name, closure=closure), "ann")
        assert catalog.claim_job("worker", 60.0, closures=[]) is None
        assert catalog.claim_job("worker", 60.0, closures=[digest("other")]) is None
        assert [one.key for one in catalog.open_jobs()] == [key_of("a"), key_of("b")]
        found = catalog.claim_job("worker", 60.0, closures=[digest("new")])
        assert found is not None and found.key == key_of("b")
        assert [one.key for one in catalog.open_jobs()] == [key_of("a"), key_of("c")]

    def test_an_expired_claim_is_taken_over_and_the_old_one_is_no_longer_heard(
        self, catalog: Catalog
    ) -> None:
        lost = claimed(catalog, "a", seconds=0.0)
        assert [one.key for one in catalog.open_jobs()] == [key_of("a")]
        taken = catalog.claim_job("two", 60.0, closures=[digest("closure")])
        assert taken is not None and taken.fence > lost.fence and taken.owner == "two"
        assert catalog.renew_jobs([lost, taken], 60.0) == {key_of("a")}
        assert not catalog.tell_job(lost, Progress("shots", 1, 2))
        assert not catalog.finish_job(lost, Ending("failed", error="SomeError"))
        assert not catalog.hand_back_job(lost)
        there = catalog.job(key_of("a"))
        assert there is not None and (there.state, there.owner) == ("running", "two")

    def test_the_claim_of_the_dead_is_taken_over_at_once(self, catalog: Catalog) -> None:
        claimed(catalog, "a", owner="dead")
        assert catalog.open_jobs() == []
        assert [one.key for one in catalog.open_jobs(["dead"])] == [key_of("a")]
        assert catalog.claim_job("two", 60.0, key=key_of("a"), dead=["other"]) is None
        taken = catalog.claim_job("two", 60.0, key=key_of("a"), dead=["dead"])
        assert taken is not None and taken.owner == "two"

    def test_a_claim_is_prolonged(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a")
        assert catalog.renew_jobs([mine], 600.0) == {key_of("a")}
        there = catalog.job(key_of("a"))
        assert there is not None and there.expires_at > mine.expires_at + 500
        assert there.revision == mine.revision, "a heartbeat is no news"

    def test_progress_is_told_and_raises_the_revision(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a")
        told = Progress("shots", 10, 240, "frames", 1, 5, 7.5)
        assert catalog.tell_job(mine, told)
        there = catalog.job(key_of("a"))
        assert there is not None and there.progress == told
        assert there.revision == mine.revision + 1 and there.changed_at >= mine.changed_at

    def test_a_ready_job_says_which_feature_it_is(self, catalog: Catalog) -> None:
        ending = Ending("ready", recipe=digest("recipe"), made='[{"algorithm": "shots"}]')
        assert catalog.finish_job(claimed(catalog, "a"), ending)
        there = catalog.job(key_of("a"))
        assert there is not None and there.is_ended
        assert (there.state, there.owner, there.recipe, there.made) == (
            "ready",
            "",
            ending.recipe,
            ending.made,
        )
        assert catalog.count_jobs() == {"ready": 1}
        assert catalog.jobs(ended=False) == []

    def test_a_ready_job_that_only_its_worker_wanted_is_removed(self, catalog: Catalog) -> None:
        assert catalog.finish_job(claimed(catalog, "a"), Ending("ready", digest("r")), asker="ann")
        assert catalog.job(key_of("a")) is None
        mine = claimed(catalog, "b")
        catalog.ask_job(job("b"), "bob")
        assert catalog.finish_job(mine, Ending("ready", digest("r")), asker="ann")
        assert catalog.askers(key_of("b")) == {"bob"}
        there = catalog.job(key_of("b"))
        assert there is not None and there.state == "ready"

    def test_a_failed_job_says_why_and_is_asked_for_anew(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a")
        assert catalog.finish_job(mine, Ending("failed", error="SomeError", message="ß"), asker="ann")
        there = catalog.job(key_of("a"))
        assert there is not None and (there.state, there.error, there.message) == (
            "failed",
            "SomeError",
            "ß",
        )
        again = catalog.ask_job(job("a"), "bob")
        assert (again.state, again.error, again.progress) == ("queued", "", Progress())
        assert again.revision > there.revision and again.fence > mine.fence
        assert catalog.askers(key_of("a")) == {"bob"}

    def test_a_job_that_is_handed_back_is_open_to_all(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a")
        assert catalog.hand_back_job(mine)
        assert not catalog.tell_job(mine, Progress())
        assert catalog.claim_job("two", 60.0, closures=[digest("closure")]) is not None

    def test_a_job_is_cancelled_when_nobody_wants_it_any_more(self, catalog: Catalog) -> None:
        mine = claimed(catalog, "a")
        catalog.ask_job(job("a"), "bob")
        there = catalog.withdraw_job(key_of("a"), "ann")
        assert there is not None and there.state == "running"
        there = catalog.withdraw_job(key_of("a"), "ann")
        assert there is not None and there.state == "running", "withdrawing twice is withdrawing once"
        there = catalog.withdraw_job(key_of("a"), "bob")
        assert there is not None and there.state == "cancelled"
        assert catalog.renew_jobs([mine], 60.0) == set()
        assert not catalog.tell_job(mine, Progress())
        assert catalog.claim_job("two", 60.0, closures=[digest("closure")]) is None
        assert catalog.ask_job(job("a"), "cyd").state == "queued"

    def test_everybodys_ask_is_taken_back_at_once(self, catalog: Catalog) -> None:
        catalog.ask_job(job("a"), "ann")
        catalog.ask_job(job("a"), "bob")
        there = catalog.withdraw_job(key_of("a"), None)
        assert there is not None and there.state == "cancelled"
        assert catalog.withdraw_job(key_of("b"), None) is None

    def test_a_job_that_has_ended_cannot_be_cancelled(self, catalog: Catalog) -> None:
        catalog.finish_job(claimed(catalog, "a"), Ending("ready", digest("r")))
        there = catalog.withdraw_job(key_of("a"), "ann")
        assert there is not None and there.state == "ready"

    def test_jobs_are_listed_in_pages(self, catalog: Catalog) -> None:
        keys = sorted(key_of(str(number)) for number in range(5))
        for number in range(5):
            catalog.ask_job(job(str(number)), "ann")
        assert [one.key for one in catalog.jobs(limit=2)] == keys[:2]
        assert [one.key for one in catalog.jobs(after=keys[1], limit=2)] == keys[2:4]
        assert [one.key for one in catalog.jobs(after=keys[3])] == keys[4:]

    def test_old_jobs_that_have_ended_are_pruned(self, catalog: Catalog) -> None:
        catalog.finish_job(claimed(catalog, "a"), Ending("ready", digest("r")))
        claimed(catalog, "b")
        assert catalog.prune_jobs(3600.0) == 0
        assert catalog.prune_jobs(0.0) == 1
        assert [one.key for one in catalog.jobs()] == [key_of("b")]
        assert catalog.askers(key_of("a")) == set()
        catalog.end_job(key_of("b"))
        catalog.end_job(key_of("b"))
        assert catalog.jobs() == []

    def test_failed_jobs_go_with_the_failures_of_their_assets(self, catalog: Catalog) -> None:
        for name, asset in (("a", FILM), ("b", OTHER)):
            catalog.ask_job(job(name, assets=(asset,)), "ann")
            mine = catalog.claim_job("worker", 60.0, key=key_of(name))
            assert mine is not None
            catalog.finish_job(mine, Ending("failed", error="SomeError"))
        claimed(catalog, "c")
        catalog.put_failure(failed("x", assets=(FILM,)))
        assert catalog.clear_failures(algorithm="motion", asset=FILM) == 0
        assert [name for name in "abc" if catalog.job(key_of(name))] == ["b", "c"]
        catalog.clear_failures(algorithm="motion")
        assert [name for name in "abc" if catalog.job(key_of(name))] == ["c"]
