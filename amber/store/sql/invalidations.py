"""What was disowned, and the audit."""

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from amber.errors import NotFoundError
from amber.store.protocol import Audit, Disowned, Invalidation
from amber.store.rows import moment
from amber.store.schema import audit, invalidation, invalidation_asset
from amber.store.sql.failures import clear
from amber.store.sql.session import Session, next_number, note, raise_epoch


class InvalidationRows(Session):
    """The rows about what was disowned; they are added and flagged, never changed or removed."""

    def invalidate(self, disowned: Sequence[Disowned], *, reason: str, who: str) -> list[Invalidation]:
        """See the protocol."""
        with self._writing() as connection:
            raise_epoch(connection)
            first = next_number(connection, "invalidation", len(disowned))
            records = [_record(first + at, one, reason, who) for at, one in enumerate(disowned)]
            now = time.time()
            for record in records:
                _insert(connection, record, now)
                for asset in (None,) if record.assets is None else record.assets:
                    clear(connection, record.algorithm, asset)
            note(
                connection, "invalidate", who, _detail([record.id for record in records], reason=reason), now
            )
            return records

    def undo(self, ids: Sequence[int], *, who: str) -> None:
        """See the protocol."""
        with self._writing() as connection:
            raise_epoch(connection)
            for number in ids:
                flagged = update(invalidation).where(invalidation.c.id == number).values(undone=True)
                if connection.execute(flagged).rowcount == 0:
                    raise NotFoundError(f"there is no invalidation {number}")
            note(connection, "undo", who, _detail(ids), time.time())

    def invalidations(self) -> list[Invalidation]:
        """See the protocol."""
        with self._reading() as connection:
            return _read(connection, select(invalidation))

    def audits(self) -> list[Audit]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.id)).all()
        return [Audit(row.id, row.action, row.who, json.loads(row.detail), moment(row.at)) for row in rows]


def in_force(connection: Connection) -> list[Invalidation]:
    """The records that are not undone, oldest first."""
    return _read(connection, select(invalidation).where(invalidation.c.undone.is_(False)))


def _record(number: int, disowned: Disowned, reason: str, who: str) -> Invalidation:
    assets = None if disowned.assets is None else tuple(sorted(set(disowned.assets)))
    return Invalidation(number, disowned.algorithm, disowned.version, assets, reason, who)


def _insert(connection: Connection, record: Invalidation, now: float) -> None:
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
    if record.assets:
        rows = [{"invalidation": record.id, "asset": bytes.fromhex(asset)} for asset in record.assets]
        connection.execute(insert(invalidation_asset), rows)


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
        )
        for row in rows
    ]


def _detail(ids: Sequence[int], **more: Any) -> str:
    return json.dumps({"ids": list(ids), **more})
