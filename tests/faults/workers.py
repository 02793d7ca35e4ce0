"""Workers of a test: processes in which many clients ask for one feature, and whose computing takes as long as the test says."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.engine import leases
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.errors import AmberError, StaleLeaseError
from amber.registry import Registry
from amber.store import postgres
from amber.store.open import open_store
from amber.store.protocol import Trace
from amber.store.sql.commits import CommitRows
from tests.faults.forking import forking
from tests.servers.processes import PATIENCE_SECONDS

#: A film that nobody has seen.
FILM = "a" * 64
#: Clients of one worker.
CLIENTS = 32
#: How long a lease lasts without a heartbeat, and how long a transaction may stand still.
LEASE_SECONDS, STANDING = 1.0, "500ms"


@result
class Made:
    """Says who made it, so no two workers make the same."""

    by: Int64[np.ndarray, " one"]


class _Office:
    """What a worker process does: it says what happens in it, and does what it is told."""

    def __init__(self, channel: "Connection[Any, Any]") -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._may_end: dict[int, threading.Event] = {}

    def say(self, *words: object) -> None:
        with self._lock:
            self._channel.send((time.monotonic_ns(), words))

    def gate(self, number: int) -> threading.Event:
        with self._lock:
            return self._may_end.setdefault(number, threading.Event())

    def algorithm(self) -> Any:
        @algorithm(version="1", name="made")
        def made(source: Source, *, number: int = 0) -> Made:
            self.say("computing", number)
            assert self.gate(number).wait(PATIENCE_SECONDS)
            return Made(by=np.array([os.getpid()], np.int64))

        return made

    def work(self, engine: Engine) -> None:
        def answer(number: int) -> str:
            try:
                return engine.get(Ask("made", (FILM,), settings={"number": number})).trace.value.sha256
            except AmberError as error:
                return repr(error)

        def answers(number: int) -> None:
            self.say("answered", number, Counter(pool.map(answer, [number] * CLIENTS)))

        with ThreadPoolExecutor(CLIENTS) as pool:
            self.say("ready")
            while True:
                what, number = self._channel.recv()
                if what == "ask":
                    threading.Thread(target=answers, args=(number,)).start()
                else:
                    self.gate(number).set()


def _work(channel: "Connection[Any, Any]", home: str, database_url: str, machine: str) -> None:
    office = _Office(channel)
    commit_all = CommitRows.commit_all

    def told(self: CommitRows, commits: Any) -> Any:
        answers = commit_all(self, commits)
        for answer in answers:
            if isinstance(answer, StaleLeaseError):
                office.say("refused")
            elif isinstance(answer, Trace):
                office.say("committed", answer.value.sha256)
        return answers

    CommitRows.commit_all = told  # type: ignore[method-assign]
    leases.host_name = lambda: machine  # type: ignore[assignment]
    postgres._SETTINGS += f"; SET idle_in_transaction_session_timeout = '{STANDING}'"
    store = open_store(Path(home), database_url)
    office.work(Engine(store, Registry([office.algorithm()]), lease_seconds=LEASE_SECONDS))


class Worker:
    """One worker process.

    Args:
        home: The store's folder.
        database_url: The catalogue.
        machine: What it takes for its machine: only there it knows whether a holder of a lease is dead.
    """

    def __init__(self, home: Path, database_url: str, machine: str) -> None:
        self._made_of = (home, database_url, machine)
        self.channel, theirs = forking().Pipe()
        self._process: ForkServerProcess = forking().Process(
            target=_work, args=(theirs, str(home), database_url, machine), daemon=True
        )
        self._process.start()
        theirs.close()

    def tell(self, what: str, number: int) -> None:
        """Let its clients `ask` for a feature, or let it end (`go`) the computation of one."""
        self.channel.send((what, number))

    def stop(self) -> None:
        """Let it stand still, with all of its threads."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.join(PATIENCE_SECONDS)
        self.channel.close()

    def successor(self) -> "Worker":
        """A new one in its place."""
        return Worker(*self._made_of)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None, "it was started"
        os.kill(self._process.pid, number)


class Crew:
    """Workers on two machines, and what they say.

    Args:
        home: The store's folder, shared by all.
        database_url: The catalogue.
    """

    def __init__(self, home: Path, database_url: str) -> None:
        self.workers = [Worker(home, database_url, f"machine {number % 2}") for number in range(4)]
        #: What was said and not heard yet: when, by whom, what.
        self._said: list[tuple[int, Worker, tuple[Any, ...]]] = []
        for _ in self.workers:
            assert self.hear()[1:] == ("ready",)

    def hear(self) -> tuple[Any, ...]:
        """What a worker says: who, and what; of what several said, what was said first."""
        ready = wait([worker.channel for worker in self.workers], 0.0 if self._said else PATIENCE_SECONDS)
        for worker in self.workers:
            if worker.channel in ready:
                said_at, words = worker.channel.recv()
                self._said.append((said_at, worker, words))
        assert self._said, "nobody says anything"
        first = min(self._said, key=lambda one: one[0])
        self._said.remove(first)
        return (first[1], *first[2])

    def replace(self, worker: Worker) -> None:
        """Kill a worker and put another one in its place."""
        worker.kill()
        self._said = [one for one in self._said if one[1] is not worker]
        self.workers[self.workers.index(worker)] = worker.successor()


@contextmanager
def crew(home: Path, database_url: str) -> Iterator[Crew]:
    """A crew, which ends with the block."""
    made = Crew(home, database_url)
    try:
        yield made
    finally:
        for worker in made.workers:
            worker.kill()
