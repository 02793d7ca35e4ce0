"""A connection to a Redis that may be gone, slow or full at any time, which then costs a moment and nothing else."""

import re
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from amber.errors import ConfigurationError
from amber.store.wakeups import CHANNEL, LISTEN_SECONDS

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

T = TypeVar("T")
#: The longest that one question may take, connecting included; what Redis would save is less than that.
PATIENCE_SECONDS = 0.1
#: After a failure it is left alone for so long; then one caller tries again.
PAUSE_SECONDS = 1.0
#: Read at once; a value in a few reads costs a tenth less than in the 64 KiB that the library takes.
READ_BYTES = 1 << 18
_SCHEMES = ("redis://", "rediss://", "unix://")


class RedisLink:
    """Asks a Redis, and goes without where it does not answer.

    Args:
        url: `redis://[:password@]host[:port][/database]`, `rediss://…` with TLS, or `unix://path`.

    Raises:
        ConfigurationError: The URL is none of these, or the library is not installed.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(_SCHEMES) or not _is_readable(url):
            raise ConfigurationError(  # without the URL, for there may be a password in it
                "AMBER_REDIS_URL cannot be read: it is redis://[:password@]host[:port][/database], "
                "rediss://… with TLS, or unix://path"
            )
        if find_spec("redis") is None:
            raise ConfigurationError(
                "AMBER_REDIS_URL is set, which needs redis-py: pip install 'amber[redis]'"
            )
        self._url = url
        self._client: Redis | None = None
        self._left_alone_until = 0.0
        self._lock = threading.Lock()

    @property
    def where(self) -> str:
        """Its address, as it may be told."""
        parts = urlsplit(self._url)
        return (
            parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
        )

    @property
    def is_loaded(self) -> bool:
        """Whether this process has imported the library, which takes it longer than most answers."""
        return "redis" in sys.modules

    def ask(self, question: Callable[["Redis"], T]) -> T | None:
        """The answer; None where there is none, now or for the moment."""
        now = time.monotonic()
        if now < self._left_alone_until:
            return None
        if self._left_alone_until:
            self._left_alone_until = now + PAUSE_SECONDS  # others wait for how this one fares
        from redis import RedisError, ResponseError

        try:
            answer = question(self.client())
        except ResponseError:
            answer = None  # it is there, and cannot do this: it is full, or the key holds something else
        except (RedisError, OSError):
            self._left_alone_until = time.monotonic() + PAUSE_SECONDS
            return None
        self._left_alone_until = 0.0
        return answer

    def client(self, *, patience_seconds: float | None = PATIENCE_SECONDS) -> "Redis":
        """A client that raises its own errors; that of `ask`, unless another patience is given."""
        with self._lock:
            if patience_seconds == PATIENCE_SECONDS:
                self._client = self._client or self._made(patience_seconds)
                return self._client
        return self._made(patience_seconds)

    def _made(self, patience_seconds: float | None) -> "Redis":
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as Lost
        from redis.retry import Retry

        return Redis.from_url(
            self._url,
            socket_timeout=patience_seconds,
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_read_size=READ_BYTES,
            # a connection that was kept may have been cut meanwhile, so it is made anew once
            retry=Retry(NoBackoff(), 1, supported_errors=(Lost,)),
        )

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


class RedisWire:
    """Carries news between processes; a `Wire`.

    Args:
        link: The Redis.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def send(self, messages: Sequence[str]) -> None:
        """See the protocol."""

        def told(redis: "Redis") -> None:
            with redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish(CHANNEL, message)
                pipeline.execute()

        self._link.ask(told)

    def listen(self) -> Generator[str | None]:
        """See the protocol."""
        from redis import RedisError

        try:
            with self._link.client(patience_seconds=LISTEN_SECONDS) as client, client.pubsub() as news:
                yield from _heard(news)
        except (RedisError, OSError):
            return

    def close(self) -> None:
        """See the protocol."""
        self._link.close()


def _heard(news: "PubSub") -> Generator[str | None]:
    news.subscribe(CHANNEL)
    asked = False
    while True:
        message = news.get_message(timeout=LISTEN_SECONDS)
        if message is None:
            if asked:
                return  # nothing came, not even the answer
            news.ping()
            asked = True
            continue
        asked = False
        yield message["data"].decode(errors="replace") if message["type"] == "message" else None


def _is_readable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "unix" or (parts.port != 0 and re.fullmatch(r"/?\d*", parts.path) is not None)
    except ValueError:
        return False
