"""Algorithms: what is loaded, and what enters what."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from amber.engine.documents import algorithm_document, graph_document
from amber.service.answers import in_json
from amber.service.context import Reader, TheService
from amber.service.problems import problems

router = APIRouter(prefix="/v1/algorithms", tags=["algorithms"])


def _answers(description: str, schema: dict[str, Any], *further: int) -> dict[int | str, dict[str, Any]]:
    answer = {"description": description, "content": {"application/json": {"schema": schema}}}
    return {200: answer, **problems(*further)}


_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Algorithm"}}


@router.get("", responses=_answers("Every loaded version.", _LIST), summary="What is loaded")
async def list_algorithms(service: TheService, caller: Reader) -> Response:
    """Every loaded version with its inputs, settings, weights and resources."""
    registry = service.amber.registry
    return in_json([algorithm_document(registry, algorithm) for algorithm in registry])


@router.get(
    "/graph",
    responses=_answers("The graph.", {"$ref": "#/components/schemas/Graph"}),
    summary="What enters what",
)
async def get_graph(service: TheService, caller: Reader) -> Response:
    """The algorithms, and an edge for each input that another one produces."""
    return in_json(graph_document(service.amber.registry))


@router.get(
    "/{algorithm}",
    responses=_answers("Its loaded versions.", _LIST, 404, 422),
    summary="The loaded versions of one algorithm",
)
async def get_algorithm(service: TheService, caller: Reader, algorithm: str) -> Response:
    """The loaded versions, the default last."""
    registry = service.amber.registry
    registry.get(algorithm)
    found = [registry.get(algorithm, version) for version in registry.versions(algorithm)]
    return in_json([algorithm_document(registry, one) for one in found])
