"""Plans that are kept until somebody applies them."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, insert, select, update

from amber.errors import PlanNotFoundError
from amber.store import plans as judging
from amber.store.plans import Counts, Moment
from amber.store.records import Applied, Disowned, KeptPlan, PlanAction
from amber.store.rows import moment
from amber.store.schema import invalidation, label, plan, plan_asset
from amber.store.sql.extents import forget_counts, invalidation_counts, moment_of
from amber.store.sql.forgetting import forget, forget_detail
from amber.store.sql.invalidations import disown, flag_undone
from amber.store.sql.retention import retain, retention_counts, retention_detail
from amber.store.sql.session import Session, learn, note, raise_epoch


class PlanRows(Session):
    """The rows about what somebody means to do."""

    def plan_invalidation(
        self,
        target: Disowned,
        *,
        with_dependants: bool = False,
        where: Mapping[str, str] | None = None,
        reason: str,
        who: str,
    ) -> KeptPlan:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            detail = {"algorithm": target.algorithm, "version": target.version}
            detail |= {"with_dependants": with_dependants}  # type: ignore[dict-item]
            draft = _Draft(connection, "invalidate", target.assets, reason, who, where or {}, detail)
            counts = invalidation_counts(connection, draft.id, target, with_dependants=with_dependants)
            return draft.keep(counts)

    def plan_forget(self, asset: str, *, reason: str, who: str) -> KeptPlan:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            detail = forget_detail(connection, asset)
            draft = _Draft(connection, "forget", (asset,), reason, who, {}, detail)
            return draft.keep(forget_counts(connection, asset))

    def plan_retention(self, versions: int, *, undo_seconds: float, who: str) -> KeptPlan:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            before = time.time() - undo_seconds
            detail = {"keep_versions": versions, "before": before}
            detail |= retention_detail(connection, versions, before)
            reason = f"all but {versions} versions were superseded"
            draft = _Draft(connection, "retain", None, reason, who, {}, detail)
            return draft.keep(retention_counts(connection, versions, before))

    def plan(self, plan_id: str) -> KeptPlan:
        """See the protocol."""
        with self._reading() as connection:
            return _plan(connection, plan_id)

    def plans(self) -> list[KeptPlan]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(select(plan).order_by(plan.c.made_at, plan.c.id)).all()
            return [_plan_of(connection, row) for row in rows]

    def apply_plan(self, plan_id: str, *, who: str) -> Applied:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            before = _before_raising(connection)
            kept = _plan(connection, plan_id, lock=True)
            judging.check_appliable(kept)
            _check_drift(connection, kept, before)
            now = time.time()
            applied = _APPLYING[kept.action](connection, kept, who, now)
            changes = {"state": "applied", "applied_at": now}
            if applied.plan.ids:
                changes["body"] = judging.with_ids(_body(connection, plan_id), applied.plan.ids)
            connection.execute(update(plan).where(plan.c.id == plan_id).values(changes))
            return Applied(_plan(connection, plan_id), applied.blobs)

    def undo_plan(self, plan_id: str, *, who: str) -> KeptPlan:
        """See the protocol."""
        with self._writing() as connection:
            raise_epoch(connection)
            kept = _plan(connection, plan_id, lock=True)
            ended = select(invalidation.c.undo_ended_at).where(
                invalidation.c.id.in_(kept.ids), invalidation.c.undo_ended_at.is_not(None)
            )
            judging.check_undoable(kept, [moment(at) for (at,) in connection.execute(ended)])
            flag_undone(connection, kept.ids)
            note(connection, "undo", who, json.dumps({"plan": plan_id, "ids": list(kept.ids)}), time.time())
            connection.execute(update(plan).where(plan.c.id == plan_id).values(state="undone"))
            return _plan(connection, plan_id)


class _Draft:
    """A plan that is being made: its assets are written first, so that what it covers is counted by a join with them."""

    def __init__(
        self,
        connection: Connection,
        action: PlanAction,
        assets: Sequence[str] | None,
        reason: str,
        who: str,
        where: Mapping[str, str],
        detail: Mapping[str, Any],
    ) -> None:
        self.id = judging.new_id()
        self._connection = connection
        self._moment: Moment = moment_of(connection)
        covered = None if assets is None else tuple(sorted(set(assets)))
        self._plan = KeptPlan(self.id, action, reason, who, (), (), covered, where, detail)
        row = {"id": self.id, "action": action, "everywhere": assets is None, "reason": reason, "who": who}
        row |= {"body": "{}", "state": "planned", "made_at": time.time()}
        connection.execute(insert(plan).values(row))
        rows = [{"plan": self.id, "asset": bytes.fromhex(asset)} for asset in covered or ()]
        if rows:
            connection.execute(insert(plan_asset), rows)
            learn(connection, plan_asset, len(rows))

    def keep(self, counts: Counts) -> KeptPlan:
        body = judging.body_of(self._plan, counts, self._moment)
        self._connection.execute(update(plan).where(plan.c.id == self.id).values(body=body))
        return _plan(self._connection, self.id)


def _before_raising(connection: Connection) -> Moment:
    """The moment before this transaction, which has the epoch for itself from here on and raises it."""
    raise_epoch(connection)
    after = moment_of(connection)
    return Moment(after.epoch - 1, after.latest)


def _plan(connection: Connection, plan_id: str, *, lock: bool = False) -> KeptPlan:
    query: Select[Any] = select(plan).where(plan.c.id == plan_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise PlanNotFoundError(f"there is no plan {plan_id!r}; `amber plans` lists them")
    return _plan_of(connection, row)


def _body(connection: Connection, plan_id: str) -> str:
    return str(connection.execute(select(plan.c.body).where(plan.c.id == plan_id)).scalar_one())


def _plan_of(connection: Connection, row: Any) -> KeptPlan:
    known, _, _ = judging.read_body(row.body)
    assets = None
    if not row.everywhere:
        theirs = select(plan_asset.c.asset).where(plan_asset.c.plan == row.id).order_by(plan_asset.c.asset)
        assets = tuple(asset.hex() for (asset,) in connection.execute(theirs))
    return KeptPlan(
        id=row.id,
        action=row.action,
        reason=row.reason,
        who=row.who,
        assets=assets,
        state=row.state,
        made_at=moment(row.made_at),
        applied_at=moment(row.applied_at),
        **known,
    )


def _check_drift(connection: Connection, kept: KeptPlan, now: Moment) -> None:
    """Where nothing happened since, nothing is counted."""
    _, then, moment_then = judging.read_body(_body(connection, kept.id))
    further = _drifted_labels(connection, kept) if kept.where else []
    counted = then if now == moment_then else _COUNTING[kept.action](connection, kept)
    judging.check_same(kept.id, then, counted, further)


def _drifted_labels(connection: Connection, kept: KeptPlan) -> list[str]:
    mine = plan_asset.c.plan == kept.id
    planned = _number(connection, select(func.count()).select_from(plan_asset).where(mine))
    stay = _number(
        connection,
        select(func.count()).select_from(plan_asset).where(mine, *_labelled(plan_asset.c.asset, kept.where)),
    )
    (first, value), *rest = sorted(kept.where.items())
    labelled = and_(label.c.name == first, label.c.value == value, *_labelled(label.c.asset, dict(rest)))
    now = _number(connection, select(func.count()).select_from(label).where(labelled))
    return judging.drifted_labels(kept.where, planned, planned - stay, now - stay)


def _labelled(asset: Any, where: Mapping[str, str]) -> list[Any]:
    found = []
    for name, value in where.items():
        one = label.alias()
        found.append(exists().where(one.c.asset == asset, one.c.name == name, one.c.value == value))
    return found


def _number(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _recounted_invalidation(connection: Connection, kept: KeptPlan) -> Counts:
    target = Disowned(kept.detail["algorithm"], kept.detail["version"], kept.assets)
    return invalidation_counts(connection, kept.id, target, with_dependants=kept.detail["with_dependants"])


def _recounted_forget(connection: Connection, kept: KeptPlan) -> Counts:
    assert kept.assets, "a takedown names an asset"
    return forget_counts(connection, kept.assets[0])


def _recounted_retention(connection: Connection, kept: KeptPlan) -> Counts:
    return retention_counts(connection, kept.detail["keep_versions"], kept.detail["before"])


def _apply_invalidation(connection: Connection, kept: KeptPlan, who: str, now: float) -> Applied:
    targets = [Disowned(one.algorithm, one.version, kept.assets) for one in kept.doomed]
    records = disown(connection, targets, kept.reason, who, now, plan_id=kept.id)
    return Applied(KeptPlan(**{**vars(kept), "ids": tuple(record.id for record in records)}))


def _apply_forget(connection: Connection, kept: KeptPlan, who: str, now: float) -> Applied:
    assert kept.assets, "a takedown names an asset"
    return Applied(kept, forget(connection, kept, kept.assets[0], who, now))


def _apply_retention(connection: Connection, kept: KeptPlan, who: str, now: float) -> Applied:
    retain(connection, kept, who, now)
    return Applied(kept)


_COUNTING = {
    "invalidate": _recounted_invalidation,
    "forget": _recounted_forget,
    "retain": _recounted_retention,
}
_APPLYING = {"invalidate": _apply_invalidation, "forget": _apply_forget, "retain": _apply_retention}
