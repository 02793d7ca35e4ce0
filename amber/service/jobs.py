"""Jobs: how far they are, followed by events, and cancelled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from amber.engine.documents import job_document
from amber.engine.texts import json_text
from amber.errors import JobNotFoundError
from amber.service.answers import in_json
from amber.service.context import Reader, Service, TheService, Writer, asker_of, wait_of
from amber.service.problems import problems
from amber.store.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

#: An idle stream of events says so often that it still stands.
ALIVE_SECONDS = 15.0
#: A stream ends after so long; a client goes on with `Last-Event-ID`.
LONGEST_STREAM_SECONDS = 3600.0
_JOB = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get(
    "",
    responses={
        200: {
            "description": "A page of jobs.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Jobs"}}},
        },
        **problems(422),
    },
    summary="Jobs, in the order of their ids",
)
async def list_jobs(
    service: TheService,
    caller: Reader,
    after: Annotated[str, Query(pattern="^([0-9a-f]{64})?$")] = "",
    limit: Limit = 100,
    ended: bool = False,
) -> Response:
    """Those that wait or run; with `ended`, those that have ended too."""
    catalog = service.amber.store.catalog
    found = await service.run(lambda: catalog.jobs(after=after, limit=limit, ended=ended))
    following = found[-1].key if len(found) == limit else None
    return in_json({"jobs": [job_document(job) for job in found], "next_after": following})


@router.get(
    "/{job}",
    responses={
        200: {
            "description": "It has not come to a feature yet, or failed, or was cancelled.",
            "content": _JOB,
        },
        303: {
            "description": "It is ready; `Location` leads to the feature.",
            "content": _JOB,
            "headers": {"Location": {"description": "The feature.", "schema": {"type": "string"}}},
        },
        **problems(404, 422),
    },
    summary="How far a job is",
)
async def get_job(request: Request, service: TheService, caller: Reader, job: str) -> Response:
    """State, step, how much of it is done, and the seconds that are left; 303 when the feature is ready.

    `Prefer: wait=30` waits so many seconds for the job to end.
    """
    found = await service.run(lambda: _find(service, job))
    if isinstance(found, str):
        return Response(status_code=303, headers={"Location": f"/v1/features/{found}"})
    if not found.is_ended and (wait := wait_of(request)):
        found = await service.hub.until_ended(job, wait) or found
    if found.state == "ready":
        return in_json(job_document(found), 303, Location=f"/v1/features/{found.recipe}")
    return in_json(job_document(found))


@router.get(
    "/{job}/events",
    responses={
        200: {
            "description": "Server-sent events, each a job as JSON; the last one says how it ended.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(404, 422),
    },
    summary="A job as it goes on",
)
async def get_events(request: Request, service: TheService, caller: Reader, job: str) -> Response:
    """An event for each change, named by the state, with the job's revision as its id.

    A client that lost the stream sends the last id as `Last-Event-ID`, and is told only of what came later.
    What changes faster than the client reads is told by the latest event alone.
    """
    found = await service.run(lambda: _find(service, job))
    if isinstance(found, str):
        found = Job(job, "", (), "ready", recipe=found)
    seen = request.headers.get("last-event-id", "")
    last = int(seen) if seen.isdecimal() and len(seen) < 19 else -1
    stream = _events(service, found, last)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.delete(
    "/{job}",
    responses={200: {"description": "The job as it stands.", "content": _JOB}, **problems(404, 422)},
    summary="Take an ask back",
)
async def delete_job(request: Request, service: TheService, caller: Writer, job: str) -> Response:
    """Withdraws the caller; a job that nobody wants any more is cancelled.

    Who asked with an `Idempotency-Key` withdraws with the same one.
    """
    catalog = service.amber.store.catalog
    found = await service.run(lambda: catalog.withdraw_job(_checked(job), asker_of(request, caller)))
    if found is None:
        raise _unknown(job)
    return in_json(job_document(found))


async def _events(service: Service, job: Job, last: int) -> AsyncIterator[bytes]:
    if job.is_ended:
        if job.revision > last or not job.revision:
            yield _event(job)
        return
    watched = service.hub.watch(job.key)
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST_STREAM_SECONDS
    yield b"retry: 1000\n\n"
    try:
        while loop.time() < end and not service.hub.is_over:
            if not await watched.next(ALIVE_SECONDS):
                yield b": still there\n\n"
                continue
            now = watched.job
            if not watched.is_known:
                continue  # woken because the service stops
            if now is None:
                yield b"event: gone\ndata: {}\n\n"
                return
            if now.revision > last:
                last = now.revision
                yield _event(now)
            if now.is_ended:
                return
    finally:
        service.hub.leave(watched)


def _event(job: Job) -> bytes:
    return f"id: {job.revision}\nevent: {job.state}\ndata: {json_text(job_document(job))}\n\n".encode()


def _find(service: Service, key: str) -> Job | str:
    """The job, or the feature's id where the job is known no longer and its feature is there.

    Raises:
        JobNotFoundError: There is neither.
    """
    catalog = service.amber.store.catalog
    found = catalog.job(_checked(key))
    if found is not None:
        return found
    trace = catalog.lookup(key).trace
    if trace is None:
        raise _unknown(key)
    return trace.recipe


def _checked(key: str) -> str:
    if len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise _unknown(key)
    return key


def _unknown(key: str) -> JobNotFoundError:
    return JobNotFoundError(f"there is no job {key[:70]!r}; GET /v1/jobs lists those that wait or run")
