"""Backfills: a feature of many assets, begun, followed, paused and cancelled."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from amber.engine.standing_documents import backfill_document, forecast_document, item_document
from amber.service import models_standing as models
from amber.service.answers import described, in_json
from amber.service.context import Reader, Service, TheService, Writer, body_of, json_body
from amber.service.problems import problems
from amber.store.backfills import ITEM_STATES, Backfill, Wish

router = APIRouter(prefix="/v1/backfills", tags=["backfills"])

ItemStates = Annotated[
    list[models.ItemState], Query(description="Only those in one of these states; may be given often.")
]


_CHANGED: dict[int | str, dict[str, Any]] = {
    200: described("The backfill as it is now.", "Backfill"),
    **problems(404, 409, 422),
}


@router.post(
    "",
    responses={
        200: described("With `dry_run`: what it would do.", "Forecast"),
        201: described("It runs; `Location` leads to it.", "Backfill"),
        **problems(404, 409, 413, 415, 422),
    },
    openapi_extra=json_body(models.BackfillBody),
    summary="Compute a feature of many assets",
)
async def post_backfill(request: Request, service: TheService, caller: Writer) -> Response:
    """Each asset alone; workers do it. What fails is collected, and stops nothing.

    The same wish for all assets, while it has not ended, is the backfill that there is; one that is paused goes on.
    """
    body = await body_of(request, models.BackfillBody)
    wish = Wish(body.algorithm, body.version, body.settings, body.use, body.where)
    backfills = service.amber.backfills
    if body.dry_run:
        return in_json(forecast_document(await service.run(lambda: backfills.plan(wish, body.assets))))
    made = await service.run(
        lambda: backfills.start(
            wish,
            body.assets,
            canary=body.canary,
            concurrency=body.concurrency,
            rate=float(body.rate),
            who=caller.name,
        )
    )
    return in_json(backfill_document(made), 201, Location=f"/v1/backfills/{made.id}")


@router.get(
    "",
    responses={200: described("All that there are.", "Backfills"), **problems()},
    summary="Backfills, oldest first",
)
async def list_backfills(service: TheService, caller: Reader) -> Response:
    """How far each is."""
    found = await service.run(service.amber.backfills.all)
    return in_json({"backfills": [backfill_document(one) for one in found]})


@router.get(
    "/{backfill}",
    responses={200: described("The backfill.", "Backfill"), **problems(404, 422)},
    summary="How far a backfill is",
)
async def get_backfill(service: TheService, caller: Reader, backfill: str) -> Response:
    """How many assets are in each state, and the seconds that are left."""
    return in_json(backfill_document(await service.run(lambda: _known(service, backfill))))


@router.get(
    "/{backfill}/items",
    responses={200: described("A page of its assets.", "BackfillItems"), **problems(404, 422)},
    summary="What became of each asset",
)
async def list_items(
    service: TheService,
    caller: Reader,
    backfill: str,
    states: ItemStates = [],  # noqa: B006 - FastAPI copies it
    after: Annotated[int, Query(ge=-1, le=1 << 31, description="The last position of the page before.")] = -1,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many a page has.")] = 100,
) -> Response:
    """In the order of their hashes; of those that failed, why."""

    def listed() -> Any:
        known = _known(service, backfill)
        return service.amber.store.catalog.items(
            known.id, states=states or ITEM_STATES, after=after, limit=limit
        )

    found = await service.run(listed)
    following = found[-1].position if len(found) == limit else None
    return in_json({"items": [item_document(item) for item in found], "next_after": following})


@router.post("/{backfill}/pause", responses=_CHANGED, summary="Ask for no more")
async def post_pause(service: TheService, caller: Writer, backfill: str) -> Response:
    """What was asked for goes on."""
    return await _moved(service, backfill, service.amber.backfills.pause)


@router.post("/{backfill}/resume", responses=_CHANGED, summary="Go on")
async def post_resume(service: TheService, caller: Writer, backfill: str) -> Response:
    """Past a canary that failed, too."""
    return await _moved(service, backfill, service.amber.backfills.resume)


@router.post("/{backfill}/cancel", responses=_CHANGED, summary="End a backfill")
async def post_cancel(service: TheService, caller: Writer, backfill: str) -> Response:
    """What was asked for is withdrawn; what is there stays."""
    return await _moved(service, backfill, service.amber.backfills.cancel)


async def _moved(service: Service, backfill: str, does: Callable[[str], Backfill]) -> Response:
    return in_json(backfill_document(await service.run(lambda: does(_known(service, backfill).id))))


def _known(service: Service, backfill: str) -> Backfill:
    return service.amber.store.catalog.backfill(backfill)
