"""Disowning, taking back and collecting while others read and write: nothing stale, nothing twice, nothing gone."""

import contextlib
import os
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Int64

from amber import codec
from amber.algorithm import Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.invalidate import apply_plan, plan_forget, plan_invalidation, undo_plan
from amber.errors import AssetForgottenError, JobCancelledError, PlanDriftedError, StoreUnavailableError
from amber.registry import Registry
from amber.store.collect import collect
from amber.store.open import open_store
from amber.store.protocol import Store
from amber.store.verify import verify
from amber.testing.rows import asset, digest
from tests.store.combinations import spoil

COUNT = int(os.environ.get("AMBER_SOAK_COUNT") or (200 if "AMBER_SOAK" in os.environ else 8))
SEED = os.environ.get("AMBER_SOAK_SEED") or secrets.token_hex(4)
READERS, WRITERS = 8, 4
FILMS = tuple(sorted(digest("film", number) for number in range(4)))
HANGING_SECONDS = 600.0

Open = Callable[[], Store]


@result
class Era:
    """When it was computed."""

    number: Int64[np.ndarray, " one"]


@result
class Noise:
    """Few values, so that many features share them."""

    number: Int64[np.ndarray, " row"]


@result
class Own:
    """A value of its own for each setting."""

    number: Int64[np.ndarray, " one"]


@dataclass
class Clock:
    """What the algorithms of a race read, and what was seen so far."""

    era: int = 0
    #: The era of the last disowning that has returned.
    disowned: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def registry(self) -> Registry:
        """The algorithms of a race."""

        @algorithm(version="1", name="era")
        def era(source: Source) -> Era:
            return Era(number=np.array([self.era], np.int64))

        @algorithm(version="1", name="noise")
        def noise(source: Source, *, number: int = 0) -> Noise:
            return Noise(number=np.full(number % 5, number % 7, np.int64))

        @algorithm(version="1", name="own")
        def own(source: Source, *, number: int = 0) -> Own:
            return Own(number=np.array([number], np.int64))

        return Registry([era, noise, own])


