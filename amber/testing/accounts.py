"""Promises about the sums of costs, and about who goes first."""

from dataclasses import replace

from amber.store.accounts import Account
from amber.store.jobs import BACKGROUND, WAITED
from amber.store.protocol import Catalog
from amber.testing.rows import CatalogTests, digest, feature, job, keep, kept, key_of
from amber.testing.threads import at_once


class AccountTests(CatalogTests):
    """Sums are by algorithm, version, requester and kind of machine; commits add to them by themselves."""

    def test_nothing_was_spent_at_first(self, catalog: Catalog) -> None:
        assert catalog.accounts() == []

    def test_a_commit_adds_what_it_took(self, catalog: Catalog) -> None:
        made = [kept(catalog, "a"), kept(catalog, "b")]
        [sums] = catalog.accounts()
        cost = catalog.cost(made[0].recipe)
        assert cost is not None
        assert (sums.algorithm, sums.version, sums.requester, sums.computed) == ("shots", "1", "", 2)
        assert sums.seconds == sum(one.seconds for one in made)
        assert (sums.cpu_seconds, sums.bytes_read) == (2 * cost.cpu_seconds, 2 * cost.bytes_read)
        assert (sums.peak_memory_bytes, sums.hits) == (cost.peak_memory_bytes, 0)

    def test_kinds_of_machines_are_told_apart(self, catalog: Catalog) -> None:
        for name, machine in (("a", "2 × fast"), ("b", "8 × slow"), ("c", "2 × fast")):
            keep(catalog, replace(feature(name), machine=machine), key=key_of(name))
        assert [(one.machine, one.computed, one.seconds) for one in catalog.accounts()] == [
            ("2 × fast", 2, 3.0),
            ("8 × slow", 1, 1.5),
        ]

    def test_savings_are_added_and_the_most_memory_is_kept(self, catalog: Catalog) -> None:
        one = Account("shots", "1", "ann", hits=2, saved_seconds=3.0, saved_bytes=900, peak_memory_bytes=10)
        other = replace(one, requester="bob")
        catalog.add_accounts([one, other])
        catalog.add_accounts([replace(one, hits=1, saved_seconds=0.5, saved_bytes=100, peak_memory_bytes=7)])
        assert catalog.accounts() == [replace(one, hits=3, saved_seconds=3.5, saved_bytes=1000), other]

    def test_a_batch_counts_once(self, catalog: Catalog) -> None:
        one = Account("shots", "1", "ann", hits=1, saved_seconds=0.25)
        assert catalog.add_accounts([one], batch="first")
        assert not catalog.add_accounts([one], batch="first")
        assert catalog.add_accounts([one], batch="second")
        added = at_once([lambda: catalog.add_accounts([one], batch="third")] * 4)
        assert sorted(added) == [False, False, False, True]
        assert catalog.accounts() == [replace(one, hits=3, saved_seconds=0.75)]
        assert catalog.duties() == []

    def test_of_many_that_add_at_once_all_count(self, catalog: Catalog) -> None:
        one = Account("shots", "1", "ann", hits=1, saved_seconds=0.25)
        at_once([lambda: catalog.add_accounts([one])] * 8)
        assert catalog.accounts() == [replace(one, hits=8, saved_seconds=2.0)]


class UrgencyTests(CatalogTests):
    """The urgent goes first, and requesters take turns."""

    def test_who_waits_goes_before_a_backfill(self, catalog: Catalog) -> None:
        catalog.ask_job(replace(job("a"), priority=BACKGROUND, requester="backfill"), "backfill")
        assert catalog.most_urgent([digest("closure")]) == BACKGROUND
        catalog.ask_job(replace(job("b"), priority=WAITED, requester="ann"), "ann")
        assert catalog.most_urgent([digest("closure")]) == WAITED
        assert catalog.most_urgent([digest("other")]) is None
        assert [self._claimed(catalog) for _ in range(2)] == [key_of("b"), key_of("a")]

    def test_a_job_that_somebody_comes_to_wait_for_becomes_urgent(self, catalog: Catalog) -> None:
        for name in "ab":
            catalog.ask_job(replace(job(name), priority=BACKGROUND, requester="backfill"), "backfill")
        joined = catalog.ask_job(replace(job("b"), priority=WAITED, requester="ann"), "ann")
        assert (joined.priority, joined.requester) == (WAITED, "backfill")
        assert self._claimed(catalog) == key_of("b")
        again = catalog.ask_job(replace(job("b"), priority=BACKGROUND), "backfill")
        assert again.priority == WAITED, "nothing is less urgent because a backfill wants it, too"

    def test_requesters_take_turns(self, catalog: Catalog) -> None:
        for name in "abc":
            catalog.ask_job(replace(job(name), requester="ann"), "ann")
        catalog.ask_job(replace(job("d"), requester="bob"), "bob")
        assert [self._claimed(catalog) for _ in range(3)] == [key_of("a"), key_of("d"), key_of("b")]

    def _claimed(self, catalog: Catalog) -> str:
        found = catalog.claim_job("worker", 60.0, closures=[digest("closure")])
        assert found is not None, "there is one"
        return found.key
