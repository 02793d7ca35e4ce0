"""A load of asks: threads of several processes that ask for features all the time, and what they hear."""

import os
import random
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.engine import values
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.errors import AmberError, ComputeError, StoreUnavailableError
from amber.registry import Registry
from amber.store import object_places, postgres
from amber.store.open import open_store
from amber.store.protocol import Store
from amber.store.verify import verify
from tests.faults.forking import forking
from tests.servers.processes import PATIENCE_SECONDS, until

#: A film that nobody has seen.
FILM = "a" * 64
PROCESSES, THREADS = 2, 4
#: How long a lease lasts without a heartbeat.
LEASE_SECONDS = 3.0
#: A server that says nothing for so long counts as gone; in production that takes longer.
SILENT_SECONDS = 1.0
#: No ask takes longer, whatever is broken: a few of its questions wait for an answer that never comes, or for a lease to end.
LONGEST_SECONDS = 30.0
#: Rows of a value, which is large enough to be cut in the midst of it.
ROWS = 4096


@result
class Noise:
    """Follows from its number alone."""

    value: Int64[np.ndarray, " row"]


def noise(number: int) -> Int64[np.ndarray, " row"]:
    """What the feature of a number must hold."""
    return np.random.default_rng(number).integers(0, 1 << 60, ROWS)


@dataclass(frozen=True)
class Places:
    """Where the parts of a store are; some of them behind a proxy."""

    home: Path
    database_url: str
    blobs_url: str
    #: Empty: without.
    redis_url: str
    #: The variables that lead to the objects.
    variables: dict[str, str]

    def open(self) -> Store:
        """The store, in a process that has the variables already."""
        return open_store(self.home, self.database_url, blobs_url=self.blobs_url, redis_url=self.redis_url)


@dataclass(frozen=True)
class Heard:
    """What one ask came to."""

    number: int
    #: Of the clock that all processes of a machine share.
    began: float
    seconds: float
    #: The value's digest; empty where there is none.
    sha256: str = ""
    #: What was told instead.
    error: str = ""
    #: Whether it is an error that may be told: the store is away, or was when the feature was last tried.
    is_fair: bool = True


def _ask_all_the_time(
    channel: "Connection[Any, Any]", places: Places, over: Event, next_number: "Synchronized[int]"
) -> None:
    """What a process does: its threads ask for what is there already and for what is not, often two for the same."""
    postgres.SILENT_SECONDS = postgres.SILENT_READ_SECONDS = SILENT_SECONDS
    postgres._SETTINGS += f"; SET idle_in_transaction_session_timeout = '{SILENT_SECONDS:.0f}s'"
    postgres._DEFAULTS["connect_timeout"] = "2"  # the least that libpq waits
    object_places._TIMES |= {"connect_timeout": "1s", "read_timeout": f"{SILENT_SECONDS:.0f}s"}
    object_places._RETRIES |= {"max_retries": 3, "retry_timeout": timedelta(seconds=SILENT_SECONDS)}
    values.HOT_BYTES = 0  # so that each answer is read from where it is
    say = threading.Lock()

    @algorithm(version="1", name="noise")
    def made(source: Source, *, number: int = 0) -> Noise:
        with say:
            channel.send(("computed", number))
        return Noise(value=noise(number))

    def ask() -> None:
        chance = random.Random()
        while not over.is_set():
            with next_number.get_lock():
                if chance.random() < 0.3 or next_number.value < 2:
                    next_number.value += 1
                newest = next_number.value // 2
            heard = _heard(engine, newest if chance.random() < 0.5 else chance.randrange(newest + 1))
            with say:
                channel.send(("heard", heard))

    os.environ.update(places.variables)
    store = places.open()
    engine = Engine(store, Registry([made]), lease_seconds=LEASE_SECONDS)
    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    store.close()
    channel.send(("over", 0))


def _heard(engine: Engine, number: int) -> Heard:
    began = time.monotonic()
    try:
        feature = engine.get(Ask("noise", (FILM,), settings={"number": number}))
        if not np.array_equal(feature.value.value, noise(number)):
            return Heard(number, began, 0.0, error=f"a wrong value for {number}", is_fair=False)
    except AmberError as error:
        is_fair = isinstance(error, StoreUnavailableError | ComputeError)
        told = f"{type(error).__name__}: {error}"
        return Heard(number, began, time.monotonic() - began, error=told, is_fair=is_fair)
    except BaseException:
        return Heard(number, began, 0.0, error=traceback.format_exc(), is_fair=False)
    return Heard(number, began, time.monotonic() - began, sha256=feature.trace.value.sha256)


