"""Who waits for another worker is woken by what it does, and needs no luck to be."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from amber.engine import resolve
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.sets import Sets
from amber.errors import AmberError, JobCancelledError
from amber.registry import Registry
from amber.store.jobs import Ending, Finish
from amber.store.protocol import Commit, Lease, LeaseAsk, Store, Trace
from amber.store.wakeups import LocalWakeups
from amber.testing import rows
from tests.engine.test_engine import Counting, ask

InThreads = Callable[[list[Callable[[], object]]], list[Any]]


class LosesAll(LocalWakeups):
    """Never tells anybody anything."""

    def publish(self, *names: str) -> None:
        """Lose the news."""


class Kept(LocalWakeups):
    """Keeps what is told, set by set."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, ...]] = []

    def publish(self, *names: str) -> None:
        """Keep the news."""
        self.told.append(names)


@pytest.fixture
def counting() -> Counting:
    """Algorithms that count their calls."""
    return Counting()


@pytest.fixture
def looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits looks again only when told."""
    monkeypatch.setattr(resolve, "FIRST_WAIT_SECONDS", 1e6)


def join(store: Store, counting: Counting, in_threads: InThreads, first: Callable[[Engine], object]) -> Any:
    """What an ask gets that comes while `first` computes the same and ends when the other one waits."""
    started, waiting = threading.Event(), threading.Event()

    def until_somebody_waits() -> None:
        if not started.is_set():
            started.set()
            assert waiting.wait(30)

    def listen(event: StepEvent) -> None:
        if event.state == "waiting":
            waiting.set()

    def joiner() -> object:
        assert started.wait(30)
        return Engine(store, Registry(counting.algorithms())).get(ask("numbers"), listen)

    counting.during = until_somebody_waits
    engine = Engine(store, Registry(counting.algorithms()))
    return in_threads([lambda: first(engine), joiner])[1]


@pytest.mark.usefixtures("looks_once")
def test_a_commit_wakes_who_waits_for_it(store: Store, counting: Counting, in_threads: InThreads) -> None:
    joined = join(store, counting, in_threads, lambda engine: engine.get(ask("numbers")))
    assert joined.value.number.tolist() == [7]
    assert counting.calls == ["numbers"]


@pytest.mark.usefixtures("looks_once")
def test_a_failure_wakes_who_waits_for_it(store: Store, counting: Counting, in_threads: InThreads) -> None:
    def fail() -> int:
        raise ZeroDivisionError("poisoned")

    def first(engine: Engine) -> None:
        with pytest.raises(AmberError):
            engine.get(ask("numbers"))

    counting.number = fail
    with pytest.raises(AmberError, match="poisoned"):
        join(store, counting, in_threads, first)
    assert counting.calls == ["numbers"]


def test_a_failure_just_before_the_lease_was_taken_is_not_repeated(store: Store, counting: Counting) -> None:
    """The other worker fails between the look at failures and the lease."""

    def fail() -> int:
        raise ZeroDivisionError("poisoned")

    counting.number = fail
    first, second = (Engine(store, Registry(counting.algorithms())) for _ in range(2))
    take = second.leases.take

    def take_after_the_other_failed(asked: Sequence[LeaseAsk]) -> list[Lease | AmberError | None]:
        second.leases.take = take  # type: ignore[method-assign]
        with pytest.raises(AmberError, match="poisoned"):
            first.get(ask("numbers"))
        return take(asked)

    second.leases.take = take_after_the_other_failed  # type: ignore[method-assign]
    with pytest.raises(AmberError, match="poisoned"):
        second.get(ask("numbers"))
    assert counting.calls == ["numbers"]


@pytest.mark.usefixtures("looks_once")
def test_giving_up_wakes_who_waits_for_it(store: Store, counting: Counting, in_threads: InThreads) -> None:
    numbers = iter([KeyboardInterrupt(), 8])

    def interrupted_the_first_time() -> int:
        number = next(numbers)
        if isinstance(number, BaseException):
            raise number
        return number

    def first(engine: Engine) -> None:
        with pytest.raises(KeyboardInterrupt):
            engine.get(ask("numbers"))

    counting.number = interrupted_the_first_time
    assert join(store, counting, in_threads, first).value.number.tolist() == [8]
    assert counting.calls == ["numbers", "numbers"]


def test_news_that_is_lost_costs_a_moment(store: Store, counting: Counting, in_threads: InThreads) -> None:
    deaf = replace(store, wakeups=LosesAll())
    joined = join(deaf, counting, in_threads, lambda engine: engine.get(ask("numbers")))
    assert joined.value.number.tolist() == [7]
    assert counting.calls == ["numbers"]


def test_threads_that_ask_one_engine_ask_the_store_once(
    store: Store, counting: Counting, in_threads: InThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, looks = threading.Semaphore(0), []

    def until_all_wait() -> None:
        for _ in range(7):
            assert waiting.acquire(timeout=30)

    def listen(event: StepEvent) -> None:
        if event.state == "waiting":
            waiting.release()

    counting.during = until_all_wait
    engine = Engine(store, Registry(counting.algorithms()))
    take = engine.leases.take
    monkeypatch.setattr(engine.leases, "take", lambda *of: looks.append(of) or take(*of))
    features = in_threads([lambda: engine.get(ask("numbers"), listen) for _ in range(8)])
    assert {feature.trace.value.sha256 for feature in features} == {features[0].trace.value.sha256}
    assert sorted(feature.hit for feature in features) == [False] * 8
    assert counting.calls == ["numbers"]
    assert len(looks) == 1, "who waits asks for no lease"


def test_when_the_thread_that_computes_gives_up_another_one_takes_its_turn(
    store: Store, counting: Counting, in_threads: InThreads
) -> None:
    started, waiting = threading.Event(), threading.Event()
    numbers = iter([KeyboardInterrupt(), 8])

    def interrupted_the_first_time() -> int:
        started.set()
        assert waiting.wait(30)
        number = next(numbers)
        if isinstance(number, BaseException):
            raise number
        return number

    def listen(event: StepEvent) -> None:
        if event.state == "waiting":
            waiting.set()

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            engine.get(ask("numbers"))

    def second() -> Any:
        assert started.wait(30)
        return engine.get(ask("numbers"), listen)

    counting.number = interrupted_the_first_time
    engine = Engine(store, Registry(counting.algorithms()))
    assert in_threads([first, second])[1].value.number.tolist() == [8]


def test_an_ask_whose_job_another_worker_took_over_is_answered_all_the_same(
    store: Store, counting: Counting, in_threads: InThreads
) -> None:
    """As where this process stood still: its claim ended, and it hears of that while it computes."""
    engine = Engine(store, Registry(counting.algorithms()))

    def take_the_job() -> None:
        counting.during = lambda: None
        [job] = store.catalog.jobs(limit=2)
        assert store.catalog.hand_back_job(job)
        assert store.catalog.claim_job("other|1|1", 60.0, key=job.key) is not None

    def listen(event: StepEvent) -> None:
        if event.state == "started":
            for claim in engine.leases._claims.values():
                claim.lose()

    counting.during = take_the_job
    assert engine.get(ask("numbers"), listen).value.number.tolist() == [7]


def test_an_ask_whose_job_was_cancelled_for_everybody_is_told(store: Store, counting: Counting) -> None:
    engine = Engine(store, Registry(counting.algorithms()))

    def cancel() -> None:
        [job] = store.catalog.jobs(limit=2)
        store.catalog.withdraw_job(job.key, None)

    def listen(event: StepEvent) -> None:
        if event.state == "started":
            cancel()
            for claim in engine.leases._claims.values():
                claim.lose()

    with pytest.raises(JobCancelledError):
        engine.get(ask("numbers"), listen)


def test_what_is_committed_or_ended_in_one_set_is_told_in_one(store: Store) -> None:
    news, catalog, names = Kept(), store.catalog, "abc"
    sets = Sets(replace(store, wakeups=news))
    catalog.put_asset(rows.asset())
    leases = [catalog.take_lease(rows.digest(name), "tester", 60.0) for name in names]
    assert all(leases) and leases[1] is not None
    leases[1] = replace(leases[1], fence=leases[1].fence - 1)
    commits = [
        Commit(lease, rows.feature(name), rows.key_of(name), 0, None)
        for lease, name in zip(leases, names, strict=True)
        if lease is not None
    ]
    assert [isinstance(one, Trace) for one in sets.commit(commits)] == [True, False, True]
    assert news.told == [(rows.digest("a"), rows.digest("c"))], "what is refused is no news"
    catalog.ask_jobs([rows.job(name) for name in names], "ann")
    claimed = catalog.claim_jobs("tester", 60.0, most=3, closures=[rows.digest("closure")])
    sets.finish([Finish(one, Ending("ready", rows.digest("a"), "[]")) for one in claimed])
    assert [sorted(told) for told in news.told[1:]] == [sorted(rows.key_of(name) for name in names)]
