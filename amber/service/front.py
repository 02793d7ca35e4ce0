"""What every request passes first: its id, the limits, and, for a feature that is at hand, the whole answer.

A warm feature is the commonest answer by far, so it is given here, before routes are looked through and a request is parsed
in full: one statement to the catalogue, one look into the kept encodings.
"""

import itertools
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amber.engine.ask import Ask
from amber.errors import AmberError, BusyError
from amber.keys import Closure
from amber.service import metrics
from amber.service.auth import Caller, check_site
from amber.service.context import Service, address_of
from amber.service.features import ask_of
from amber.service.hub import JobHub
from amber.service.logs import log
from amber.service.problems import RefusedError, problem_of
from amber.service.representations import (
    MOST_ROWS,
    PAGE_ROWS,
    Encoded,
    Format,
    Page,
    choose_format,
    is_same,
)
from amber.service.sessions import check_sender, with_session
from amber.service.tracing import span
from amber.store.protocol import Trace

_FEATURE = re.compile(r"/v1/assets/([0-9a-f]{64})/features/([A-Za-z0-9_]+)\Z")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
#: Requests for features whose meaning is kept.
_MOST_PREPARED = 10_000
_MOST_HOSTS = 100
#: Browsers take answers for what they say they are.
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
#: Requests that take longer are logged, whatever came of them.
SLOW_SECONDS = 5.0
#: The status of a request whose client went away, as it is counted.
GONE = 499
#: The route of requests that none fits, in metrics.
NO_ROUTE = "none"
_WARM_ROUTE = "/v1/assets/{asset}/features/{algorithm}"


@dataclass(frozen=True)
class _Prepared:
    """What the path, the query and the Accept header of a request mean."""

    ask: Ask
    closure: Closure
    form: Format
    page: Page


@dataclass
class _Told:
    """What is known of a request when it has been answered."""

    request: str
    status: int = 0