class Load:
    """The processes, and what they have heard so far.

    Args:
        places: Where they find the store; every other process goes without Redis, so that its reads need the objects.
    """

    def __init__(self, places: Places) -> None:
        context = forking()
        self._over = context.Event()
        self._channels: list[Connection[Any, Any]] = []
        self._processes: list[ForkServerProcess] = []
        #: Number → how often it was computed; number → its digests; what else was told.
        self.computed: Counter[int] = Counter()
        self.values: dict[int, set[str]] = defaultdict(set)
        self.errors: list[Heard] = []
        self.slowest_seconds = 0.0
        self._latest: dict[int, list[float]] = {}
        self._next_number = context.Value("l", 0)  # kept, or it is gone before the processes have it
        for which in range(PROCESSES):
            theirs = Places(
                places.home,
                places.database_url,
                places.blobs_url,
                places.redis_url if which % 2 else "",
                places.variables,
            )
            ours, other = context.Pipe()
            process = context.Process(
                target=_ask_all_the_time, args=(other, theirs, self._over, self._next_number), daemon=True
            )
            process.start()
            other.close()
            self._channels.append(ours)
            self._processes.append(process)
            self._latest[which] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        open_ones = list(self._channels)
        while open_ones:
            for channel in wait(open_ones):
                try:
                    what, found = channel.recv()
                except EOFError:
                    what, found = "over", 0
                    self.errors.append(
                        Heard(0, 0.0, 0.0, error="a process died", is_fair=self._over.is_set())
                    )
                if what == "over":
                    open_ones.remove(channel)
                elif what == "computed":
                    self.computed[found] += 1
                else:
                    self._note(self._channels.index(channel), found)

    def _note(self, process: int, heard: Heard) -> None:
        self.slowest_seconds = max(self.slowest_seconds, heard.seconds)
        if heard.error:
            self.errors.append(heard)
        else:
            self.values[heard.number].add(heard.sha256)
            self._latest[process].append(heard.began)

    def until_answered(self, count: int = 8) -> None:
        """Wait until each process has had so many answers to asks that it began from now on."""
        now = time.monotonic()
        self._until(
            lambda: all(
                sum(began > now for began in latest[-10 * count :]) >= count
                for latest in self._latest.values()
            )
        )

    def until_more_heard(self, count: int) -> None:
        """Wait until so many asks more came to something, good or bad."""
        before = self._count()
        self._until(lambda: self._count() >= before + count)

    def _until(self, condition: Callable[[], bool]) -> None:
        def is_over() -> bool:
            self._check_errors()
            return condition()

        until(is_over, "asks come to something")

    def _check_errors(self) -> None:
        unfair = [heard.error for heard in self.errors if not heard.is_fair]
        assert not unfair, f"{len(unfair)} errors that may not be: {unfair[0]}"

    def told(self, since: int = 0) -> dict[str, int]:
        """Kinds of errors and how often they were told, from the error of a number on."""
        return dict(Counter(heard.error.partition(":")[0] for heard in self.errors[since:]))

    def _count(self) -> int:
        return len(self.errors) + sum(map(len, self._latest.values()))

    def stop(self) -> None:
        """Let them end what they do, and end."""
        self._over.set()
        for process in self._processes:
            process.join(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End them, whatever they do."""
        for process in self._processes:
            process.kill()
            process.join(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)

    def check(self, store: Store) -> None:
        """Nothing is wrong, nothing that was answered is lost, and nothing was computed twice without cause.

        Args:
            store: Reaches its parts by good lines.
        """
        self._check_errors()
        assert self.slowest_seconds < LONGEST_SECONDS
        assert {number: len(found) for number, found in self.values.items() if len(found) > 1} == {}
        kept = {trace.settings: trace.value.sha256 for trace in store.catalog.find_traces("")}
        lost = [n for n, [sha256] in self.values.items() if kept.get(f'{{"number":{n}}}') != sha256]
        assert lost == [], "what was answered is there"
        report = verify(store)
        assert report.is_clean, report
        failed = Counter(heard.number for heard in self.errors)
        twice = {n: count for n, count in self.computed.items() if count > 1 + failed[n]}
        assert twice == {}, "computed again, although no attempt failed"


@contextmanager
def load(places: Places) -> Iterator[Load]:
    """A load, for as long as the block."""
    made = Load(places)
    try:
        yield made
        made.stop()
    finally:
        made.kill()