@pytest.fixture(params=["sqlite", "postgres"])
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the store of a test, as each of several processes would."""
    home = tmp_path / "home"
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return lambda: open_store(home, url)


@contextlib.contextmanager
def _engine(open_one: Open, clock: Clock) -> Iterator[Engine]:
    with (
        contextlib.closing(open_one()) as store,
        contextlib.closing(Engine(store, clock.registry())) as engine,
    ):
        yield engine


def _at_work(clock: Clock, *jobs: Callable[[], Any]) -> Callable[[], list[Any]]:
    """Starts these; ends them, and gives their results."""
    pool = ThreadPoolExecutor(len(jobs))
    started = [pool.submit(job) for job in jobs]

    def end() -> list[Any]:
        clock.over.set()
        with pool:
            return [one.result(HANGING_SECONDS) for one in started]

    return end


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_read_that_began_after_an_apply_returned_gets_the_old_value(open_one: Open) -> None:
    clock = Clock()

    def read() -> int:
        reads = 0
        with _engine(open_one, clock) as engine:
            while not clock.over.is_set():
                least = clock.disowned
                found = int(engine.get(Ask("era", FILMS[:1])).value.number[0])
                assert found >= least, f"a read that began in era {least} got the value of era {found}"
                reads += 1
        return reads

    def write(worker: int) -> int:
        number = 0
        with _engine(open_one, clock) as engine:
            while not clock.over.is_set():
                number += 1
                film = FILMS[number % len(FILMS) : number % len(FILMS) + 1]
                engine.get(Ask("noise", film, settings={"number": 1000 * worker + number}))
        return number

    with _engine(open_one, clock) as engine:
        engine.get(Ask("era", FILMS[:1]))
        end = _at_work(
            clock, *[read] * READERS, *[lambda worker=worker: write(worker) for worker in range(WRITERS)]
        )
        try:
            for number in range(1, COUNT + 1):
                clock.era = number
                _disown(engine.store, ("era", "1"))
                clock.disowned = number
                with contextlib.suppress(StoreUnavailableError):
                    engine.get(Ask("era", FILMS[:1]))
        finally:
            done = end()
    assert min(done) > 0, "a reader or a writer never had a turn"


def _disown(store: Store, target: tuple[str, str]) -> str:
    """Plan and apply, again where somebody computed between the two; the plan."""
    while True:
        plan = plan_invalidation(store, target, reason="race", who="tester")
        try:
            return apply_plan(store, plan.id, action="invalidate", who="tester").plan.id
        except PlanDriftedError:
            continue


def test_an_undo_brings_back_equal_bytes_without_computing(open_one: Open) -> None:
    clock = Clock(era=1)
    with _engine(open_one, clock) as engine, _engine(open_one, clock) as elsewhere:
        first = engine.get(Ask("era", FILMS[:1]))
        plans = []
        for number in range(2, 6):
            clock.era = number
            plans.append(_disown(engine.store, ("era", "1")))
            assert int(engine.get(Ask("era", FILMS[:1])).value.number[0]) == number
        clock.era = 99
        for plan in random.Random(SEED).sample(plans, len(plans)):
            undo_plan(elsewhere.store, plan, who="tester")
            found = engine.get(Ask("era", FILMS[:1]))
            assert (found.computed, found.hit) == ((), True)
        assert (found.id, found.data) == (first.id, first.data)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_collecting_under_load_leaves_no_orphan_and_takes_nothing_that_is_needed(open_one: Open) -> None:
    clock = Clock()
    chance = random.Random(SEED)

    def write(worker: int) -> int:
        number = 0
        with _engine(open_one, clock) as engine:
            while not clock.over.is_set():
                number += 1
                own = 100_000 * worker + number
                film = FILMS[(worker + number) % len(FILMS) :][:1]
                # As a worker that was killed between storing its value and committing it: sometimes another makes it again.
                engine.store.blobs.put(_bytes(own))
                with contextlib.suppress(AssetForgottenError, JobCancelledError):
                    engine.get(Ask("noise", film, settings={"number": number + worker}))
                    if number % 3:
                        engine.get(Ask("own", film, settings={"number": own}))
        return number

    def collect_often() -> int:
        rounds = 0
        with contextlib.closing(open_one()) as store:
            while not clock.over.is_set():
                collect(store, 0.0)
                rounds += 1
        return rounds

    with _engine(open_one, clock) as engine:
        end = _at_work(
            clock, collect_often, *[lambda worker=worker: write(worker) for worker in range(WRITERS)]
        )
        try:
            for _ in range(COUNT):
                film = chance.choice(FILMS[1:])
                _disown(engine.store, ("noise", "1"))
                _forget(engine.store, film)
                engine.store.catalog.put_asset(asset(film))
        finally:
            done = end()
    assert min(done) > 0, "a writer or the collector never had a turn"
    with contextlib.closing(open_one()) as store:
        collect(store, 0.0)
        report = verify(store)
        assert (report.missing, report.corrupt, report.contradictions, report.orphans) == ((), (), (), ())


def _bytes(number: int) -> bytes:
    """What `own` makes of a number."""
    return codec.encode(Own(number=np.array([number], np.int64)), Own, lambda file: file)


def _forget(store: Store, film: str) -> None:
    while True:
        plan = plan_forget(store, film, reason="race", who="tester")
        try:
            apply_plan(store, plan.id, action="forget", who="tester")
        except PlanDriftedError:
            continue
        return


@pytest.mark.soak
def test_every_read_is_right_whatever_was_deleted_and_spoilt_and_verify_names_exactly_that(
    open_one: Open,
) -> None:
    clock, chance = Clock(), random.Random(SEED)
    asks = [Ask("own", FILMS[number % 4 :][:1], settings={"number": number}) for number in range(10 * COUNT)]
    with _engine(open_one, clock) as engine:
        expected = {number: engine.get(one).data for number, one in enumerate(asks)}
        digests = sorted(blob.sha256 for blob, _ in engine.store.catalog.referenced_blobs())
        share = len(digests) // 20
        chosen = chance.sample(digests, 2 * share)
        lost, spoilt = set(chosen[:share]), set(chosen[share:])
        for sha256 in lost:
            engine.store.blobs.delete(sha256)
        for sha256 in spoilt:
            spoil(engine.store.blobs, sha256)
        report = verify(engine.store)
        assert {damage.sha256 for damage in report.missing} == lost
        assert {damage.sha256 for damage in report.corrupt} == spoilt
    with _engine(open_one, clock) as engine:
        for number in chance.sample(range(len(asks)), len(asks)):
            assert engine.get(asks[number]).data == expected[number]
        assert verify(engine.store).is_clean
