"""Steps of all threads and processes of a machine take no more than it has, and say at once what will never have room."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Algorithm, Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.executors.admission import Capacity, Requester, Resources
from amber.engine.executors.gate import Gate, Place, capacity_of, machine_resources
from amber.errors import StepTooLargeError
from amber.registry import Registry
from amber.store.jobs import BACKGROUND
from amber.store.open import open_store
from amber.store.protocol import AssetRecord, Store
from tests.faults.forking import forking
from tests.servers.processes import PATIENCE_SECONDS, until

FILM = "a" * 64
GB = 10**9


@result
class Number:
    """A number."""

    number: Int64[np.ndarray, " row"]


def number(value: int) -> Number:
    return Number(number=np.array([value], np.int64))


class Working:
    """An algorithm that tells how many of it are at work, and goes on when the test says."""

    def __init__(self, **declared: Any) -> None:
        self.most = 0
        self.order: list[int] = []
        self.goes_on = threading.Semaphore(0)
        self._at_work = 0
        self._lock = threading.Lock()

        @algorithm(version="1", name="working", **declared)
        def working(source: Source, *, value: int = 0) -> Number:
            with self._lock:
                self.order.append(value)
                self._at_work += 1
                self.most = max(self.most, self._at_work)
            assert self.goes_on.acquire(timeout=PATIENCE_SECONDS)
            with self._lock:
                self._at_work -= 1
            return number(value)

        self.algorithm: Algorithm[..., Any] = working

    def engine(self, store: Store, cpus: float = 8.0, memory_bytes: int = GB, **most: int) -> Engine:
        """An engine on a machine of this size."""
        capacity = Capacity(Resources(cpus, 0.0, memory_bytes), most)
        return Engine(store, Registry([self.algorithm]), capacity=capacity)


def ask(value: int) -> Ask:
    return Ask("working", (FILM,), settings={"value": value})


def film(width: int, height: int, frames: int = 10) -> AssetRecord:
    return AssetRecord(FILM, "a film", 1.0, frames, width, height, Fraction(24))


def test_no_more_steps_are_computed_at_once_than_memory_allows(store: Store) -> None:
    working = Working(memory_bytes=300_000_000)
    engine = working.engine(store)
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(engine.get, ask(value)) for value in range(6)]
        until(lambda: len(engine.executor.gate.tickets()) == 6, "all wait or run")
        until(lambda: len(working.order) == 3, "three have room")
        working.goes_on.release(6)
        assert [answer.result(PATIENCE_SECONDS).value.number[0] for answer in answers] == list(range(6))
    assert working.most == 3
    assert engine.executor.gate.tickets() == []


def test_no_more_of_an_algorithm_are_computed_at_once_than_is_said(store: Store) -> None:
    working = Working()
    engine = working.engine(store, working=1)
    working.goes_on.release(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(engine.get, map(ask, range(3))))
    assert working.most == 1


def test_a_step_that_is_too_large_says_so_before_its_inputs_are_computed(store: Store) -> None:
    computed: list[str] = []

    @result
    class Scaled:
        """Another number."""

        number: Int64[np.ndarray, " row"]

    @algorithm(version="1")
    def small(source: Source) -> Number:
        computed.append("small")
        return number(1)

    @algorithm(version="1", memory_bytes=100_000_000, memory_bytes_a_pixel=40)
    def large(small: Number) -> Scaled:
        return Scaled(number=small.number)

    store.catalog.put_asset(film(7680, 4320))
    capacity = Capacity(Resources(2.0, 0.0, GB))
    engine = Engine(store, Registry([small, large]), capacity=capacity)
    with pytest.raises(StepTooLargeError, match=r"large of a{12} takes 1\.43 GB .* 1\.00 GB together"):
        engine.get(Ask("large", (FILM,)))
    assert computed == [] and store.catalog.failure("a" * 64) is None
    roomy = Engine(store, engine.registry, capacity=Capacity(Resources(2.0, 0.0, 2 * GB)))
    assert roomy.get(Ask("large", (FILM,))).value.number[0] == 1, "nothing was remembered against it"
    assert engine.get(Ask("large", (FILM,))).hit, "what is stored needs no room"


def test_memory_grows_with_pictures_and_frames_as_declared(store: Store) -> None:
    store.catalog.put_asset(film(1000, 100, frames=50))
    working = Working(memory_bytes=7, memory_bytes_a_pixel=3, memory_bytes_a_frame=2)
    engine = working.engine(store)
    working.goes_on.release()
    seen: list[int] = []

    def listen(event: StepEvent) -> None:
        if event.state == "started":
            seen.extend(ticket.wants.memory_bytes for ticket in engine.executor.gate.tickets())

    engine.get(ask(1), listen)
    assert seen == [7 + 3 * 100_000 + 2 * 50]


def test_a_user_goes_before_a_backfill_that_waits_already(store: Store) -> None:
    working = Working()
    engine = working.engine(store, cpus=1)
    background = Requester("backfill", BACKGROUND)
    with ThreadPoolExecutor(5) as pool:
        pool.submit(engine.get, ask(0), requester=background)
        until(lambda: working.order == [0], "the first is at work")
        for value in (1, 2, 3):
            pool.submit(engine.get, ask(value), requester=background)
        until(lambda: len(engine.executor.gate.tickets()) == 4, "the backfill waits")
        users = pool.submit(engine.get, ask(9), requester=Requester("ann"))
        until(lambda: len(engine.executor.gate.tickets()) == 5, "the user waits")
        working.goes_on.release(2)
        assert users.result(PATIENCE_SECONDS).value.number[0] == 9
        working.goes_on.release(3)
    assert working.order[:2] == [0, 9], "it started when one step was done"


def test_a_step_of_a_backfill_that_a_user_waits_for_becomes_as_urgent(store: Store) -> None:
    working = Working()
    engine = working.engine(store, cpus=1)
    background = Requester("backfill", BACKGROUND)
    with ThreadPoolExecutor(5) as pool:
        pool.submit(engine.get, ask(0), requester=background)
        until(lambda: working.order == [0], "the first is at work")
        for value in (1, 2, 3):
            pool.submit(engine.get, ask(value), requester=background)
            until(lambda value=value: len(engine.executor.gate.tickets()) == value + 1, "it waits")
        users = pool.submit(engine.get, ask(3), requester=Requester("ann"))
        until(lambda: any(t.requester.priority for t in engine.executor.gate.tickets()), "it is raised")
        working.goes_on.release(2)
        assert users.result(PATIENCE_SECONDS).value.number[0] == 3
        working.goes_on.release(2)
    assert working.order[:2] == [0, 3]


def test_a_step_may_ask_for_another_feature(store: Store) -> None:
    engines: list[Engine] = []

    @algorithm(version="1", name="asking")
    def asking(source: Source, *, value: int = 0) -> Number:
        deeper = Ask("asking", (FILM,), settings={"value": value - 1})
        return number(1 + int(engines[0].get(deeper).value.number[0]) if value else 0)

    engines.append(
        Engine(store, Registry([asking]), capacity=Capacity(Resources(1.0, 0.0, GB), {"asking": 1}))
    )
    assert engines[0].get(Ask("asking", (FILM,), settings={"value": 3})).value.number[0] == 3


def _hold(channel: "Connection[Any, Any]", folder: str) -> None:
    gate = Gate(Path(folder), Capacity(Resources(1.0, 0.0, GB)))
    place = Place(gate, "shots", "recipe", Resources(1.0, 0.0, 0))
    place.wait(Requester, lambda: None)
    channel.send(os.getpid())
    if channel.recv() == "hold the file":
        with gate._ledger.open():
            channel.send(os.getpid())
            channel.recv()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_processes_share_a_machine_and_the_place_of_a_dead_or_stopped_one_is_free(
    tmp_path: Path, ending: signal.Signals
) -> None:
    ours, theirs = forking().Pipe()
    process = forking().Process(target=_hold, args=(theirs, str(tmp_path / "admission")), daemon=True)
    process.start()
    try:
        assert ours.poll(PATIENCE_SECONDS)
        pid = ours.recv()
        gate = Gate(tmp_path / "admission", Capacity(Resources(1.0, 0.0, GB)))
        place = Place(gate, "shots", "other", Resources(1.0, 0.0, 0))
        assert not place.try_begin(Requester), "another process computes"
        os.kill(pid, ending)
        began = time.monotonic()
        place.wait(Requester, _late(began))
        assert [ticket.recipe for ticket in gate.tickets()] == ["other"]
        place.leave()
        assert gate.tickets() == []
    finally:
        process.kill()
        process.join(PATIENCE_SECONDS)


def test_who_stands_still_with_the_ledger_in_hand_stops_nobody(tmp_path: Path) -> None:
    ours, theirs = forking().Pipe()
    process = forking().Process(target=_hold, args=(theirs, str(tmp_path / "admission")), daemon=True)
    process.start()
    try:
        pid = ours.recv()
        ours.send("hold the file")
        assert ours.poll(PATIENCE_SECONDS)
        os.kill(pid, signal.SIGSTOP)
        gate = Gate(tmp_path / "admission", Capacity(Resources(1.0, 0.0, GB)))
        gate.promote("other", Requester())
        place = Place(gate, "shots", "other", Resources(1.0, 0.0, 0))
        assert place.try_begin(Requester), "it begins without knowing what the machine does"
        assert gate.tickets() == []
        place.leave()
        os.kill(pid, signal.SIGCONT)
        ours.recv()
        ours.send("go on")
        until(lambda: not process.is_alive(), "it ends")
        mine = Place(gate, "shots", "mine", Resources(1.0, 0.0, 0))
        mine.wait(Requester, _late(time.monotonic()))
        assert [ticket.recipe for ticket in gate.tickets()] == ["mine"]
    finally:
        process.kill()
        process.join(PATIENCE_SECONDS)


def _late(began: float) -> Callable[[], None]:
    def tick() -> None:
        assert time.monotonic() - began < PATIENCE_SECONDS, "the dead hold their places"

    return tick


def test_a_ledger_that_lost_its_end_is_an_empty_one(tmp_path: Path) -> None:
    gate = Gate(tmp_path, Capacity(Resources(1.0, 0.0, GB)))
    place = Place(gate, "shots", "recipe", Resources())
    assert place.try_begin(Requester)
    [page] = tmp_path.glob("*.json")
    page.write_text(page.read_text()[:40])
    assert gate.tickets() == []
    place.leave()


def test_a_machine_has_what_it_has_unless_settings_say_otherwise() -> None:
    there = machine_resources()
    assert there.cpus >= 1 and there.memory_bytes > 100_000_000
    assert capacity_of(0, 0, 0, {}) == Capacity(there)
    assert capacity_of(3, 1, 5, {"a": 2}) == Capacity(Resources(3.0, 1.0, 5), {"a": 2})


def test_a_store_opened_anew_finds_what_waits(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    working = Working()
    engine = working.engine(store, cpus=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.get, ask(0))
        until(lambda: working.order == [0], "it is at work")
        other = open_store(tmp_path / "home")
        assert [t.algorithm for t in working.engine(other).executor.gate.tickets()] == ["working"]
        working.goes_on.release()
        first.result(PATIENCE_SECONDS)
        other.close()
    store.close()
