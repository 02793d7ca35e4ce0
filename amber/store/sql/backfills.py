"""Backfills, in SQL."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, insert, or_, select, update

from amber.errors import AssetNotFoundError, BackfillNotFoundError
from amber.store.backfills import ITEM_STATES, Backfill, BackfillState, Item, ItemState, Wish
from amber.store.rows import digests
from amber.store.schema import asset as assets
from amber.store.schema import backfill as backfills
from amber.store.schema import backfill_item as items
from amber.store.schema import label, making, trace, trace_file
from amber.store.sql.session import Session, chunks, clock, learn

_COLUMNS = (
    "id",
    "who",
    "state",
    "reason",
    "canary",
    "concurrency",
    "rate",
    "expected_seconds",
    "elapsed_seconds",
    "next_at",
    "made_at",
    "ended_at",
)
_OPEN = or_(items.c.state == "waiting", items.c.state == "asked")


class BackfillRows(Session):
    """The rows about backfills."""

    def put_backfill(self, backfill: Backfill, assets: Sequence[str] | None = None) -> Backfill:
        """See the protocol."""
        with self._writing() as connection:
            row = {**wish_row(backfill.wish), "id": backfill.id, "who": backfill.who, "state": backfill.state}
            for name in ("reason", "canary", "concurrency", "rate", "expected_seconds"):
                row[name] = getattr(backfill, name)
            row |= {"elapsed_seconds": 0.0, "next_at": 0.0, "made_at": backfill.made_at or clock(connection)}
            connection.execute(insert(backfills).values(row))
            wanted = _chosen(connection, backfill.wish.where, assets)
            empty = {"backfill": backfill.id, "state": "waiting", "hit": False, "error": "", "message": ""}
            rows = [{**empty, "position": at, "asset": asset} for at, asset in enumerate(wanted)]
            if rows:
                connection.execute(insert(items), rows)
                learn(connection, items, len(rows))
            return _backfill(connection, backfill.id)

    def backfill(self, backfill: str) -> Backfill:
        """See the protocol."""
        with self._reading() as connection:
            return _backfill(connection, backfill)

    def backfills(self) -> list[Backfill]:
        """See the protocol."""
        with self._reading() as connection:
            counts = _counts(connection, select(items.c.backfill).distinct())
            rows = connection.execute(select(backfills).order_by(backfills.c.made_at, backfills.c.id))
            return [_made(row, *counts.get(row.id, ({}, 0))) for row in rows]

    def move_backfill(
        self,
        backfill: str,
        state: BackfillState,
        *,
        of: Collection[BackfillState],
        reason: str = "",
        canary: int | None = None,
    ) -> bool:
        """See the protocol."""
        with self._writing() as connection:
            changed: dict[str, Any] = {"state": state, "reason": reason}
            if canary is not None:
                changed["canary"] = canary
            if state in ("done", "cancelled"):
                changed["ended_at"] = clock(connection)
            theirs = and_(backfills.c.id == backfill, backfills.c.state.in_(list(of)))
            moved = connection.execute(update(backfills).where(theirs).values(changed)).rowcount > 0
            if moved and state == "cancelled":
                open_items = and_(items.c.backfill == backfill, _OPEN)
                connection.execute(update(items).where(open_items).values(state="cancelled"))
            return moved

    def items(
        self,
        backfill: str,
        *,
        states: Collection[ItemState] = ITEM_STATES,
        after: int = -1,
        limit: int | None = None,
    ) -> list[Item]:
        """See the protocol."""
        theirs = and_(items.c.backfill == backfill, items.c.state.in_(list(states)), items.c.position > after)
        with self._reading() as connection:
            rows = connection.execute(select(items).where(theirs).order_by(items.c.position).limit(limit))
            return [
                Item(
                    row.position,
                    row.asset.hex(),
                    row.state,
                    (row.key or b"").hex(),
                    bool(row.hit),
                    row.error,
                    row.message,
                )
                for row in rows
            ]

    def tell_items(
        self,
        backfill: str,
        items_: Sequence[Item],
        *,
        elapsed_seconds: float = 0.0,
        next_at: float | None = None,
    ) -> None:
        """See the protocol."""
        with self._writing() as connection:
            spent: dict[str, Any] = {"elapsed_seconds": backfills.c.elapsed_seconds + elapsed_seconds}
            if next_at is not None:
                spent["next_at"] = next_at
            connection.execute(update(backfills).where(backfills.c.id == backfill).values(spent))
            told = [
                {
                    **{name: getattr(item, name) for name in ("state", "hit", "error", "message")},
                    "key": bytes.fromhex(item.key) or None,
                    "its_position": item.position,
                }
                for item in items_
            ]
            if told:
                place = and_(items.c.backfill == backfill, items.c.position == bindparam("its_position"))
                connection.execute(update(items).where(place, _OPEN), told)

    def assets_added(self, where: Mapping[str, str] | None = None) -> dict[str, float]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(_labelled(select(assets.c.asset, assets.c.added_at), where or {}))
            return {asset.hex(): added_at for asset, added_at in rows}

    def mean_bytes(self) -> dict[tuple[str, str], float]:
        """See the protocol."""
        files = (
            select(trace.c.making, func.sum(trace_file.c.size_bytes).label("size"))
            .join(trace_file, trace_file.c.trace == trace.c.id)
            .group_by(trace.c.making)
            .subquery()
        )
        values = (
            select(
                trace.c.making,
                func.sum(trace.c.size_bytes).label("size"),
                func.count().label("count"),
            )
            .group_by(trace.c.making)
            .subquery()
        )
        query = (
            select(
                making.c.algorithm,
                making.c.version,
                (func.sum(values.c.size) + func.coalesce(func.sum(files.c.size), 0))
                * 1.0
                / func.sum(values.c.count),
            )
            .join(values, values.c.making == making.c.id)
            .outerjoin(files, files.c.making == making.c.id)
            .group_by(making.c.algorithm, making.c.version)
        )
        with self._reading(upkeep=True) as connection:
            return {(name, version): float(mean) for name, version, mean in connection.execute(query)}


def wish_row(wish: Wish) -> dict[str, Any]:
    """The columns of a wish."""
    return {
        "algorithm": wish.algorithm,
        "version": wish.version,
        "settings": json.dumps(dict(wish.settings), sort_keys=True),
        "bindings": json.dumps(dict(wish.use), sort_keys=True),
        "labels": json.dumps(dict(wish.where), sort_keys=True),
    }


def wish_of(row: Any) -> Wish:
    """The wish in a row that has its columns."""
    return Wish(
        row.algorithm, row.version, json.loads(row.settings), json.loads(row.bindings), json.loads(row.labels)
    )


def _labelled(query: Select[Any], where: Mapping[str, str]) -> Select[Any]:
    for name, value in where.items():
        same = and_(label.c.asset == assets.c.asset, label.c.name == name, label.c.value == value)
        query = query.where(exists().where(same))
    return query.order_by(assets.c.asset)


def _chosen(connection: Connection, where: Mapping[str, str], named: Sequence[str] | None) -> list[bytes]:
    if named is None:
        return list(connection.execute(_labelled(select(assets.c.asset), where)).scalars())
    wanted = sorted(set(digests(named)))
    known = {
        asset
        for some in chunks(wanted)
        for asset in connection.execute(select(assets.c.asset).where(assets.c.asset.in_(some))).scalars()
    }
    for asset in wanted:
        if asset not in known:
            raise AssetNotFoundError(f"no asset {asset.hex()[:16]}… is recorded")
    return wanted


def _backfill(connection: Connection, backfill: str) -> Backfill:
    row = connection.execute(select(backfills).where(backfills.c.id == backfill)).one_or_none()
    if row is None:
        raise BackfillNotFoundError(f"there is no backfill {backfill!r}; `amber backfill` lists them")
    return _made(row, *_counts(connection, [backfill]).get(backfill, ({}, 0)))


def _counts(connection: Connection, which: Any) -> dict[str, tuple[dict[str, int], int]]:
    query = select(items.c.backfill, items.c.state, items.c.hit, func.count()).where(
        items.c.backfill.in_(which)
    )
    found: dict[str, tuple[dict[str, int], int]] = {}
    for backfill, state, hit, count in connection.execute(
        query.group_by(items.c.backfill, items.c.state, items.c.hit)
    ):
        counts, hits = found.get(backfill, ({}, 0))
        counts[state] = counts.get(state, 0) + count
        found[backfill] = (counts, hits + (count if hit else 0))
    return found


def _made(row: Any, counts: Mapping[str, int], hits: int) -> Backfill:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return Backfill(wish=wish_of(row), counts=counts, hits=hits, **columns)
