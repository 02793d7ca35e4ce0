"""Plans that wait to be applied, as documents."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amber.store.records import Extent, KeptPlan


def plan_document(plan: "KeptPlan") -> dict[str, Any]:
    """A plan, whatever became of it."""
    steps = [("miss", extent) for extent in plan.doomed] + [("depends", extent) for extent in plan.depends]
    return {
        "plan_id": plan.id,
        "action": plan.action,
        "state": plan.state,
        "features": plan.features,
        "dependants": plan.dependants,
        "bytes": plan.size_bytes,
        "seconds": plan.seconds,
        "most_seconds": plan.most_seconds,
        "steps": [_step(mark, extent) for mark, extent in steps],
        "assets": list(plan.assets) if plan.assets is not None else None,
        "where": dict(plan.where),
        "reason": plan.reason,
        "who": plan.who,
        "made_at": plan.made_at,
        "applied_at": plan.applied_at,
        **{name: plan.detail[name] for name in ("ended", "locations") if name in plan.detail},
    }


def _step(mark: str, extent: "Extent") -> dict[str, Any]:
    return {
        "algorithm": extent.algorithm,
        "version": extent.version,
        "mark": mark,
        "features": extent.features,
        "bytes": extent.size_bytes,
        "seconds": extent.seconds,
    }
