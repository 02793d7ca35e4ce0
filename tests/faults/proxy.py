"""A proxy between a client and a server that makes the line between them bad in one way or another, as it is told."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from tests.servers.processes import PATIENCE_SECONDS

#: `slow`: what passes is late. `reset`: connections break. `silent`: they are taken, what is sent vanishes, and nothing is
#: answered. `short`: an answer ends in the midst of it. `busy`: each request over HTTP is answered with 503.
What = Literal["slow", "reset", "silent", "short", "busy"]
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line."""

    what: What
    #: How many of the pieces that pass are hit, of 1.
    share: float = 1.0
    #: How late a slow piece is.
    seconds: float = 0.05


class Proxy:
    """Listens on a port of 127.0.0.1 and hands on to another, well or badly.

    Args:
        port: Where the server listens.
        seed: Chooses which pieces are hit, and where answers are cut.
    """

    def __init__(self, port: int, seed: int = 0) -> None:
        self._target = port
        self._random = random.Random(seed)
        self._fault: Fault | None = None
        self._open: set[_Line] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy to {port}")
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        #: Where to connect to instead.
        self.port: int = self._server.sockets[0].getsockname()[1]

    def put(self, fault: Fault | None) -> None:
        """Make the line bad, for what is connected and for what comes; or good again, for what comes.

        A connection that was silent stays so, as a half-open one does.
        """
        self._do(self._put(fault))

    async def _put(self, fault: Fault | None) -> None:
        self._fault = fault
        if fault is None:
            return
        for line in list(self._open):
            if fault.what == "silent":
                line.is_silent = True
            elif fault.what in ("reset", "busy"):
                line.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        line = _Line(reader, writer)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await self._hand_on(line)
        finally:
            line.reset()
            self._open.discard(line)
            self._serving.discard(task)

    async def _hand_on(self, line: "_Line") -> None:
        fault = self._fault
        if fault is not None and fault.what == "busy":
            await _answer_busy(line.reader, line.writer)
            return
        line.is_silent = fault is not None and fault.what == "silent"
        self._open.add(line)
        await line.connect(self._target)
        await line.both(self._pass)

    async def _pass(self, line: "_Line", data: bytes, to: asyncio.StreamWriter) -> None:
        """Hand a piece on, or do to it what is to be done."""
        fault = self._fault
        if line.is_silent:
            return
        if fault is not None and self._random.random() < fault.share:
            if fault.what == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.what == "reset":
                raise ConnectionResetError
            elif fault.what == "short" and to is line.writer:
                to.write(data[: self._random.randrange(len(data))])
                await to.drain()
                to.close()
                await to.wait_closed()
                raise EOFError
        to.write(data)
        await to.drain()

    def close(self) -> None:
        """End all connections, and listen no more."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        while self._serving:
            await asyncio.wait(self._serving)

    def _do(self, work: Awaitable["asyncio.Server | None"]) -> "asyncio.Server":
        async def done() -> "asyncio.Server | None":
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE_SECONDS)  # type: ignore[return-value]


class _Line:
    """One connection of a client, and ours to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_silent = False
        self._there: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self, port: int) -> None:
        self._there = await asyncio.open_connection("127.0.0.1", port)

    async def both(self, pass_on: Callable[["_Line", bytes, asyncio.StreamWriter], Awaitable[None]]) -> None:
        """Hand on in both directions until either side ends, or a fault ends both."""
        assert self._there is not None
        reader, writer = self._there

        async def one(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while data := await source.read(_CHUNK_BYTES):
                await pass_on(self, data, to)
            if self.is_silent:  # it is not heard that the other side ended, either
                await asyncio.get_running_loop().create_future()

        ways = [asyncio.create_task(one(self.reader, writer)), asyncio.create_task(one(reader, self.writer))]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def reset(self) -> None:
        """Break it, as a machine does that knows of no such connection."""
        for writer in (self.writer, *([] if self._there is None else [self._there[1]])):
            end: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def _answer_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request to its end, and say that there is no time for it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(
        (line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length:")), "0"
    )
    await reader.readexactly(int(length))
    writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()
    await writer.wait_closed()


@contextmanager
def between(port: int, seed: int = 0) -> Iterator[Proxy]:
    """A proxy before a server, for as long as the block."""
    proxy = Proxy(port, seed)
    try:
        yield proxy
    finally:
        proxy.close()


def moved(url: str, port: int) -> str:
    """The same place by way of another port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))
