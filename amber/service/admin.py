"""What only an administrator may do: disown, take down, and let failures be tried again."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.engine.invalidate import (
    apply_plan,
    named_version,
    plan_forget,
    plan_invalidation,
    undo_plan,
)
from amber.engine.kept_plans import plan_document
from amber.engine.texts import json_text
from amber.errors import AssetNotFoundError, PlanStateError, UsageError
from amber.service import models
from amber.service.auth import Caller
from amber.service.context import Admin, Service, TheService, body_of, json_body
from amber.service.problems import problems
from amber.store.protocol import KeptPlan

router = APIRouter(prefix="/v1/admin", tags=["admin"])


def _answers(description: str, model: str, *further: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    answer = {"description": description, "content": {"application/json": {"schema": schema}}}
    return {200: answer, **problems(404, 409, 413, 415, 422, *further)}


@router.post(
    "/algorithms/{algorithm}/versions/{version}/invalidate",
    responses=_answers("The plan, or what became of it.", "KeptPlan"),
    openapi_extra=json_body(models.InvalidateBody),
    summary="Disown what a version of an algorithm made",
)
async def post_invalidate(
    request: Request, service: TheService, caller: Admin, algorithm: str, version: str
) -> Response:
    """With a `reason`, a plan of what that covers; with its `plan_id`, the plan is applied, unless the world has drifted."""
    body = await body_of(request, models.InvalidateBody)

    def planned() -> KeptPlan:
        store = service.amber.store
        target = named_version(service.amber.registry, store, f"{algorithm}@{version}")
        if body.plan_id is not None:
            _check_covers(service, body.plan_id, target)
            return apply_plan(store, body.plan_id, action="invalidate", who=_who(caller)).plan
        for asset in body.assets:
            _check_known(service, asset)
        return plan_invalidation(
            store,
            target,
            assets=body.assets,
            with_dependants=body.with_dependants,
            reason=body.reason or "",
            who=_who(caller),
        )

    _check_one(body.plan_id, body.reason)
    return _json(plan_document(await service.run(planned)))


@router.post(
    "/algorithms/{algorithm}/versions/{version}/restore",
    responses=_answers("The plan, taken back.", "KeptPlan"),
    openapi_extra=json_body(models.RestoreBody),
    summary="Take a disowning back",
)
async def post_restore(
    request: Request, service: TheService, caller: Admin, algorithm: str, version: str
) -> Response:
    """What the plan disowned counts again; nothing is computed for it."""
    body = await body_of(request, models.RestoreBody)

    def undone() -> KeptPlan:
        target = named_version(service.amber.registry, service.amber.store, f"{algorithm}@{version}")
        _check_covers(service, body.plan_id, target)
        return undo_plan(service.amber.store, body.plan_id, who=_who(caller))

    return _json(plan_document(await service.run(undone)))


@router.post(
    "/assets/{asset}/forget",
    responses=_answers("The plan, or what became of it.", "KeptPlan"),
    openapi_extra=json_body(models.ForgetBody),
    summary="Take an asset down",
)
async def post_forget(request: Request, service: TheService, caller: Admin, asset: str) -> Response:
    """With a `reason`, a plan of what goes; with its `plan_id` it goes, for good: features, files, uploads and jobs."""
    body = await body_of(request, models.ForgetBody)

    def planned() -> KeptPlan:
        store = service.amber.store
        if body.plan_id is not None:
            if store.catalog.plan(body.plan_id).detail.get("asset") != asset:
                raise PlanStateError(f"plan {body.plan_id} is not of taking down asset {asset[:16]}…")
            return apply_plan(store, body.plan_id, action="forget", who=_who(caller)).plan
        _check_known(service, asset)
        return plan_forget(store, asset, reason=body.reason or "", who=_who(caller))

    _check_one(body.plan_id, body.reason)
    return _json(plan_document(await service.run(planned)))


@router.post(
    "/retry",
    responses=_answers("How many failures were forgotten.", "Forgotten"),
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

    return _json({"forgotten": await service.run(forget)})


def _check_one(plan_id: str | None, reason: str | None) -> None:
    if (plan_id is None) == (reason is None):
        raise UsageError("say a reason, which makes a plan, or the plan_id of one, which applies it")


def _check_covers(service: Service, plan_id: str, target: tuple[str, str]) -> None:
    """See that a plan disowns that version, so that a mistaken path does nothing.

    Raises:
        PlanNotFoundError, PlanStateError: There is no such plan, or it is of something else.
    """
    plan = service.amber.store.catalog.plan(plan_id)
    if plan.action != "invalidate" or target not in [(one.algorithm, one.version) for one in plan.doomed]:
        raise PlanStateError(f"plan {plan_id} disowns nothing of {'@'.join(target)}")


def _check_known(service: Service, asset: str) -> None:
    is_hash = len(asset) == 64 and not set(asset) - set("0123456789abcdef")
    if not is_hash or service.amber.store.catalog.asset(asset) is None:
        raise AssetNotFoundError(f"no asset {asset[:70]!r} is recorded; GET /v1/assets lists what there is")


def _who(caller: Caller) -> str:
    """By whom, for the audit."""
    return f"token {caller.name}" if caller.name != "anonymous" else "anonymous over HTTP"


def _json(document: Any) -> Response:
    return Response(json_text(document), media_type="application/json")