class Front:
    """The outermost layer of the service.

    Args:
        app: The routes.
        service: What they share.
        reads_at_once: Whether the catalogue is on this machine, so that a warm lookup needs no thread.
    """

    def __init__(self, app: ASGIApp, service: Service, *, reads_at_once: bool) -> None:
        self._app = app
        self._service = service
        self._reads_at_once = reads_at_once
        self._prepared: OrderedDict[tuple[str, bytes, bytes], _Prepared] = OrderedDict()
        self._ids = (f"{os.urandom(4).hex()}-{number:x}" for number in itertools.count(1))
        self._open = 0
        self._is_open_to_all = service.settings.auth == "off"
        #: `Host` headers that were found to mean this machine.
        self._local_hosts: set[bytes] = set()
        self._counters: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._warm_seconds = metrics.REQUEST_SECONDS.labels(_WARM_ROUTE)

    @property
    def hub(self) -> JobHub:
        """Follows jobs for requests."""
        return self._service.hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = dict(scope["headers"])
        if b"cookie" in headers and not self._is_open_to_all and b"authorization" not in headers:
            scope = with_session(scope, headers)
        given = headers.get(b"x-request-id", b"")
        told = _Told(given.decode() if _REQUEST_ID.match(given) else next(self._ids))
        self._open += 1
        try:
            refused = self._refused(scope, headers)
            if refused is not None:
                await _refuse(refused, scope, receive, _noting(send, told))
            elif not await self._warm(scope, headers, send, told):
                await self._cold(scope, receive, send, told)
        finally:
            self._open -= 1
            self._note(scope, told, time.perf_counter() - began)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> Exception | None:
        """Why a request is not looked at any further, if it is not."""
        if self._open > self._service.settings.request_limit:
            return BusyError(f"{self._open} requests are in hand; the service takes so many at once")
        host = headers.get(b"host", b"localhost")
        if self._is_open_to_all and host in self._local_hosts and b"origin" not in headers:
            return None
        try:
            if not self._is_open_to_all:
                check_sender(scope, headers)
                return None
            origin = headers.get(b"origin", b"").decode("latin-1")
            check_site(scope["method"], host.decode("latin-1"), origin)
        except RefusedError as error:
            return error
        if len(self._local_hosts) < _MOST_HOSTS:
            self._local_hosts.add(host)
        return None

    # the warm path

    async def _warm(self, scope: Scope, headers: dict[bytes, bytes], send: Send, told: _Told) -> bool:
        """Answer a feature that is at hand; False: nothing was done."""
        if scope["method"] != "GET" or "/features/" not in scope["path"]:
            return False
        prepared = self._prepare(scope, headers)
        if prepared is None:
            return False
        try:
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            caller = self._service.guard.admit_at_once(authorization, address_of(scope))
            if caller is None:
                return False
            scope["amber.caller"] = caller
            trace = await self._look_up(prepared)
        except AmberError:
            return False  # the route says what is wrong, and counts nothing twice
        encoded = trace and self._service.representations.hot(trace, prepared.form, prepared.page)
        if trace is None or not encoded or encoded.next_after is not None:
            return False
        metrics.count_hit(self._service, trace, caller)
        await _send(encoded, headers, send, told)
        return True

    def _prepare(self, scope: Scope, headers: dict[bytes, bytes]) -> _Prepared | None:
        key = (scope["path"], scope["query_string"], headers.get(b"accept", b""))
        found = self._prepared.get(key)
        if found is None:
            found = self._meant(*key)
            if found is not None:
                self._prepared[key] = found
                if len(self._prepared) > _MOST_PREPARED:
                    self._prepared.popitem(last=False)
        return found

    def _meant(self, path: str, query: bytes, accept: bytes) -> _Prepared | None:
        """What a request means; None if it is not plainly right, and the route shall say what is wrong."""
        matched = _FEATURE.match(path)
        if matched is None:
            return None
        try:
            pairs = parse_qsl(query.decode(), keep_blank_values=True, strict_parsing=bool(query))
            given = dict(pairs)
            page = Page(int(given.get("after", 0)), int(given.get("limit", PAGE_ROWS)))
            ask = ask_of(pairs, matched[1], matched[2])
            form = choose_format(accept.decode("latin-1"))
            closure = self._service.amber.engine.closure(ask)
        except (AmberError, RefusedError, ValueError):
            return None
        is_right = page.after >= 0 and 1 <= page.limit <= MOST_ROWS and form != "csv"
        return _Prepared(ask, closure, form, page if form == "json" else Page()) if is_right else None

    async def _look_up(self, prepared: _Prepared) -> Trace | None:
        engine = self._service.amber.engine
        if self._reads_at_once:
            return engine.look_up(prepared.closure, prepared.ask)[2]
        _, _, found = await self._service.run(lambda: engine.look_up(prepared.closure, prepared.ask))
        return found

    # all others

    async def _cold(self, scope: Scope, receive: Receive, send: Send, told: _Told) -> None:
        noting = _noting(send, told)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            error = RefusedError(400, "No text", "the path or the query has a NUL, which no name has")
            await _refuse(error, scope, receive, noting)
            return
        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            told.status = GONE  # nobody is left to be answered
        except Exception as error:  # noqa: BLE001 - the client gets an answer, and the log the rest
            log("request failed", level=logging.ERROR, error=error, request=told.request, path=scope["path"])
            if not told.status:
                await _refuse(error, scope, receive, noting)

    def _note(self, scope: Scope, told: _Told, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None)
        status = told.status or GONE
        if route is None:
            route = _WARM_ROUTE if told.status in (200, 304) and "amber.caller" in scope else NO_ROUTE
        self._counter(route, scope["method"], status)()
        timer = self._warm_seconds if route == _WARM_ROUTE else metrics.REQUEST_SECONDS.labels(route)
        timer.observe(seconds)
        span(f"{scope['method']} {route}", seconds, request=told.request, status=status)
        if scope["method"] not in ("GET", "HEAD") or status >= 400 or seconds > SLOW_SECONDS:
            caller: Caller | None = scope.get("amber.caller")
            log(
                "request",
                request=told.request,
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=round(seconds, 4),
                caller=caller.name if caller else None,
            )

    def _counter(self, route: str, method: str, status: int) -> Callable[[], None]:
        key = (route, method, status)
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = metrics.REQUESTS.labels(route, method, str(status)).inc
        return found


async def _send(encoded: Encoded, headers: dict[bytes, bytes], send: Send, told: _Told) -> None:
    """Send an encoding, or say that the client has it."""
    known = headers.get(b"if-none-match")
    said = (b"x-request-id", told.request.encode())
    if known is not None and is_same(known.decode("latin-1"), encoded.etag.decode()):
        told.status = 304
        await send(
            {
                "type": "http.response.start",
                "status": 304,
                "headers": [*encoded.headers[:-1], said, _NO_SNIFFING],
            }
        )
        await send({"type": "http.response.body", "body": b""})
        return
    told.status = 200
    length = (b"content-length", b"%d" % len(encoded.body))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [*encoded.headers, length, said, _NO_SNIFFING],
        }
    )
    await send({"type": "http.response.body", "body": encoded.body})


def _noting(send: Send, told: _Told) -> Send:
    """Sends with the request's id, and notes the status."""

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.status = message["status"]
            said = (b"x-request-id", told.request.encode())
            message["headers"] = [*message.get("headers", ()), said, _NO_SNIFFING]
        await send(message)

    return noting


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    await problem_of(error).response()(scope, receive, send)
