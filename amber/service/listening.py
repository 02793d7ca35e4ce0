"""Where the service listens, and how it reads what comes: heads of requests are bounded in size and time."""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from amber.errors import ConfigurationError
from amber.service.problems import RefusedError, problem_of

#: The most bytes of a request line and its headers, and how long they may take to come.
MOST_HEAD_BYTES, HEAD_SECONDS = 64 << 10, 30.0
_BACKLOG = 4096


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets at every address that a host has; port 0 takes one that is free.

    Raises:
        ConfigurationError: Nothing can listen there.
    """
    found: list[socket.socket] = []
    wrong: OSError | None = None
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        infos, wrong = [], error
    for family, address in dict.fromkeys((info[0], info[4][0]) for info in infos):
        chosen = port or (found[0].getsockname()[1] if found else 0)
        try:
            found.append(socket.create_server((str(address), chosen), family=family, backlog=_BACKLOG))
        except OSError as error:
            wrong = error
    if not found:
        reason = (wrong.strerror or str(wrong)) if wrong is not None else "it has no address"
        reason = reason.partition(" (while")[0]
        raise ConfigurationError(
            f"the service cannot listen on {host}, port {port}: {reason}; say another --host or --port"
        ) from wrong
    return found


class BoundedHeads(HttpToolsProtocol):
    """HTTP as uvicorn reads it, but heads that are too large or come too slowly end the connection.

    Its parser takes heads of any size, and waits for the rest of one for ever.
    """

    _is_in_head = True
    #: Whether a head ended within the latest piece.
    _has_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is awaited from now on."""
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._forget_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head ends."""
        self._is_in_head, self._has_head = False, True
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """A piece comes in."""
        was_in_head, self._has_head = self._is_in_head, False
        super().data_received(data)
        if not self._is_in_head:
            if self._head_timer is not None:
                self._forget_timer()
            return
        if was_in_head and not self._has_head:  # what shares a piece with an earlier request is not counted
            self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(
                431,
                "The head is too large",
                f"a request line and headers have {MOST_HEAD_BYTES} bytes at most",
            )
        elif self._head_timer is None:
            self._watch_head()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(400, "No such request", "what came cannot be read as HTTP")

    def _watch_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._refuse(
            408, "The client is silent", f"a request line and headers come within {HEAD_SECONDS:g} s"
        )

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Answer with a problem, as far as the client listens, and end the connection."""
        if self.transport.is_closing():
            return
        answer: Any = problem_of(RefusedError(status, title, detail)).response()
        lines = [f"HTTP/1.1 {status} {title}".encode(), b"connection: close"]
        lines += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        self.transport.close()
