"""Whether the service is alive, and whether it can serve."""

import importlib.metadata
from functools import cache

from fastapi import APIRouter
from starlette.responses import Response

from amber.engine.texts import json_text
from amber.errors import StoreError
from amber.service import models
from amber.service.context import TheService

router = APIRouter(tags=["operation"])


@cache
def release() -> str:
    """The version of Amber."""
    return importlib.metadata.version("amber")


@router.get("/healthz", responses={200: {"model": models.Health}}, summary="Is it alive?")
async def get_healthz() -> Response:
    """Answers as long as the process does."""
    return _health("ok", 200)


@router.get(
    "/readyz",
    responses={200: {"model": models.Health}, 503: {"model": models.Health}},
    summary="Can it serve?",
)
async def get_readyz(service: TheService) -> Response:
    """Whether the catalogue can be read; 503 until it can."""
    try:
        await service.run(service.amber.store.catalog.snapshot)
    except StoreError:
        return _health("unavailable", 503)
    return _health("ok", 200)


def _health(status: str, code: int) -> Response:
    text = json_text({"status": status, "version": release()})
    return Response(text, code, media_type="application/json", headers={"Cache-Control": "no-store"})
