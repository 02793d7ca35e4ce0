"""Dropping features that newer ones superseded."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, select, update

from amber.store.plans import Counts, read_body
from amber.store.records import Invalidation, KeptPlan
from amber.store.retention import Standing, ended, standing, without_sources
from amber.store.rows import unpacked, unpacked_generations
from amber.store.schema import invalidation, making, pin, plan, trace, trace_input
from amber.store.sql.dropping import drop
from amber.store.sql.extents import numbered_counts
from amber.store.sql.invalidations import read_invalidations
from amber.store.sql.session import chunks, note

_JOINED = trace.join(making, making.c.id == trace.c.making)


class Superseded(NamedTuple):
    """Features that may go, by number, and the invalidations that can then no longer be undone."""

    numbers: list[int]
    undos: set[int]


def superseded(connection: Connection, versions: int, before: float) -> Superseded:
    """What later versions superseded, and what was disowned before that time, in seconds since 1970."""
    of_version = _by_version(connection)
    late = datetime.fromtimestamp(before, UTC)
    stands = dict(_standings(connection, of_version, late))
    candidates = set(connection.execute(_older_versions(versions)).scalars())
    candidates -= {number for number, stand in stands.items() if stand.is_undoable}
    candidates |= {
        number for number, stand in stands.items() if not stand.is_current and not stand.is_undoable
    }
    candidates -= _pinned(connection)
    numbers = without_sources(candidates, lambda some: _users(connection, some))
    undos = {undo for number in numbers if number in stands for undo in stands[number].undos}
    return Superseded(sorted(numbers), undos)


def retention_counts(connection: Connection, versions: int, before: float) -> Counts:
    """What dropping it would remove."""
    return numbered_counts(connection, chunks(superseded(connection, versions, before).numbers))


def retention_detail(connection: Connection, versions: int, before: float) -> dict[str, Any]:
    """What else is to be said of it."""
    undos = superseded(connection, versions, before).undos
    records = {record.id: record for record in read_invalidations(connection)}
    return {"ended": ended(_plans(connection), records, undos)}


def retain(connection: Connection, kept: KeptPlan, who: str, now: float) -> None:
    """Drop it; the epoch is raised already. Its blobs are left over then, and collected in their time."""
    going = superseded(connection, kept.detail["keep_versions"], kept.detail["before"])
    drop(connection, going.numbers)
    for some in chunks(sorted(going.undos)):
        over = update(invalidation).where(invalidation.c.id.in_(some), invalidation.c.undo_ended_at.is_(None))
        connection.execute(over.values(undo_ended_at=now))
    detail = {"plan": kept.id, "features": len(going.numbers), "keep_versions": kept.detail["keep_versions"]}
    detail |= {"ended": kept.detail["ended"]}
    note(connection, "retain", who, json.dumps(detail), now)


def _older_versions(versions: int) -> Select[Any]:
    """The numbers of features whose assets have features of so many versions that came later."""
    subject = (making.c.algorithm, making.c.part, trace.c.assets)
    latest = func.max(trace.c.id)
    rank = func.dense_rank().over(partition_by=subject, order_by=latest.desc()).label("rank")
    ranked = (
        select(*subject, making.c.version, rank)
        .select_from(_JOINED)
        .group_by(*subject, making.c.version)
        .subquery()
    )
    same = and_(
        ranked.c.algorithm == making.c.algorithm,
        ranked.c.part == making.c.part,
        ranked.c.assets == trace.c.assets,
        ranked.c.version == making.c.version,
    )
    return select(trace.c.id).select_from(_JOINED).join(ranked, same).where(ranked.c.rank > versions)


def _by_version(connection: Connection) -> dict[tuple[str, str], list[Invalidation]]:
    found: dict[tuple[str, str], list[Invalidation]] = {}
    for record in read_invalidations(connection):
        found.setdefault((record.algorithm, record.version), []).append(record)
    return found


def _standings(
    connection: Connection, of_version: dict[tuple[str, str], list[Invalidation]], before: datetime
) -> Iterable[tuple[int, Standing]]:
    """How every feature stands of whose version anything was ever disowned."""
    columns = (trace.c.id, trace.c.assets, trace.c.generations)
    for (algorithm, version), records in of_version.items():
        those = (making.c.algorithm == algorithm, making.c.version == version)
        for number, packed, generations in connection.execute(
            select(*columns).select_from(_JOINED).where(*those)
        ):
            assets = unpacked(packed)
            made = unpacked_generations(generations, len(assets))
            yield number, standing(records, assets, made, before)


def _pinned(connection: Connection) -> set[int]:
    names = list(connection.execute(select(pin.c.name)).scalars())
    recipes = [bytes.fromhex(name) for name in names if "@" not in name]
    found: set[int] = set()
    for some in chunks(recipes):
        found.update(connection.execute(select(trace.c.id).where(trace.c.recipe.in_(some))).scalars())
    for name in names:
        algorithm, at, version = name.partition("@")
        if at:
            those = (making.c.algorithm == algorithm, making.c.version == version)
            found.update(connection.execute(select(trace.c.id).select_from(_JOINED).where(*those)).scalars())
    return found


def _users(connection: Connection, numbers: list[int]) -> Iterable[tuple[int, int]]:
    for some in chunks(numbers):
        query = select(trace_input.c.source, trace_input.c.trace).where(trace_input.c.source.in_(some))
        yield from ((source, user) for source, user in connection.execute(query))


def _plans(connection: Connection) -> dict[int, str]:
    """Invalidation → the plan that it came of."""
    bodies = connection.execute(select(plan.c.id, plan.c.body).where(plan.c.action == "invalidate"))
    return {number: plan_id for plan_id, body in bodies for number in read_body(body)[0]["ids"]}
