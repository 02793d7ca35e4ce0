"""Costs: what computing took, and what stored features saved."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from amber.engine.savings import costs_document
from amber.service.answers import described, in_json
from amber.service.context import Reader, TheService
from amber.service.problems import problems

router = APIRouter(prefix="/v1/costs", tags=["costs"])

Algorithm = Annotated[str | None, Query(description="Of this one; of all, unless given.")]


@router.get(
    "",
    responses={
        200: described("Sums by algorithm, version, requester and kind of machine.", "Costs"),
        **problems(422),
    },
    summary="What was spent and saved",
)
async def get_costs(service: TheService, caller: Reader, algorithm: Algorithm = None) -> Response:
    """What computing took, how often a stored feature was found, and what those took once; the latest minutes may be missing."""
    accounts = await service.run(service.amber.costs)
    found = [one for one in accounts if algorithm in (None, one.algorithm)]
    return in_json(costs_document(found))
