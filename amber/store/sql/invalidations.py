"""What was disowned, and the audit."""

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, literal, select, update

from amber.errors import NotFoundError
from amber.store.protocol import Audit, Disowned, Invalidation
from amber.store.rows import moment
from amber.store.schema import audit, invalidation, invalidation_asset, plan_asset
from amber.store.sql.failures import clear
from amber.store.sql.session import Session, learn, next_number, note, raise_epoch


class InvalidationRows(Session):
    """The rows about what was disowned; they are added and flagged, never changed or removed."""

    def invalidate(self, disowned: Sequence[Disowned], *, reason: str, who: str) -> list[Invalidation]:
        """See the protocol."""
        with self._writing() as connection:
            raise_epoch(connection)
            return disown(connection, disowned, reason, who, time.time())

    def undo(self, ids: Sequence[int], *, who: str) -> None:
        """See the protocol."""
        with self._writing() as connection:
            raise_epoch(connection)
            flag_undone(connection, ids)
            note(connection, "undo", who, json.dumps({"ids": list(ids)}), time.time())

    def invalidations(self) -> list[Invalidation]:
        """See the protocol."""
        with self._reading() as connection:
            return read_invalidations(connection)

    def audits(self) -> list[Audit]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.id)).all()
        return [Audit(row.id, row.action, row.who, json.loads(row.detail), moment(row.at)) for row in rows]


def read_invalidations(connection: Connection) -> list[Invalidation]:
    """All records, oldest first."""
    return _read(connection, select(invalidation))


def in_force(connection: Connection) -> list[Invalidation]:
    """The records that are not undone, oldest first."""
    return _read(connection, select(invalidation).where(invalidation.c.undone.is_(False)))


def disown(
    connection: Connection,
    disowned: Sequence[Disowned],
    reason: str,
    who: str,
    now: float,
    plan_id: str | None = None,
) -> list[Invalidation]:
    """Append a record for each, and clear the failures that they cover; the epoch is raised already.

    Args:
        connection: In a transaction.
        disowned: What shall be covered.
        reason: In words.
        who: By whom.
        now: In seconds since 1970.
        plan_id: The plan that is applied, whose assets are those of `disowned`.
    """
    first = next_number(connection, "invalidation", len(disowned))
    records = [_record(first + at, one, reason, who, now) for at, one in enumerate(disowned)]
    for record in records:
        _insert(connection, record, now, plan_id)
        clear(connection, record.algorithm, record.assets)
    detail: dict[str, Any] = {"ids": [record.id for record in records], "reason": reason}
    if plan_id is not None:
        detail |= {"plan": plan_id, "disowned": [f"{one.algorithm}@{one.version}" for one in disowned]}
    note(connection, "invalidate", who, json.dumps(detail), now)
    return records


def flag_undone(connection: Connection, ids: Sequence[int]) -> None:
    """Flag records as undone; the epoch is raised already.

    Raises:
        NotFoundError: There is no record of an id.
    """
    for number in ids:
        flagged = update(invalidation).where(invalidation.c.id == number).values(undone=True)
        if connection.execute(flagged).rowcount == 0:
            raise NotFoundError(f"there is no invalidation {number}")


def _record(number: int, disowned: Disowned, reason: str, who: str, now: float) -> Invalidation:
    assets = None if disowned.assets is None else tuple(sorted(set(disowned.assets)))
    return Invalidation(
        number, disowned.algorithm, disowned.version, assets, reason, who, made_at=moment(now)
    )


def _insert(connection: Connection, record: Invalidation, now: float, plan_id: str | None) -> None:
    row = {
        "id": record.id,
        "algorithm": record.algorithm,
        "version": record.version,
        "everywhere": record.assets is None,
        "reason": record.reason,
        "who": record.who,
        "undone": False,
        "made_at": now,
    }
    connection.execute(insert(invalidation).values(row))
    if record.assets and plan_id is not None:
        theirs = select(literal(record.id), plan_asset.c.asset).where(plan_asset.c.plan == plan_id)
        connection.execute(insert(invalidation_asset).from_select(["invalidation", "asset"], theirs))
    elif record.assets:
        rows = [{"invalidation": record.id, "asset": bytes.fromhex(asset)} for asset in record.assets]
        connection.execute(insert(invalidation_asset), rows)
    learn(connection, invalidation_asset, len(record.assets or ()))


def _read(connection: Connection, query: Select[Any]) -> list[Invalidation]:
    rows = connection.execute(query.order_by(invalidation.c.id)).all()
    covered: dict[int, list[str]] = {}
    if not all(row.everywhere for row in rows):
        wanted = select(invalidation_asset).join(invalidation).order_by(invalidation_asset.c.asset)
        for number, asset in connection.execute(wanted):
            covered.setdefault(number, []).append(asset.hex())
    return [
        Invalidation(
            id=row.id,
            algorithm=row.algorithm,
            version=row.version,
            assets=None if row.everywhere else tuple(covered.get(row.id, ())),
            reason=row.reason,
            who=row.who,
            undone=row.undone,
            made_at=moment(row.made_at),
            undo_ended_at=moment(row.undo_ended_at),
        )
        for row in rows
    ]
