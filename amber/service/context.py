"""What the routes of a service share, and what they know of a request."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import anyio
from anyio import CapacityLimiter
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from amber.client import Amber
from amber.engine.names import find_asset
from amber.engine.uploads import Uploads
from amber.errors import AssetNotFoundError, BusyError, TooLargeError, UsageError
from amber.service.auth import Caller, Guard
from amber.service.hub import JobHub
from amber.service.problems import RefusedError
from amber.service.representations import Representations
from amber.settings import Settings
from amber.store.protocol import AssetRecord
from amber.store.tokens import Scope

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)
#: Threads that ask the store, that decode pictures, and that read new media; further requests wait for their turn.
STORE_THREADS, MEDIA_THREADS, INGEST_THREADS = 16, 2, 2
#: So many may wait for the media's and the ingest's threads; then the service says that it is busy.
MOST_WAITING = 64
#: The most bytes of a JSON body.
BODY_BYTES = 4 << 20
#: A client that sends nothing of its body for so long is sent away.
SILENT_SECONDS = 60.0
#: Bytes of a body that are handed on at a time.
PIECE_BYTES = 1 << 20
#: The longest that a request may wait for a job.
LONGEST_WAIT_SECONDS = 300.0
#: In JSON; a database may keep none, and others do.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_bearer = HTTPBearer(auto_error=False, description="An access token that `amber token create` made.")


@dataclass(frozen=True)
class Service:
    """What all routes share."""

    amber: Amber
    settings: Settings
    guard: Guard
    hub: JobHub
    representations: Representations
    store_threads: CapacityLimiter
    media_threads: CapacityLimiter
    ingest_threads: CapacityLimiter
    uploads: Uploads

    async def run(self, does: Callable[[], T]) -> T:
        """Run something that asks the store, in a thread."""
        return await anyio.to_thread.run_sync(does, limiter=self.store_threads)

    async def run_media(self, does: Callable[[], T]) -> T:
        """Run something that decodes or encodes, in a thread; raises as `_bounded`."""
        return await self._bounded(does, self.media_threads, "pictures and clips")

    async def run_ingest(self, does: Callable[[], T]) -> T:
        """Run something that reads new media, in a thread; raises as `_bounded`."""
        return await self._bounded(does, self.ingest_threads, "new media")

    async def _bounded(self, does: Callable[[], T], limiter: CapacityLimiter, what: str) -> T:
        """Run in a thread of a limiter.

        Raises:
            BusyError: Too many wait already.
        """
        if limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} requests for {what} wait already")
        return await anyio.to_thread.run_sync(does, limiter=limiter)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found


def caller_of(scope: Scope) -> Callable[..., Any]:
    """A dependency: the caller, who must have this scope."""

    async def caller(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Caller:
        known: Caller | None = request.scope.get("amber.caller")
        if known is None:
            service = service_of(request)
            authorization = request.headers.get("authorization", "")
            known = await service.run(lambda: service.guard.admit(authorization, address_of(request.scope)))
        known.require(scope)
        return known

    return caller


def named_asset(service: Service, name: str) -> AssetRecord:
    """The asset that a path names, by its hash, six digits or more of it, or its title; plain code, run in threads.

    Raises:
        AssetNotFoundError, AmbiguousAssetError: None fits, or several do.
    """
    found = find_asset(service.amber.store.catalog, name)
    if found is None:
        raise AssetNotFoundError(
            f"no asset {name[:70]!r} is recorded; a path names a hash, six digits or more of one, or a title; "
            "GET /v1/assets lists what there is"
        )
    return found


def address_of(scope: Any) -> str:
    """Where a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


TheService = Annotated[Service, Depends(service_of)]
Reader = Annotated[Caller, Depends(caller_of("read"))]
Writer = Annotated[Caller, Depends(caller_of("write"))]
Admin = Annotated[Caller, Depends(caller_of("admin"))]


async def body_of(request: Request, model: type[Body]) -> Body:
    """The JSON body of a request.

    Raises:
        TooLargeError, RefusedError, UsageError: It is too large, no JSON, or says something else.
    """
    data = await read_body(request)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(said_of(error)) from error


def said_of(error: ValidationError) -> str:
    """What is wrong with a body, in a sentence."""
    found = [f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors()[:5]]
    return "; ".join(found)


async def read_body(request: Request) -> bytes:
    """The body of a request that is meant to be JSON; raises as `body_of`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusedError(
            415, "No such format", f"send application/json; found {media_type or 'no Content-Type'}"
        )
    chunks, size = [], 0
    async for chunk in pieces_of(request):
        size += len(chunk)
        if size > BODY_BYTES:
            raise TooLargeError(f"the body has more than {BODY_BYTES} bytes")
        chunks.append(chunk)
    data = b"".join(chunks)
    if _NUL.search(data):
        raise UsageError("the body has a NUL (\\u0000), which no text may have")
    return data


async def pieces_of(request: Request) -> AsyncIterator[bytes]:
    """The body of a request, in pieces of some size; what came before a line broke is given, too.

    Raises:
        RefusedError: The client has sent nothing for too long (408).
        ClientDisconnect: It went away.
    """
    stream, waiting = request.stream(), bytearray()
    while True:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                waiting += await anext(stream)
        except StopAsyncIteration:
            break
        except TimeoutError as error:
            if waiting:
                yield bytes(waiting)
            raise RefusedError(
                408, "The client is silent", f"nothing came for {SILENT_SECONDS:g} s; send the request again"
            ) from error
        except ClientDisconnect:
            if waiting:
                yield bytes(waiting)
            raise
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def json_body(model: type[BaseModel], *, many: bool = False) -> dict[str, Any]:
    """How the OpenAPI document describes a body that a route reads by itself."""
    schema: dict[str, Any] = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    if many:
        schema = {"oneOf": [schema, {"type": "array", "items": schema, "minItems": 1, "maxItems": 1000}]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def wait_of(request: Request) -> float:
    """Seconds that a request is willing to wait (`Prefer: wait=30`); 0 if it says nothing."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,9})", request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else 0.0


def asker_of(request: Request, caller: Caller) -> str:
    """Who asks: the caller, told apart by its idempotency keys; asking twice is asking once."""
    key = request.headers.get("idempotency-key", "")[:200]
    return f"http|{caller.name}|{key}"
