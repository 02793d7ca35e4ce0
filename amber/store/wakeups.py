"""Who waits for another worker's result is woken when there is news of it: hints, which may be lost and promise nothing."""

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Protocol

#: The longest between two looks at a lease that another worker holds: without news from everywhere, and with it.
UNTOLD_SECONDS, TOLD_SECONDS = 0.25, 2.0
#: Where the news goes; a message is one name or several, each in a line of its own.
CHANNEL = "amber:wakeups"
#: Names in one message; PostgreSQL takes messages of less than 8,000 bytes, and most names are digests.
MOST_TOGETHER = 100
#: A subscription that hears nothing for so long asks whether it still stands.
LISTEN_SECONDS = 2.0
#: After a subscription broke, so long until it is tried again.
PAUSE_SECONDS = 1.0


class Waiter:
    """Waits for news of one recipe; what came since it was made is not lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Is done when there is news that was not heard.
        self.news: Future[None] = Future()

    def wait(self, seconds: float) -> bool:
        """Wait for news for so many seconds at most, and hear it; whether there was some."""
        with suppress(TimeoutError):
            self.news.result(seconds)
        return self.hear()

    def hear(self) -> bool:
        """Whether there was news; from now on it is not news any more."""
        with self._lock:
            told = self.news.done()
            if told:
                self.news = Future()
            return told

    def wake(self) -> None:
        """Tell that there is news."""
        with self._lock:
            if not self.news.done():
                self.news.set_result(None)


class Wakeups(Protocol):
    """News of recipes and jobs, by their names: a worker committed, failed or gave up. Whoever is told looks at the store, as without."""

    @property
    def longest_seconds(self) -> float:
        """How long a waiter may trust in being told before it looks by itself."""

    def publish(self, *names: str) -> None:
        """Tell everybody who waits for one of these names that there is news of it; of all of them at once."""

    def waiting(self, recipe: str) -> AbstractContextManager[Waiter]:
        """A waiter for a recipe, told of what happens from the moment it is entered."""

    def close(self) -> None:
        """Tell and be told no more."""


class LocalWakeups:
    """News among the threads of one process."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[Waiter]] = {}
        self._lock = threading.Lock()

    @property
    def longest_seconds(self) -> float:
        """See the protocol: other processes may work on the same store, and are not heard of."""
        return UNTOLD_SECONDS

    def publish(self, *names: str) -> None:
        """See the protocol."""
        with self._lock:
            for name in names:
                for waiter in self._waiters.get(name, ()):
                    waiter.wake()

    @contextmanager
    def waiting(self, recipe: str) -> Iterator[Waiter]:
        """See the protocol."""
        waiter = Waiter()
        with self._lock:
            self._waiters.setdefault(recipe, []).append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters[recipe].remove(waiter)
                if not self._waiters[recipe]:
                    del self._waiters[recipe]

    def wake_all(self) -> None:
        """Tell every waiter, as after a time when news may have been missed."""
        with self._lock:
            for waiters in self._waiters.values():
                for waiter in waiters:
                    waiter.wake()

    def close(self) -> None:
        """See the protocol."""


def messages(names: Sequence[str]) -> list[str]:
    """News of these names, in as few messages as there may be."""
    parts = range(0, len(names), MOST_TOGETHER)
    return ["\n".join(names[part : part + MOST_TOGETHER]) for part in parts]


class Wire(Protocol):
    """Carries news from process to process."""

    def send(self, messages: Sequence[str]) -> None:
        """Tell all processes that listen, by one question to whoever carries it; lost where that cannot be done."""

    def listen(self) -> Generator[str | None]:
        """Messages as they are told; None when the subscription stands, and again after `LISTEN_SECONDS` without any.

        Ends where the subscription breaks.
        """

    def close(self) -> None:
        """Let go of connections."""


class SharedWakeups:
    """News among all processes, by way of a wire; a process listens from the first time that it waits.

    Args:
        wire: Carries it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._local = LocalWakeups()
        self._lock = threading.Lock()
        self._listener: _Listener | None = None

    @property
    def longest_seconds(self) -> float:
        """See the protocol."""
        listener = self._listener
        return TOLD_SECONDS if listener is not None and listener.is_told else UNTOLD_SECONDS

    def publish(self, *names: str) -> None:
        """See the protocol."""
        self._local.publish(*names)
        if names:
            self._wire.send(messages(names))

    @contextmanager
    def waiting(self, recipe: str) -> Iterator[Waiter]:
        """See the protocol."""
        with self._lock:
            if self._listener is None or self._listener.pid != os.getpid():
                self._listener = _Listener(self._wire, self._local)
        with self._local.waiting(recipe) as waiter:
            yield waiter

    def close(self) -> None:
        """See the protocol."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        self._wire.close()


class _Listener:
    """The one subscription of a process, kept up by a thread."""

    def __init__(self, wire: Wire, local: LocalWakeups) -> None:
        self.pid = os.getpid()
        #: Whether the subscription stands, as far as is known.
        self.is_told = False
        self._wire = wire
        self._local = local
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="amber-wakeups", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            with closing(self._wire.listen()) as news:
                self._hear(news)
            self.is_told = False  # until it is back, waiters look by themselves
            self._over.wait(PAUSE_SECONDS)

    def _hear(self, news: Iterator[str | None]) -> None:
        for message in news:
            if self._over.is_set():
                return
            if message is not None:
                self._local.publish(*message.split("\n"))
            elif not self.is_told:
                self.is_told = True
                self._local.wake_all()  # what happened before was not heard

    def close(self) -> None:
        self._over.set()
        if self.pid == os.getpid():
            self._wire.send([""])  # the thread hears that and sees that it is over
            self._thread.join(LISTEN_SECONDS)
