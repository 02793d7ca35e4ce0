"""Plans: what an ask would do."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.engine.documents import plan_document
from amber.engine.texts import json_text
from amber.service import models
from amber.service.context import Reader, TheService, body_of, json_body
from amber.service.problems import problems

router = APIRouter(prefix="/v1", tags=["plans"])


@router.post(
    "/plans",
    responses={
        200: {
            "description": "The steps, inputs first, and what they are expected to take.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Plan"}}},
        },
        **problems(404, 413, 415, 422),
    },
    openapi_extra=json_body(models.AskBody),
    summary="What an ask would do",
)
async def post_plans(request: Request, service: TheService, caller: Reader) -> Response:
    """Each step is a hit, a miss, or depends on whether its inputs come out as before; nothing is asked for."""
    body = await body_of(request, models.AskBody)
    amber = service.amber
    planned = await service.run(
        lambda: amber.plan(
            body.algorithm, *body.assets, version=body.version, settings=body.settings, use=body.use
        )
    )
    return Response(json_text(plan_document(planned)), media_type="application/json")
