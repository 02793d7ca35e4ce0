"""A worker that is busy with a backfill starts what a user waits for when one step is done, and then goes on."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.executors.admission import Capacity, Requester, Resources
from amber.engine.orders import job_of
from amber.engine.worker import Worker
from amber.keys import recipe
from amber.registry import Registry
from amber.store.jobs import BACKGROUND, Job
from amber.store.protocol import Store
from tests.servers.processes import PATIENCE_SECONDS, until

FILMS = ["a" * 64, "b" * 64, "c" * 64]


@result
class First:
    """A number."""

    number: Int64[np.ndarray, " row"]


@result
class Second:
    """A number made from it."""

    number: Int64[np.ndarray, " row"]


class Unheard:
    """Listens to nothing that a worker tells."""

    def left_alone(self, job: Job, why: str) -> None: ...
    def claimed(self, job: Job, taken_over: bool) -> None: ...
    def step(self, job: Job, event: StepEvent) -> None: ...
    def done(self, job: Job, feature: Any, seconds: float) -> None: ...
    def failed(self, job: Job, error: Exception, seconds: float) -> None: ...


def test_a_user_starts_within_one_step_of_a_backfill(store: Store) -> None:
    order: list[str] = []
    goes_on = threading.Semaphore(0)

    @algorithm(version="1")
    def first(source: Source) -> First:
        order.append(f"first {source.asset[0]}")
        assert goes_on.acquire(timeout=PATIENCE_SECONDS)
        return First(number=np.array([ord(source.asset[0])], np.int64))

    @algorithm(version="1")
    def second(first: First) -> Second:
        order.append(f"second {chr(int(first.number[0]))}")
        return Second(number=first.number)

    engine = Engine(store, Registry([first, second]))

    def put(film: str, requester: Requester) -> str:
        ask = Ask("second", (film,))
        closure = engine.closure(ask)
        snapshot, key, _ = engine.look_up(closure, ask)
        store.catalog.ask_job(job_of(closure, closure.step(ask.assets), snapshot, requester), requester.name)
        return key

    backfill = Requester("backfill", BACKGROUND)
    keys = [put(film, backfill) for film in FILMS[:2]]
    worker = Worker(engine, Unheard(), jobs=1)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        until(lambda: len(order) == 1, "the backfill is at work")
        keys.append(put(FILMS[2], Requester("ann")))
        goes_on.release(3)
        until(lambda: {store.catalog.job(key).state for key in keys} == {"ready"}, "all are done")  # type: ignore[union-attr]
    finally:
        goes_on.release(3)
        worker.stop()
        running.join(PATIENCE_SECONDS)
        engine.close()
    at = order.index("first c")
    assert at == 1, f"the user's job started after one step: {order}"
    assert sorted(order) == sorted(f"{step} {film[0]}" for step in ("first", "second") for film in FILMS)


def test_a_step_that_was_taken_over_and_waits_for_room_is_told_as_taken_over(store: Store) -> None:
    told: list[StepEvent] = []
    goes_on, begun = threading.Event(), threading.Event()

    @algorithm(version="1")
    def first(source: Source) -> First:
        begun.set()
        assert source.asset == FILMS[1] or goes_on.wait(PATIENCE_SECONDS)
        return First(number=np.array([1], np.int64))

    engine = Engine(store, Registry([first]), capacity=Capacity(Resources(1.0, 0.0, 1 << 30)))
    closure = engine.closure(Ask("first", (FILMS[1],)))
    lost = recipe(
        closure.nodes["first"],
        closure.step((FILMS[1],)),
        store.catalog.snapshot(),
        [("source", FILMS[1], FILMS[1])],
    )
    assert store.catalog.take_lease(lost, "somebody who died", 0.0) is not None
    with ThreadPoolExecutor(2) as pool:
        try:
            busy = pool.submit(engine.get, Ask("first", (FILMS[0],)))
            assert begun.wait(PATIENCE_SECONDS)
            waiting = pool.submit(engine.get, Ask("first", (FILMS[1],)), told.append)
            until(lambda: any(event.state == "waiting" for event in told), "it waits for room")
        finally:
            goes_on.set()
        assert busy.result(PATIENCE_SECONDS).id and waiting.result(PATIENCE_SECONDS).id == lost
    engine.close()
    assert [event.taken_over for event in told if event.state == "started"] == [True]
