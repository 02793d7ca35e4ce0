"""What only an administrator may do: disown, take down, and let failures be tried again."""

from collections.abc import Callable
from typing import Any, Literal

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
from amber.engine.names import is_hash
from amber.errors import PlanStateError, UsageError
from amber.service import models
from amber.service.answers import described, in_json
from amber.service.auth import Caller
from amber.service.context import Admin, Service, TheService, body_of, json_body, named_asset
from amber.service.problems import problems
from amber.store.protocol import KeptPlan

router = APIRouter(prefix="/v1/admin", tags=["admin"])


def _answers(description: str, model: str, *further: int) -> dict[int | str, dict[str, Any]]:
    return {200: described(description, model), **problems(404, 409, 413, 415, 422, *further)}


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
    store = service.amber.store

    def planned() -> KeptPlan:
        return plan_invalidation(
            store,
            named_version(service.amber.registry, store, f"{algorithm}@{version}"),
            assets=[named_asset(service, asset).asset for asset in body.assets],
            where=body.where or None,
            with_dependants=body.with_dependants,
            reason=body.reason or "",
            who=who_of(caller),
        )

    def check(plan_id: str) -> None:
        _check_covers(service, plan_id, algorithm, version)

    return await _plan_or_apply(service, caller, body, "invalidate", planned, check)


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
        _check_covers(service, body.plan_id, algorithm, version)
        return undo_plan(service.amber.store, body.plan_id, who=who_of(caller))

    return in_json(plan_document(await service.run(undone)))


@router.post(
    "/assets/{asset}/forget",
    responses=_answers("The plan, or what became of it.", "KeptPlan"),
    openapi_extra=json_body(models.ForgetBody),
    summary="Take an asset down",
)
async def post_forget(request: Request, service: TheService, caller: Admin, asset: str) -> Response:
    """With a `reason`, a plan of what goes; with its `plan_id` it goes, for good: features, files, uploads and jobs."""
    body = await body_of(request, models.ForgetBody)
    store = service.amber.store

    def planned() -> KeptPlan:
        return plan_forget(
            store, named_asset(service, asset).asset, reason=body.reason or "", who=who_of(caller)
        )

    def check(plan_id: str) -> None:
        doomed = store.catalog.plan(plan_id).detail.get("asset")
        if doomed != (asset if is_hash(asset) else named_asset(service, asset).asset):
            raise PlanStateError(f"plan {plan_id} is not of taking down asset {asset[:16]}…")

    return await _plan_or_apply(service, caller, body, "forget", planned, check)


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

    return in_json({"forgotten": await service.run(forget)})


async def _plan_or_apply(
    service: Service,
    caller: Caller,
    body: models.InvalidateBody | models.ForgetBody,
    action: Literal["invalidate", "forget"],
    planned: Callable[[], KeptPlan],
    check: Callable[[str], None],
) -> Response:
    """Make a plan, if a reason is given for it; or apply the one that is named, if it is of what the path names.

    Args:
        service: What all routes share.
        caller: Who asks.
        body: A reason, or the id of a plan.
        action: What the plan does.
        planned: Makes the plan.
        check: Raises if a plan is of something else.

    Raises:
        UsageError: Both are given, or neither.
    """
    if (body.plan_id is None) == (body.reason is None):
        raise UsageError("say a reason, which makes a plan, or the plan_id of one, which applies it")

    def applied(plan_id: str) -> KeptPlan:
        check(plan_id)
        return apply_plan(service.amber.store, plan_id, action=action, who=who_of(caller)).plan

    plan_id = body.plan_id
    plan = await service.run(planned if plan_id is None else lambda: applied(plan_id))
    return in_json(plan_document(plan))


def _check_covers(service: Service, plan_id: str, algorithm: str, version: str) -> None:
    """See that a plan disowns that version, so that a mistaken path does nothing.

    Raises:
        PlanNotFoundError, PlanStateError: There is no such plan, or it is of something else.
    """
    target = named_version(service.amber.registry, service.amber.store, f"{algorithm}@{version}")
    plan = service.amber.store.catalog.plan(plan_id)
    if plan.action != "invalidate" or target not in [(one.algorithm, one.version) for one in plan.doomed]:
        raise PlanStateError(f"plan {plan_id} disowns nothing of {'@'.join(target)}")


def who_of(caller: Caller) -> str:
    """By whom, for the audit."""
    return f"token {caller.name}" if caller.name != "anonymous" else "anonymous over HTTP"
