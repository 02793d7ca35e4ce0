"""Loads an HTTP server: so many connections, each sending its next request when the last one is answered."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What came of it."""

    count: int
    per_second: float
    p50_seconds: float
    p99_seconds: float


class _Connection(asyncio.Protocol):
    """One connection, kept alive; counts answers and how long each took."""

    def __init__(self, request: bytes, until: float, taken: list[float], over: asyncio.Event) -> None:
        self._request, self._until, self._taken, self._over = request, until, taken, over
        self._left = -1
        self._head = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 200"), head[:200]
            lower = head.lower()
            at = lower.index(b"content-length:") + 15
            self._left = int(lower[at:].partition(b"\r\n")[0]) - len(body)
            self._head = b""
        else:
            self._left -= len(data)
        if self._left == 0:
            now = time.perf_counter()
            self._taken.append(now - self._sent)
            self._left = -1
            if now < self._until:
                self._send()
            else:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._over.set()


async def _loaded(url: str, connections: int, seconds: float) -> Load:
    parts = urlsplit(url)
    request = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n".encode()
    )
    loop, taken = asyncio.get_running_loop(), list[float]()
    began = time.perf_counter()
    over = [asyncio.Event() for _ in range(connections)]
    for event in over:
        await loop.create_connection(
            lambda event=event: _Connection(request, began + seconds, taken, event),  # type: ignore[misc]
            parts.hostname,
            parts.port,
        )
    for event in over:
        await event.wait()
    spent = time.perf_counter() - began
    centiles = statistics.quantiles(taken, n=100)
    return Load(len(taken), len(taken) / spent, centiles[49], centiles[98])


def load(url: str, *, connections: int = 16, seconds: float = 4.0) -> Load:
    """Send requests for so long and say how it went."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_loaded(url, connections, seconds))
