"""Puts the service together: routes, what they share, and how the OpenAPI document describes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio import CapacityLimiter
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp

from amber.client import Amber
from amber.engine.uploads import SWEEP_SECONDS, Uploads
from amber.service import (
    admin,
    algorithms,
    assets,
    backfills,
    blobs,
    costs,
    features,
    health,
    jobs,
    media,
    metrics,
    models,
    models_standing,
    plans,
    problems,
    search,
    sources,
    subscriptions,
    uploads,
)
from amber.service.auth import Guard, OpenGuard, TokenGuard
from amber.service.context import INGEST_THREADS, MEDIA_THREADS, STORE_THREADS, Service
from amber.service.front import Front
from amber.service.hub import JobHub
from amber.service.pages import algorithms as algorithm_pages
from amber.service.pages import cuts, films, library, sign_in, words, work
from amber.service.representations import Representations
from amber.settings import Settings

_DESCRIPTION = """Features of media, computed once.

A feature that is stored is answered at once, with an ETag.
One that is not becomes a job: the answer is 202, and `Location` leads to the job, which leads to the feature when it is ready.
What goes wrong is told as `application/problem+json` (RFC 9457).
"""


def make_routes(amber: Amber, settings: Settings) -> FastAPI:
    """The routes of the service, with what they share, but without the layer in front of them."""
    app = FastAPI(
        title="Amber",
        version=health.release(),
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service = _service(amber, settings)
    app.state.desk = features.Desk(service)
    app.state.senders = uploads.Senders()
    rooms = (
        assets,
        uploads,
        features,
        search,
        jobs,
        backfills,
        subscriptions,
        sources,
        plans,
        algorithms,
        costs,
        blobs,
        media,
    )
    for room in (*rooms, admin, metrics, health):
        app.include_router(room.router)
    for pages in (sign_in, library, films, cuts, words, algorithm_pages, work):
        app.include_router(pages.router)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def make_app(amber: Amber, settings: Settings) -> ASGIApp:
    """The service as a server runs it.

    Args:
        amber: Answers from the store; it computes nothing itself, workers do.
        settings: Auth, roots and limits.
    """
    routes = make_routes(amber, settings)
    return Front(routes, routes.state.service, reads_at_once=settings.database_url is None)


def _service(amber: Amber, settings: Settings) -> Service:
    guard: Guard = OpenGuard(settings.rate_limit)
    if settings.auth == "token":
        guard = TokenGuard(amber.store.catalog, settings.rate_limit)
    threads = CapacityLimiter(STORE_THREADS)
    reading = CapacityLimiter(1)  # one reader for all that wait, so that it never waits for their threads

    async def in_thread(does: Any) -> Any:
        return await anyio.to_thread.run_sync(does, limiter=reading)

    return Service(
        amber=amber,
        settings=settings,
        guard=guard,
        hub=JobHub(amber.store.catalog, in_thread),
        representations=Representations(amber.store.blobs),
        store_threads=threads,
        media_threads=CapacityLimiter(MEDIA_THREADS),
        ingest_threads=CapacityLimiter(INGEST_THREADS),
        uploads=Uploads(amber.store),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """While the service runs, uploads that nobody goes on with are removed."""
    service: Service = app.state.service

    async def sweep() -> None:
        while True:
            with suppress(OSError):  # what cannot be removed now is tried again
                await service.run(service.uploads.sweep)
            await anyio.sleep(SWEEP_SECONDS)

    async with anyio.create_task_group() as group:
        group.start_soon(sweep)
        yield
        group.cancel_scope.cancel()


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; routes answer with bytes that are ready, so their bodies are described here."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        declared = [
            model
            for model in (vars(models) | vars(models_standing)).values()
            if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel
        ]
        _, described = models_json_schema(
            [(model, "serialization") for model in declared], ref_template="#/components/schemas/{model}"
        )
        schemas.update(described["$defs"])
        schemas["Problem"] = problems.SCHEMA
        for path in document["paths"].values():
            for operation in path.values():
                _replace_validation_errors(operation["responses"])
        app.openapi_schema = document
    return app.openapi_schema


def _replace_validation_errors(responses: dict[str, Any]) -> None:
    """FastAPI describes its own form of a 422, which is never sent."""
    content = responses.get("422", {}).get("content", {})
    if "application/json" in content:
        responses["422"] = problems.problems(422)[422]
