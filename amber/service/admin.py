"""What only an administrator may do."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.engine.texts import json_text
from amber.service import models
from amber.service.context import Admin, TheService, body_of, json_body
from amber.service.problems import problems

router = APIRouter(prefix="/v1/admin", tags=["admin"])


@router.post(
    "/retry",
    responses={
        200: {
            "description": "How many failures were forgotten.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Forgotten"}}},
        },
        **problems(404, 413, 415, 422),
    },
    openapi_extra=json_body(models.RetryBody),
    summary="Forget remembered failures",
)
async def post_retry(request: Request, service: TheService, caller: Admin) -> Response:
    """The next ask tries again."""
    body = await body_of(request, models.RetryBody)

    def forget() -> int:
        if body.algorithm is not None:
            service.amber.registry.get(body.algorithm)
        return service.amber.retry(body.algorithm, body.asset)

    return Response(json_text({"forgotten": await service.run(forget)}), media_type="application/json")
