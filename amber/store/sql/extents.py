"""How much there is of what: set queries over the features that are not disowned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, select

from amber.keys import Snapshot
from amber.store.plans import Counted, Counts, Moment, is_current, summed
from amber.store.records import Disowned, Extent
from amber.store.rows import snapshot_of, unpacked, unpacked_generations
from amber.store.schema import (
    invalidation,
    invalidation_asset,
    making,
    plan_asset,
    trace,
    trace_asset,
    trace_input,
)
from amber.store.sql.invalidations import in_force
from amber.store.sql.session import current_epoch

#: From so many assets on, looking them up one by one takes longer than reading all.
_MANY_ASSETS = 1000
_JOINED = trace.join(making, making.c.id == trace.c.making)
_KIND = (making.c.algorithm, making.c.version)
_SUMS = (func.count(), func.sum(trace.c.size_bytes), func.sum(trace.c.seconds), func.sum(trace.c.id))
_COVER = trace_asset.join(invalidation_asset, invalidation_asset.c.asset == trace_asset.c.asset).join(
    invalidation, invalidation.c.id == invalidation_asset.c.invalidation
)
#: The features of whose assets an invalidation of some assets speaks, be it of another algorithm; found once, not one by one.
_NAMED = (
    select(trace_asset.c.trace)
    .distinct()
    .select_from(_COVER)
    .where(invalidation.c.undone.is_(False))
    .subquery()
)
Condition = ColumnElement[bool]


def moment_of(connection: Connection) -> Moment:
    """Now."""
    latest = connection.execute(select(func.max(trace.c.id))).scalar()
    return Moment(current_epoch(connection), latest or 0)


def read_snapshot(connection: Connection) -> Snapshot:
    """The invalidations in force."""
    return snapshot_of(current_epoch(connection), in_force(connection))


def invalidation_counts(
    connection: Connection, plan_id: str, target: Disowned, *, with_dependants: bool
) -> Counts:
    """What an invalidation covers, and what depends on that; the plan's assets are written already."""
    snapshot = read_snapshot(connection)
    covered = _covered(plan_id, target)
    named = [*_all_of(target.algorithm, target.version), *covered]
    below = _below(select(trace.c.id).select_from(_JOINED).where(*named))
    others = not_(and_(*_all_of(target.algorithm, target.version)))
    with _in_sets(connection, snapshot, target):
        depends = extents(connection, snapshot, trace.c.id.in_(below), others)
        [own] = extents(connection, snapshot, *named) or [
            Counted(Extent(target.algorithm, target.version), 0)
        ]
        if not with_dependants:
            return Counts((own,), depends)
        doomed: list[Counted] = []
        for one, _ in depends:
            doomed += extents(connection, snapshot, *_all_of(one.algorithm, one.version), *covered)
        return Counts((own, *doomed))


@contextmanager
def _in_sets(connection: Connection, snapshot: Snapshot, target: Disowned) -> Iterator[None]:
    """Where many assets are named, PostgreSQL joins them as sets, even if it has not yet learned how many there are."""
    assets = len(target.assets or ()) + sum(len(some) for some in snapshot.somewhere.values())
    if assets <= _MANY_ASSETS or connection.dialect.name == "sqlite":
        yield
        return
    connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_nestloop = on")


def forget_counts(connection: Connection, asset: str) -> Counts:
    """What a takedown of an asset would remove: its features, and all that was made from them, disowned or not."""
    return Counts(_all_extents(connection, trace.c.id.in_(made_with(asset))))


def made_with(asset: str) -> Select[Any]:
    """The numbers of the features of an asset, alone or together with others, and of all that was made from them."""
    return _below(select(trace_asset.c.trace.label("id")).where(trace_asset.c.asset == bytes.fromhex(asset)))


def numbered_counts(connection: Connection, chunks: Iterator[Sequence[int]]) -> Counts:
    """What the features of these numbers amount to."""
    parts: list[Counted] = []
    for some in chunks:
        parts += _all_extents(connection, trace.c.id.in_(some))
    return Counts(summed(parts))


def extents(connection: Connection, snapshot: Snapshot, *conditions: Condition) -> tuple[Counted, ...]:
    """The features under these conditions that are not disowned, by algorithm and version."""
    return summed([*_grouped(connection, snapshot, conditions), *_single(connection, snapshot, conditions)])


def _grouped(
    connection: Connection, snapshot: Snapshot, conditions: Sequence[Condition]
) -> Iterator[Counted]:
    """Those of whose assets only invalidations of all assets speak: their generations tell, so they are counted in groups."""
    keys = (*_KIND, trace.c.generations, func.length(trace.c.assets).label("width"))
    query = select(*keys, *_SUMS).where(*conditions).group_by(*keys)
    if snapshot.somewhere:
        others = _JOINED.outerjoin(_NAMED, _NAMED.c.trace == trace.c.id)
        query = query.select_from(others).where(_NAMED.c.trace.is_(None))
    else:
        query = query.select_from(_JOINED)
    for algorithm, version, generations, width, *sums in connection.execute(query):
        made = unpacked_generations(generations, width // 32)
        if set(made) <= {snapshot.everywhere.get((algorithm, version), 0)}:
            yield _counted(algorithm, version, *sums)


def _single(connection: Connection, snapshot: Snapshot, conditions: Sequence[Condition]) -> Iterator[Counted]:
    """Those of whose assets invalidations of some assets speak: each is looked at."""
    if not snapshot.somewhere:
        return
    columns = (*_KIND, trace.c.generations, trace.c.assets, trace.c.size_bytes, trace.c.seconds, trace.c.id)
    query = (
        select(*columns).select_from(_JOINED.join(_NAMED, _NAMED.c.trace == trace.c.id)).where(*conditions)
    )
    for algorithm, version, generations, packed, size_bytes, seconds, number in connection.execute(query):
        assets = unpacked(packed)
        made = unpacked_generations(generations, len(assets))
        if is_current(snapshot, algorithm, version, assets, made):
            yield _counted(algorithm, version, 1, size_bytes, seconds, number)


def _all_extents(connection: Connection, *conditions: Condition) -> tuple[Counted, ...]:
    """All features under these conditions, disowned or not."""
    query = select(*_KIND, *_SUMS).select_from(_JOINED).where(*conditions).group_by(*_KIND)
    return summed(_counted(*row) for row in connection.execute(query))


def _counted(
    algorithm: str, version: str, features: Any, size_bytes: Any, seconds: float, mark: Any
) -> Counted:
    extent = Extent(algorithm, version, int(features), int(size_bytes), float(seconds))
    return Counted(extent, int(mark))


def _all_of(algorithm: str, version: str) -> tuple[Condition, Condition]:
    return (making.c.algorithm == algorithm, making.c.version == version)


def _covered(plan_id: str, target: Disowned) -> list[Condition]:
    """What the assets of a plan leave of all features."""
    if target.assets is None:
        return []
    theirs = select(trace_asset.c.trace).join(plan_asset, plan_asset.c.asset == trace_asset.c.asset)
    return [trace.c.id.in_(theirs.where(plan_asset.c.plan == plan_id))]


def _below(base: Select[Any]) -> Select[Any]:
    """The numbers of these features, and of all that was made from them."""
    found = base.cte("below", recursive=True)
    more = select(trace_input.c.trace).join(found, trace_input.c.source == found.c.id)
    return select(found.union(more).c.id)
