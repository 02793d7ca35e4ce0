"""Who waits for another worker's result is woken when there is news of it: hints, which may be lost and promise nothing."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from amber.store.redis_link import PAUSE_SECONDS, RedisLink

if TYPE_CHECKING:
    from redis.client import PubSub

#: The longest between two looks at a lease that another worker holds: without news from everywhere, and with it.
UNTOLD_SECONDS, TOLD_SECONDS = 0.25, 2.0
#: Where the news goes; a message is a recipe.
CHANNEL = "amber:wakeups"
#: A subscription that hears nothing for so long asks whether it still stands.
_LISTEN_SECONDS = 2.0


class Waiter:
    """Waits for news of one recipe; what came since it was made is not lost."""

    def __init__(self) -> None:
        self._news = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait for news for so many seconds at most; whether there was some."""
        told = self._news.wait(seconds)
        self._news.clear()
        return told

    def wake(self) -> None:
        """Tell that there is news."""
        self._news.set()


class Wakeups(Protocol):
    """News of recipes: a worker committed, failed or gave up. Whoever is told looks at the store, as without."""

    @property
    def longest_seconds(self) -> float:
        """How long a waiter may trust in being told before it looks by itself."""

    def publish(self, recipe: str) -> None:
        """Tell everybody who waits for a recipe that there is news of it."""

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

    def publish(self, recipe: str) -> None:
        """See the protocol."""
        with self._lock:
            for waiter in self._waiters.get(recipe, ()):
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


class RedisWakeups:
    """News among all processes, by way of Redis; a process listens from the first time that it waits.

    Args:
        link: The Redis.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._local = LocalWakeups()
        self._lock = threading.Lock()
        self._listener: _Listener | None = None

    @property
    def longest_seconds(self) -> float:
        """See the protocol."""
        listener = self._listener
        return TOLD_SECONDS if listener is not None and listener.is_told else UNTOLD_SECONDS

    def publish(self, recipe: str) -> None:
        """See the protocol."""
        self._local.publish(recipe)
        self._link.ask(lambda redis: redis.publish(CHANNEL, recipe))

    @contextmanager
    def waiting(self, recipe: str) -> Iterator[Waiter]:
        """See the protocol."""
        with self._lock:
            if self._listener is None or self._listener.pid != os.getpid():
                self._listener = _Listener(self._link, self._local)
        with self._local.waiting(recipe) as waiter:
            yield waiter

    def close(self) -> None:
        """See the protocol."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        self._link.close()


class _Listener:
    """The one subscription of a process, kept up by a thread."""

    def __init__(self, link: RedisLink, local: LocalWakeups) -> None:
        self.pid = os.getpid()
        #: Whether the subscription stands, as far as is known.
        self.is_told = False
        self._link = link
        self._local = local
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="amber-wakeups", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        from redis import RedisError

        while not self._over.is_set():
            try:
                with self._link.client(patience_seconds=_LISTEN_SECONDS) as client, client.pubsub() as news:
                    self._listen(news)
            except (RedisError, OSError):
                pass  # it is gone: until it is back, waiters look by themselves
            finally:
                self.is_told = False
            self._over.wait(PAUSE_SECONDS)

    def _listen(self, news: "PubSub") -> None:
        news.subscribe(CHANNEL)
        asked = False
        while not self._over.is_set():
            message = news.get_message(timeout=_LISTEN_SECONDS)
            if message is None:
                if asked:
                    return  # nothing came, not even the answer
                news.ping()
                asked = True
                continue
            asked = False
            if message["type"] == "subscribe":
                self.is_told = True
                self._local.wake_all()  # what happened before was not heard
            elif message["type"] == "message":
                self._local.publish(message["data"].decode(errors="replace"))

    def close(self) -> None:
        self._over.set()
        if self.pid == os.getpid():
            self._link.ask(
                lambda redis: redis.publish(CHANNEL, "")
            )  # the thread hears that and sees that it is over
            self._thread.join(_LISTEN_SECONDS)
