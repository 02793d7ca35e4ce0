"""Workers: they take what they have loaded, go on where others died, and stop when nobody wants the result."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.client import Amber
from amber.engine.ask import Ask
from amber.engine.events import StepEvent
from amber.engine.orders import job_of, read_order
from amber.errors import JobUnfitError
from amber.progress import report
from amber.registry import Registry
from amber.service import metrics
from amber.store.jobs import Job
from amber.store.open import memory_store
from amber.store.protocol import AssetRecord, Store
from amber.store.wakeups import Waiter
from tests.servers.processes import until
from tests.service.serving import working

FILM = "ab" * 32


@result
class Numbers:
    """One number."""

    number: Int64[np.ndarray, " n"]


@result
class Doubled:
    """Twice the number."""

    number: Int64[np.ndarray, " n"]


class Slow:
    """Algorithms, one of which goes on until it is let go."""

    def __init__(self, *, version: str = "1") -> None:
        self.calls = 0
        self.began, self.go_on = threading.Event(), threading.Event()

        @algorithm(version=version)
        def numbers(source: Source, *, start: int = 7) -> Numbers:
            """Go on, and say so, until somebody lets it go."""
            self.calls += 1
            self.began.set()
            turns = 0
            while not self.go_on.wait(0.01):
                turns += 1
                report(turns, 1000)
            return Numbers(number=np.array([start], np.int64))

        @algorithm(version="1")
        def doubled(data: Numbers, *, factor: int = 2) -> Doubled:
            """Double it."""
            return Doubled(number=data.number * factor)

        self.registry = Registry([numbers, doubled])


@pytest.fixture
def store() -> Iterator[Store]:
    """A store with one asset."""
    made = memory_store()
    made.catalog.put_asset(AssetRecord(FILM, "film", 1.0, 24, 64, 48, None))
    yield made
    made.close()


@pytest.fixture
def slow() -> Slow:
    """The algorithms."""
    return Slow()


def ask(store: Store, slow: Slow, asker: str = "ann", **settings: object) -> Job:
    """Ask for a job as the service does."""
    amber = Amber(store, slow.registry)
    wanted = Ask("doubled", (FILM,), settings=settings)
    closure = amber.engine.closure(wanted)
    snapshot, _, _ = amber.engine.look_up(closure, wanted)
    return store.catalog.ask_job(job_of(closure, closure.step(wanted.assets), snapshot), asker)


def state(store: Store, job: Job) -> str:
    """The state of a job now."""
    found = store.catalog.job(job.key)
    return found.state if found is not None else "gone"


def test_an_order_reads_back_as_the_same_ask(store: Store, slow: Slow) -> None:
    job = ask(store, slow, start=3, factor=5)
    order = read_order(slow.registry, job)
    assert order.closure.resolved_key(order.step, order.snapshot) == job.key
    assert {name: dict(node.settings) for name, node in order.closure.nodes.items()} == {
        "numbers": {"start": 3},
        "doubled": {"factor": 5},
    }


def test_what_is_not_loaded_exactly_so_is_left_alone(store: Store, slow: Slow) -> None:
    job = ask(store, slow)
    other = Slow(version="2")
    with pytest.raises(JobUnfitError, match="numbers 1 is not loaded"):
        read_order(other.registry, job)
    with working(Amber(store, other.registry)) as hears:
        until(lambda: bool(hears.alone), "the worker has looked at it")
        assert (state(store, job), other.calls) == ("queued", 0)
        slow.go_on.set()
        with working(Amber(store, slow.registry)):
            until(lambda: state(store, job) == "ready", "the other worker has done it")
    assert len(hears.alone) == 1 and hears.ended == []


def test_two_workers_and_an_embedded_ask_compute_once(store: Store, slow: Slow) -> None:
    job = ask(store, slow)
    with working(Amber(store, slow.registry)), working(Amber(store, slow.registry)):
        assert slow.began.wait(30)
        found: list[list[int]] = []
        embedded = Amber(store, slow.registry)
        thread = threading.Thread(
            target=lambda: found.append(embedded.get("doubled", FILM).value.number.tolist())
        )
        thread.start()
        until(lambda: len(store.catalog.askers(job.key)) == 2, "the embedded ask has joined")
        slow.go_on.set()
        thread.join(30)
        until(lambda: state(store, job) != "running", "the job has ended")
    assert (found, slow.calls) == ([[14]], 1)


def test_progress_and_what_is_left_can_be_read_meanwhile(store: Store, slow: Slow) -> None:
    job = ask(store, slow)
    with working(Amber(store, slow.registry)):

        def told() -> bool:
            found = store.catalog.job(job.key)
            return found is not None and found.progress.done > 1

        until(told, "progress is written down")
        found = store.catalog.job(job.key)
        assert found is not None and found.state == "running"
        assert (found.progress.step, found.progress.total, found.progress.unit) == ("numbers", 1000, "frames")
        assert found.progress.steps_total == 2 and (found.progress.remaining_seconds or 0) > 0
        slow.go_on.set()
        until(lambda: state(store, job) == "ready", "the job is ready")


def test_a_job_stops_when_nobody_wants_it_and_no_failure_is_remembered(store: Store, slow: Slow) -> None:
    job = ask(store, slow, "ann")
    ask(store, slow, "bob")
    with working(Amber(store, slow.registry)) as hears:
        assert slow.began.wait(30)
        store.catalog.withdraw_job(job.key, "ann")
        assert state(store, job) == "running"
        store.catalog.withdraw_job(job.key, "bob")
        until(lambda: hears.ended == ["given up"], "the worker has stopped")
        assert state(store, job) == "cancelled"
        slow.go_on.set()
        again = ask(store, slow)
        until(lambda: state(store, again) == "ready", "it is done when somebody wants it again")
    assert slow.calls == 2


def test_a_worker_that_is_told_to_stop_hands_its_job_back(store: Store, slow: Slow) -> None:
    job = ask(store, slow)
    with working(Amber(store, slow.registry)) as first:
        assert slow.began.wait(30)
    assert first.ended == ["given up"] and state(store, job) == "queued"
    slow.go_on.set()
    with working(Amber(store, slow.registry)) as second:
        until(lambda: state(store, job) == "ready", "another worker does it")
    assert second.computed == ["numbers", "doubled"]


def test_a_job_whose_worker_stood_still_is_taken_over(store: Store, slow: Slow) -> None:
    job = ask(store, slow)
    stood = store.catalog.claim_job("another machine", 0.0, key=job.key)
    assert stood is not None
    slow.go_on.set()
    with working(Amber(store, slow.registry)) as hears:
        until(lambda: state(store, job) == "ready", "it is taken over")
    assert hears.taken_over == [job.key]


def test_a_lease_on_a_feature_whose_worker_stood_still_is_taken_over_and_counted(
    store: Store, slow: Slow
) -> None:
    slow.go_on.set()
    amber = Amber(store, slow.registry)
    amber.get("doubled", FILM)
    [below] = [trace for trace in amber.features(FILM) if trace.algorithm == "numbers"]
    for trace in amber.features(FILM):
        store.blobs.delete(trace.value.sha256)
    assert store.catalog.take_lease(below.recipe, "another machine", 0.0) is not None
    heard: list[StepEvent] = []
    assert Amber(store, slow.registry).get("doubled", FILM, listener=heard.append).value.number.tolist() == [
        14
    ]
    began = [event for event in heard if event.state == "started"]
    assert [(event.step.algorithm, event.taken_over) for event in began] == [
        ("numbers", True),
        ("doubled", False),
    ]
    counted = metrics.TAKEOVERS.labels("feature")
    before = counted._value.get()
    for event in heard:
        metrics.count_step(event)
    assert counted._value.get() - before == 1


def test_a_waiting_worker_is_woken_by_an_ask(
    store: Store, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    wait = Waiter.wait

    def counted(self: Waiter, seconds: float) -> bool:
        waits.append(seconds)
        return wait(self, 60.0)

    monkeypatch.setattr(Waiter, "wait", counted)
    slow.go_on.set()
    with working(Amber(store, slow.registry), jobs=1):
        until(lambda: bool(waits), "the worker waits")
        job = ask(store, slow)
        store.wakeups.publish("jobs")
        until(lambda: state(store, job) == "ready", "it was woken")
        store.wakeups.publish("jobs")


def test_a_job_that_ended_long_ago_is_pruned(store: Store, slow: Slow, tmp_path: Path) -> None:
    slow.go_on.set()
    job = ask(store, slow)
    with working(Amber(store, slow.registry)):
        until(lambda: state(store, job) == "ready", "it is ready")
    assert store.catalog.prune_jobs(0.0) == 1 and state(store, job) == "gone"
