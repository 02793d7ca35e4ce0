"""A backfill computes what is missing, a few at a time, and collects what fails."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.client import Amber
from amber.engine.backfill import Backfills, Driver, eta_seconds
from amber.errors import AlgorithmNotFoundError, BackfillNotFoundError, PlanStateError, UsageError
from amber.registry import Registry
from amber.store.backfills import Backfill, Wish
from amber.store.open import memory_store
from amber.store.protocol import AssetRecord

ASSETS = [f"{number:064x}" for number in range(1, 13)]
#: On these the algorithm fails.
POISONED = set(ASSETS[3:6])


@result
class Numbers:
    """One number."""

    number: Int64[np.ndarray, " n"]


class World:
    """A dozen assets in memory, and an algorithm that counts its calls and fails on some of them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.at_once = self.most_at_once = 0
        self.may_go = threading.Event()
        self.may_go.set()
        self._lock = threading.Lock()

        @algorithm(version="1")
        def numbers(source: Source) -> Numbers:
            """The last digits of the hash."""
            with self._lock:
                self.calls.append(source.asset)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            self.may_go.wait(30)
            with self._lock:
                self.at_once -= 1
            if source.asset in POISONED:
                raise ValueError("poisoned")
            return Numbers(number=np.array([int(source.asset[-2:], 16)], np.int64))

        self.amber = Amber(memory_store(), Registry([numbers]))
        for asset in ASSETS:
            labels = {"half": "first" if asset in ASSETS[:6] else "second"}
            self.amber.store.catalog.put_asset(
                AssetRecord(asset, asset[-2:], 1.0, 24, 64, 48, None, labels=labels)
            )


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.may_go.set()
    made.amber.close()


@pytest.fixture
def backfills(world: World) -> Backfills:
    return world.amber.backfills


WISH = Wish("numbers")


def test_it_computes_what_is_missing_and_collects_what_fails(world: World, backfills: Backfills) -> None:
    world.amber.get("numbers", ASSETS[0])
    forecast = backfills.plan(WISH)
    assert (forecast.to_compute, forecast.hits, forecast.unmeasured) == (11, 1, 0)
    assert forecast.seconds > 0 and forecast.size_bytes > 11 * 100
    done = backfills.finish(backfills.start(WISH).id)
    assert (done.state, done.counts, done.hits) == ("done", {"ready": 9, "failed": 3}, 1)
    assert sorted(world.calls) == ASSETS, "each was computed once"
    failed = backfills.failures(done.id)
    assert {item.asset for item in failed} == POISONED
    assert [item for item in failed if "poisoned" not in item.message or not item.error] == []
    assert eta_seconds(done) == 0.0 and done.ended_at is not None


def test_it_is_about_the_assets_with_the_labels(world: World, backfills: Backfills) -> None:
    done = backfills.finish(backfills.start(Wish("numbers", where={"half": "second"})).id)
    assert done.counts == {"ready": 6}
    assert sorted(world.calls) == ASSETS[6:]
    with pytest.raises(UsageError, match="no asset has the labels"):
        backfills.start(Wish("numbers", where={"half": "third"}))


def test_no_more_run_at_once_than_it_says(world: World, backfills: Backfills) -> None:
    backfills.finish(backfills.start(WISH, concurrency=2).id)
    assert world.most_at_once <= 2


def test_a_canary_that_fails_stops_the_rest_until_somebody_resumes(
    world: World, backfills: Backfills
) -> None:
    begun = backfills.start(WISH, canary=5)
    paused = backfills.finish(begun.id)
    assert paused.state == "paused"
    assert paused.reason.startswith("2 of the first 5 failed") and "poisoned" in paused.reason
    assert paused.counts == {"ready": 3, "failed": 2, "waiting": 7}
    assert backfills.finish(backfills.resume(begun.id).id).counts == {"ready": 9, "failed": 3}


def test_a_canary_that_is_well_lets_the_rest_go_on(world: World, backfills: Backfills) -> None:
    begun = backfills.start(WISH, canary=2)
    driver = Driver(world.amber.engine)
    driver.drive(begun.id)
    driver.drive(begun.id)
    assert backfills.find(begun.id).counts == {"asked": 2, "waiting": 10}
    assert backfills.finish(begun.id).counts == {"ready": 9, "failed": 3}


def test_a_rate_is_kept(world: World, backfills: Backfills) -> None:
    began = time.time()
    done = backfills.finish(backfills.start(WISH, ASSETS[:3], rate=4.0).id)
    assert done.counts == {"ready": 3}
    assert time.time() - began > 0.4


def test_the_same_wish_goes_on_where_it_is(backfills: Backfills) -> None:
    begun = backfills.start(WISH)
    assert backfills.start(WISH).id == begun.id
    backfills.pause(begun.id)
    assert backfills.start(WISH) == begun
    backfills.finish(begun.id)
    assert backfills.start(WISH).id != begun.id


def test_what_is_paused_asks_for_no_more(world: World, backfills: Backfills) -> None:
    begun = backfills.start(WISH, concurrency=2)
    driver = Driver(world.amber.engine)
    driver.drive(begun.id)
    assert backfills.pause(begun.id).counts == {"asked": 2, "waiting": 10}
    driver.drive(begun.id)
    assert backfills.find(begun.id).counts == {"asked": 2, "waiting": 10}


def test_cancelling_withdraws_what_was_asked_for(world: World, backfills: Backfills) -> None:
    begun = backfills.start(WISH, concurrency=3)
    Driver(world.amber.engine).drive(begun.id)
    jobs = world.amber.jobs()
    assert len(jobs) == 3
    world.amber.store.catalog.ask_job(jobs[0], "ann")
    cancelled = backfills.cancel(begun.id)
    assert (cancelled.state, cancelled.counts) == ("cancelled", {"cancelled": 12})
    assert [job.key for job in world.amber.jobs()] == [jobs[0].key]
    with pytest.raises(PlanStateError, match="is cancelled, so it cannot be running"):
        backfills.resume(begun.id)


def test_items_whose_jobs_were_never_made_are_asked_for_again(world: World, backfills: Backfills) -> None:
    begun = backfills.start(WISH, concurrency=2)
    driver = Driver(world.amber.engine)
    driver.drive(begun.id)
    for job in world.amber.jobs():
        world.amber.store.catalog.end_job(job.key)
    assert backfills.finish(begun.id).counts == {"ready": 9, "failed": 3}


def test_what_cannot_be_meant_is_refused(backfills: Backfills) -> None:
    with pytest.raises(AlgorithmNotFoundError):
        backfills.start(Wish("nothing"))
    with pytest.raises(UsageError, match="concurrency is 1 or more"):
        backfills.start(WISH, concurrency=0)
    with pytest.raises(BackfillNotFoundError):
        backfills.find("abcd")
    assert backfills.all() == []


def test_the_time_that_is_left_follows_its_own_pace() -> None:
    counts = {"ready": 10, "failed": 2, "waiting": 24}
    assert eta_seconds(Backfill("ab", WISH, "ann", counts=counts, hits=4, elapsed_seconds=16.0)) == 48.0
    assert eta_seconds(Backfill("ab", WISH, "ann", counts={"waiting": 8}, expected_seconds=16.0)) == 2.0
    assert eta_seconds(Backfill("ab", WISH, "ann", counts={"waiting": 8})) is None
