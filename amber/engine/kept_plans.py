"""Plans that wait to be applied, as documents."""

from collections.abc import Mapping
from datetime import datetime
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


def read_plan(document: Mapping[str, Any]) -> "KeptPlan":
    """The plan that a document tells of; what it made in the catalogue is not told."""
    from amber.store.records import Extent, KeptPlan

    def extents(mark: str) -> "tuple[Extent, ...]":
        return tuple(
            Extent(one["algorithm"], one["version"], one["features"], one["bytes"], one["seconds"])
            for one in document["steps"]
            if one["mark"] == mark
        )

    return KeptPlan(
        id=document["plan_id"],
        action=document["action"],
        reason=document["reason"],
        who=document["who"],
        doomed=extents("miss"),
        depends=extents("depends"),
        assets=tuple(document["assets"]) if document["assets"] is not None else None,
        where=document["where"],
        detail={name: document[name] for name in ("ended", "locations") if name in document},
        state=document["state"],
        made_at=_moment(document["made_at"]),
        applied_at=_moment(document["applied_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


def _step(mark: str, extent: "Extent") -> dict[str, Any]:
    return {
        "algorithm": extent.algorithm,
        "version": extent.version,
        "mark": mark,
        "features": extent.features,
        "bytes": extent.size_bytes,
        "seconds": extent.seconds,
    }
