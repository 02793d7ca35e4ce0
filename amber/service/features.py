"""Features: those that are stored at once, the others by a job."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import FileResponse, Response, StreamingResponse

from amber.engine.ask import Ask
from amber.engine.claims import JOBS
from amber.engine.documents import job_document, lineage_document, settings_document
from amber.engine.executors.admission import Requester
from amber.engine.lineage import lineage
from amber.engine.names import is_hash
from amber.engine.orders import job_of
from amber.engine.texts import json_text
from amber.errors import (
    AmberError,
    AssetNotFoundError,
    BusyError,
    FeatureNotFoundError,
    JobCancelledError,
    UsageError,
    VersionNotFoundError,
)
from amber.service import metrics, models
from amber.service.auth import Caller
from amber.service.context import (
    Reader,
    Service,
    TheService,
    asker_of,
    body_of,
    json_body,
    named_asset,
    read_body,
    said_of,
    wait_of,
)
from amber.service.problems import FailedJobError, problem_of, problems
from amber.service.representations import (
    MEDIA_TYPES,
    MOST_HOT,
    MOST_ROWS,
    PAGE_ROWS,
    Encoded,
    Format,
    Page,
    cache_headers,
    choose_format,
    etag,
    feature_document,
    is_same,
)
from amber.store.jobs import Job
from amber.store.protocol import Trace

router = APIRouter(prefix="/v1", tags=["features"])

#: A failed job answers for so long; then asking again tries again, which meets remembered failures at little cost.
FAILED_SECONDS = 60.0
#: The count of waiting jobs is read no more often.
_COUNT_SECONDS = 0.5
_asks = TypeAdapter(list[models.AskBody])

After = Annotated[int, Query(ge=0, le=1 << 53, description="Rows to pass over; JSON only.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page; JSON only.")]
_PAGE = {"after", "limit"}
FEATURE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The feature: JSON in pages, the stored Arrow file, or CSV, as `Accept` likes best.",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Feature"}},
            "application/vnd.apache.arrow.file": {"schema": {"type": "string", "format": "binary"}},
            "text/csv": {"schema": {"type": "string"}},
        },
        "headers": {
            "ETag": {"description": "Digest of the value, format and page.", "schema": {"type": "string"}},
            "Content-Location": {
                "description": "The same by the asset's hash, where the path names it otherwise.",
                "schema": {"type": "string"},
            },
        },
    },
    304: {"description": "The ETag that was sent is still that of the feature."},
}
ASKED_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "A job computes it; `Location` leads there.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}},
        "headers": {"Location": {"description": "The job.", "schema": {"type": "string"}}},
    },
}


@dataclass(frozen=True)
class Ready:
    """A stored feature, and every setting of the ask."""

    trace: Trace
    settings: Mapping[str, Any]


class Desk:
    """Finds features, and asks for jobs where there are none; plain code, run in threads.

    Args:
        service: What all routes share.
    """

    def __init__(self, service: Service) -> None:
        self._engine = service.amber.engine
        self._store = service.amber.store
        self._queue_limit = service.settings.queue_limit
        self._counted: tuple[float, int] = (0.0, 0)

    def find(self, ask: Ask) -> Ready | None:
        """The feature, if it is stored.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
        """
        try:
            closure = self._engine.closure(ask)
            _check_hashes(ask)
        except VersionNotFoundError:
            _check_hashes(ask)
            trace = self._engine.find_stored(ask)
            return Ready(trace, json.loads(trace.settings))
        _, _, found = self._engine.look_up(closure, ask)
        if found is not None and self._store.blobs.present([found.value.sha256]):
            return Ready(found, settings_document(closure))
        known = {asset for asset in ask.assets if self._store.catalog.asset(asset) is not None}
        for asset in ask.assets:
            if asset not in known:
                raise AssetNotFoundError(
                    f"no asset {asset[:16]}… is recorded; GET /v1/assets lists what there is"
                )
        return None

    def ask(self, ask: Ask, asker: str) -> Job:
        """The job that computes it: the one in flight, or a new one.

        Raises:
            FailedJobError: It failed a moment ago.
            BusyError: Too many jobs wait already.
        """
        closure = self._engine.closure(ask)
        snapshot, key, _ = self._engine.look_up(closure, ask)
        there = self._store.catalog.job(key)
        if there is not None and there.state == "failed":
            self._refuse_if_fresh(there)
        if there is None or there.is_ended:
            self._check_queue()
        job = self._store.catalog.ask_job(
            job_of(closure, closure.step(ask.assets), snapshot, _whose(asker)), asker
        )
        self._store.wakeups.publish(JOBS)
        return job

    def by_id(self, feature: str) -> Ready:
        """The stored feature of that id.

        Raises:
            FeatureNotFoundError: There is none.
        """
        trace = self._store.catalog.traces([feature]).get(feature)
        if trace is None or not self._store.blobs.present([trace.value.sha256]):
            raise FeatureNotFoundError(f"no feature {feature[:16]}… is stored")
        own = json.loads(trace.settings)
        return Ready(trace, {f"{trace.algorithm}.{name}": value for name, value in own.items()})

    def _refuse_if_fresh(self, job: Job) -> None:
        left = job.changed_at + FAILED_SECONDS - time.time()
        if left > 0:
            raise FailedJobError(job.key, job.error, job.message, left)

    def _check_queue(self) -> None:
        counted_at, queued = self._counted
        if time.monotonic() - counted_at > _COUNT_SECONDS:
            queued = self._store.catalog.count_jobs().get("queued", 0)
        self._counted = (
            time.monotonic() if counted_at + _COUNT_SECONDS < time.monotonic() else counted_at,
            queued + 1,
        )
        if queued >= self._queue_limit:
            raise BusyError(f"{queued} jobs wait already; the service takes {self._queue_limit}")


@router.get(
    "/assets/{asset}/features/{algorithm}",
    responses={**FEATURE_ANSWERS, **ASKED_ANSWERS, **problems(404, 406, 422, 507)},
    summary="A feature of an asset",
)
async def get_feature(
    request: Request,
    service: TheService,
    caller: Reader,
    asset: str,
    algorithm: str,
    version: str | None = None,
    after: After = 0,
    limit: Limit = PAGE_ROWS,
) -> Response:
    """The feature if it is stored, else a job (which needs the scope `write`).

    Settings come as `setting.ALGORITHM.NAME=VALUE` or `setting.NAME=VALUE`, other producers as `use.TYPE=ALGORITHM`.
    `Prefer: wait=30` waits so many seconds for the feature before it answers 202.
    """
    named = asset if is_hash(asset) else (await service.run(lambda: named_asset(service, asset))).asset
    ask = ask_of(request.query_params.multi_items(), named, algorithm)
    made = await answer(request, service, caller, ask, Page(after, limit))
    if named != asset and made.status_code == 200:
        query = f"?{request.url.query}" if request.url.query else ""
        made.headers["Content-Location"] = f"/v1/assets/{named}/features/{algorithm}{query}"
    return made


@router.post(
    "/features",
    responses={
        **FEATURE_ANSWERS,
        **ASKED_ANSWERS,
        200: {
            **FEATURE_ANSWERS[200],
            "content": {
                **FEATURE_ANSWERS[200]["content"],
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/Feature"},
                            {"$ref": "#/components/schemas/Items"},
                        ]
                    }
                },
            },
        },
        **problems(404, 406, 413, 415, 422, 507),
    },
    openapi_extra=json_body(models.AskBody, many=True),
    summary="A feature of several titles, or many features",
)
async def post_features(
    request: Request, service: TheService, caller: Reader, after: After = 0, limit: Limit = PAGE_ROWS
) -> Response:
    """As `GET` for one ask; a list of asks is answered item by item, each with a status of its own and without rows."""
    data = await read_body(request)
    if not data.lstrip().startswith(b"["):
        body = _one(data)
        return await answer(request, service, caller, _ask(body), Page(after, limit))
    try:
        bodies = _asks.validate_json(data)
    except ValidationError as error:
        raise UsageError(said_of(error)) from error
    if not 1 <= len(bodies) <= 1000:
        raise UsageError(f"a list has 1 to 1000 asks; found {len(bodies)}")
    asker = asker_of(request, caller)
    desk = _desk(request, service)
    items = await service.run(lambda: [_item(service, desk, caller, _ask(body), asker) for body in bodies])
    return Response(json_text({"items": items}), media_type="application/json")


@router.get(
    "/features/{feature}",
    responses={**FEATURE_ANSWERS, **problems(404, 406, 422)},
    summary="A stored feature by its id",
)
async def get_feature_by_id(
    request: Request,
    service: TheService,
    caller: Reader,
    feature: str,
    after: After = 0,
    limit: Limit = PAGE_ROWS,
) -> Response:
    """What a job that is ready leads to; the id names what the feature is made from."""
    form = choose_format(request.headers.get("accept", ""))
    ready = await service.run(lambda: _desk(request, service).by_id(_checked(feature)))
    return await _represent(request, service, ready, form, Page(after, limit))


@router.get(
    "/features/{feature}/lineage",
    responses={200: {"description": "Lineage.", "content": {"application/json": {}}}, **problems(404, 422)},
    summary="What a feature was made from, and what from it",
)
async def get_lineage(service: TheService, caller: Reader, feature: str) -> Response:
    """Both ways, with the reason why it was computed and what that took."""
    found = await service.run(lambda: lineage(service.amber.store, feature))
    return Response(json_text(lineage_document(found)), media_type="application/json")


@router.post(
    "/states",
    responses={
        200: {
            "description": "How far it is.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StateAnswer"}}},
        },
        **problems(404, 413, 415, 422),
    },
    openapi_extra=json_body(models.AskBody),
    summary="How far a feature is",
)
async def post_states(request: Request, service: TheService, caller: Reader) -> Response:
    """One of absent, queued, running, ready, failed; nothing is asked for."""
    body = await body_of(request, models.AskBody)
    state = await service.run(lambda: service.amber.engine.state(_ask(body)))
    return Response(json_text({"state": state}), media_type="application/json")


async def answer(request: Request, service: Service, caller: Caller, ask: Ask, page: Page) -> Response:
    """The feature if it is stored, else a job, waited for as long as the request is willing to."""
    form = choose_format(request.headers.get("accept", ""))
    desk = _desk(request, service)
    ready = await service.run(lambda: desk.find(ask))
    if ready is not None:
        metrics.count_hit(service, ready.trace, caller)
        return await _represent(request, service, ready, form, page)
    caller.require("write")
    asker, wait = asker_of(request, caller), wait_of(request)
    asked = await service.run(lambda: desk.ask(ask, asker))
    key, job = asked.key, asked if not wait else None
    if wait:
        job = await service.hub.until_ended(key, wait)
        made = await service.run(lambda: _after(desk, ask, job))
        if made is not None:
            return await _represent(request, service, made, form, page, job=job)
    headers = {"Location": f"/v1/jobs/{key}", "Retry-After": "1"}
    if wait:
        headers["Preference-Applied"] = f"wait={wait:.0f}"
    there = job if job is not None else await service.run(lambda: desk.ask(ask, asker))
    return Response(json_text(job_document(there)), 202, headers=headers, media_type="application/json")


def _after(desk: Desk, ask: Ask, job: Job | None) -> Ready | None:
    """What a job came to, as far as it has ended.

    Raises:
        FailedJobError, JobCancelledError: It did not come to a feature.
    """
    if job is None:
        return desk.find(ask)
    if job.state == "failed":
        raise FailedJobError(job.key, job.error, job.message, FAILED_SECONDS)
    if job.state == "cancelled":
        raise JobCancelledError(f"job {job.key[:12]} was cancelled")
    if job.state != "ready":
        return None
    made = desk.by_id(job.recipe)
    closure_settings = desk.find(ask)
    return closure_settings if closure_settings and closure_settings.trace.recipe == job.recipe else made


async def _represent(
    request: Request, service: Service, ready: Ready, form: Format, page: Page, *, job: Job | None = None
) -> Response:
    trace, tag = ready.trace, etag(ready.trace, form, page)
    headers = {name.decode(): value.decode() for name, value in cache_headers(tag)}
    if is_same(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    made = service.representations
    if form == "csv":
        chunks = await service.run(lambda: made.csv_chunks(trace))
        return StreamingResponse(chunks, headers=headers, media_type=MEDIA_TYPES["csv"])
    if form == "arrow" and trace.value.size_bytes > MOST_HOT:
        path = await service.run(lambda: made.local_path(trace))
        return FileResponse(path, headers=headers, media_type=MEDIA_TYPES["arrow"])
    encoded = await service.run(lambda: made.encoded(trace, form, page, ready.settings))
    body = encoded.body
    if job is not None and form == "json":
        body = _told(encoded, job)
    if encoded.next_after is not None:
        following = request.url.include_query_params(limit=page.limit, after=encoded.next_after)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def _told(encoded: Encoded, job: Job) -> bytes:
    """The answer to who waited: with what was computed meanwhile."""
    document = json.loads(encoded.body)
    computed = json.loads(job.made)
    return json_text({**document, "hit": not computed, "computed": computed}).encode()


def _item(service: Service, desk: Desk, caller: Caller, ask: Ask, asker: str) -> dict[str, Any]:
    """The answer to one ask of several."""
    try:
        ready = desk.find(ask)
        if ready is not None:
            metrics.count_hit(service, ready.trace, caller)
            return {"status": 200, "feature": feature_document(ready.trace, ready.settings)}
        caller.require("write")
        return {"status": 202, "job": job_document(desk.ask(ask, asker))}
    except (AmberError, FailedJobError) as error:
        problem = problem_of(error)
        return {"status": problem.status, "problem": problem.document()}


def ask_of(parameters: list[tuple[str, str]], asset: str, algorithm: str) -> Ask:
    """The ask that a path and a query mean.

    Raises:
        UsageError: The query says something that is not known, or twice.
    """
    settings: dict[str, object] = {}
    use: dict[str, str] = {}
    version = None
    for name, value in parameters:
        kind, _, rest = name.partition(".")
        if name == "version":
            version = value
        elif kind == "setting" and rest and rest not in settings:
            settings[rest] = value
        elif kind == "use" and rest and rest not in use:
            use[rest] = value
        elif name not in _PAGE:
            raise UsageError(
                f"the query has {name!r} twice or is not known; there are: version, setting.NAME, use.TYPE, after, limit"
            )
    return Ask(algorithm, (asset,), version, settings, use)


def _ask(body: models.AskBody) -> Ask:
    return Ask(body.algorithm, tuple(body.assets), body.version, dict(body.settings), dict(body.use))


def _one(data: bytes) -> models.AskBody:
    try:
        return models.AskBody.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(said_of(error)) from error


def _desk(request: Request, service: Service) -> Desk:
    found: Desk = request.app.state.desk
    return found


def _check_hashes(ask: Ask) -> None:
    for asset in ask.assets:
        if not is_hash(asset):
            raise AssetNotFoundError(f"no asset {asset[:70]!r} is recorded; a hash has 64 digits")


def _checked(feature: str) -> str:
    if not is_hash(feature):
        raise FeatureNotFoundError(f"no feature {feature[:70]!r} is stored; an id has 64 digits")
    return feature


def _whose(asker: str) -> Requester:
    """Whoever asks, without the idempotency key; see `context.asker_of`."""
    return Requester(asker.split("|")[1] if "|" in asker else asker)
