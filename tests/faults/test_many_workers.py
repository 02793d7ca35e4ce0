"""Many clients in several processes want one feature while workers die and stand still: one result is accepted."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from amber.store.open import open_store
from amber.store.protocol import Store
from tests.faults.workers import CLIENTS, Crew, Worker, crew

#: How often a worker is killed or stopped in all.
COUNT = int(os.environ.get("AMBER_SOAK_COUNT") or (200 if "AMBER_SOAK" in os.environ else 8))


@pytest.fixture
def store(tmp_path: Path, database_url: str) -> Iterator[Store]:
    """The store that all use, with a look at it for the test."""
    made = open_store(tmp_path / "home", database_url)
    yield made
    made.close()


class Round:
    """Everybody asks for one feature, and the first worker that computes it is the victim.

    Args:
        crew: The workers.
        number: Names the feature.
    """

    def __init__(self, crew: Crew, number: int) -> None:
        self.crew = crew
        self.number = number
        self.committed: list[str] = []
        self.refused: list[Worker] = []
        self.computing: list[Worker] = []
        self.answers: dict[Worker, Counter[str]] = {}
        #: Whoever computes may end at once.
        self.goes_on = False
        self._asked = len(crew.workers)
        for worker in crew.workers:
            worker.tell("ask", number)

    def until_computed_by(self, count: int) -> Worker:
        """Wait until so many workers began to compute; the last of them."""
        while len(self.computing) < count:
            self._hear()
        return self.computing[count - 1]

    def until_refused(self, worker: Worker) -> None:
        """Wait until a worker was told that its lease is not the latest."""
        while worker not in self.refused:
            self._hear()

    def until_committed(self) -> None:
        """Let everybody go on, and wait until a result was accepted."""
        self.goes_on = True
        for worker in self.computing[1:]:
            worker.tell("go", self.number)
        while not self.committed:
            self._hear()

    def until_answered(self, clients_of: int) -> None:
        """Wait until the clients of so many workers have their answer."""
        while len(self.answers) < clients_of:
            self._hear()

    def _hear(self) -> None:
        worker, what, *more = self.crew.hear()
        if what == "computing":
            self.computing.append(worker)
            if self.goes_on:
                worker.tell("go", self.number)
        elif what == "answered":
            assert more[0] == self.number
            self.answers[worker] = more[1]
        elif what == "committed":
            assert not self.committed, "a second result was accepted"
            assert worker is not self.computing[0] or worker in self.refused, "accepted under a stale lease"
            self.committed += more
        elif what == "refused":
            self.refused.append(worker)

    def check(self, store: Store, clients_of: int) -> None:
        """One result was accepted, and everybody who lives has it."""
        print(f"round {self.number}: {len(self.computing)} computed, {len(self.refused)} refused")
        [sha256] = self.committed
        assert list(self.answers.values()) == [Counter({sha256: CLIENTS})] * clients_of
        assert store.blobs.read(sha256)


@pytest.mark.soak
@pytest.mark.timeout(60 + 15 * COUNT)
def test_when_a_worker_is_killed_another_computes_and_one_result_is_accepted(
    tmp_path: Path, database_url: str, store: Store
) -> None:
    with crew(tmp_path / "home", database_url) as workers:
        for number in range(COUNT // 2):
            this = Round(workers, number)
            workers.replace(this.until_computed_by(1))
            this.until_computed_by(2)
            this.until_committed()
            this.until_answered(3)
            this.check(store, 3)
            assert len(this.refused) == len(this.computing) - 2, "all but the dead one and the accepted one"
    assert len(store.catalog.find_traces("")) == COUNT // 2
    assert store.catalog.problems() == []


@pytest.mark.soak
@pytest.mark.timeout(60 + 15 * COUNT)
def test_a_worker_that_stood_still_past_its_lease_is_refused_and_has_the_accepted_result(
    tmp_path: Path, database_url: str, store: Store
) -> None:
    with crew(tmp_path / "home", database_url) as workers:
        for number in range(COUNT // 2):
            this = Round(workers, number)
            stopped = this.until_computed_by(1)
            stopped.stop()
            assert this.until_computed_by(2) is not stopped
            if number % 2:
                this.until_committed()
            stopped.wake()  # before the other one is done, or after
            stopped.tell("go", number)
            this.until_refused(stopped)
            this.until_committed()
            this.until_answered(4)
            this.check(store, 4)
            assert len(this.refused) == len(this.computing) - 1, "all but the accepted one"
    assert len(store.catalog.find_traces("")) == COUNT // 2
    assert store.catalog.problems() == []
