"""What features were made from and why, which blobs they need, and whether the rows agree."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Select, func, select, text, union_all

from amber import keys
from amber.store.protocol import Blob, Cost, Trace, TraceInput
from amber.store.rows import trace_of, unpacked
from amber.store.schema import (
    making,
    reason,
    resolved,
    trace,
    trace_asset,
    trace_file,
    trace_input,
    trace_subject,
    value,
)
from amber.store.sql.session import CHUNK, Session, chunks
from amber.store.sql.traces import TRACES


class LineageRows(Session):
    """The rows about where features come from."""

    def made_from(self, recipe: str) -> list[TraceInput]:
        """See the protocol."""
        source = trace.alias("source")
        joined = (
            trace_input.join(trace, trace.c.id == trace_input.c.trace)
            .outerjoin(source, source.c.id == trace_input.c.source)
            .outerjoin(value, value.c.id == trace_input.c.value)
        )
        query = (
            select(trace_input.c.parameter, trace_input.c.label, trace.c.assets, value.c.sha256)
            .add_columns(source.c.recipe, source.c.assets)
            .select_from(joined)
            .where(trace.c.recipe == bytes.fromhex(recipe))
            .order_by(trace_input.c.position)
        )
        with self._reading() as connection:
            return [_input(*row) for row in connection.execute(query)]

    def used_by(self, recipe: str) -> list[Trace]:
        """See the protocol."""
        source = select(trace.c.id).where(trace.c.recipe == bytes.fromhex(recipe)).scalar_subquery()
        users = select(trace_input.c.trace).where(trace_input.c.source == source)
        query = TRACES.where(trace.c.id.in_(users)).order_by(trace.c.id.desc())
        with self._reading() as connection:
            return [trace_of(row) for row in connection.execute(query)]

    def reason(self, recipe: str) -> str:
        """See the protocol."""
        query = select(reason.c.sentence).join(trace, trace.c.reason == reason.c.id)
        with self._reading() as connection:
            return str(
                connection.execute(query.where(trace.c.recipe == bytes.fromhex(recipe))).scalar() or ""
            )

    def cost(self, recipe: str) -> Cost | None:
        """See the protocol."""
        query = select(trace.c.seconds, trace.c.cpu_seconds, trace.c.peak_memory_bytes, trace.c.bytes_read)
        with self._reading() as connection:
            row = connection.execute(query.where(trace.c.recipe == bytes.fromhex(recipe))).one_or_none()
        return None if row is None else Cost(*row)

    def referenced_blobs(self) -> Iterator[tuple[Blob, str]]:
        """See the protocol."""
        needed = union_all(
            select(trace.c.value, trace.c.id), select(trace_file.c.value, trace_file.c.trace)
        ).subquery()
        one = select(needed.c.value, func.min(needed.c.id).label("trace")).group_by(needed.c.value).subquery()
        joined = one.join(value, value.c.id == one.c.value).join(trace, trace.c.id == one.c.trace)
        query = select(value.c.sha256, value.c.size_bytes, trace.c.recipe).select_from(joined)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return ((Blob(sha256.hex(), size), recipe.hex()) for sha256, size, recipe in rows)

    def problems(self) -> list[str]:
        """See the protocol."""
        with self._reading() as connection:
            return [*_file_problems(connection), *_dangling(connection), *_index_problems(connection)]


def _input(
    parameter: str,
    label: str | None,
    assets: bytes,
    sha256: bytes | None,
    recipe: bytes | None,
    theirs: bytes | None,
) -> TraceInput:
    label = label or "+".join(unpacked(assets if theirs is None else theirs))
    if sha256 is None or recipe is None:
        return TraceInput(parameter, label, label, None)
    return TraceInput(parameter, label, sha256.hex(), recipe.hex())


def _file_problems(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong."""
    if connection.dialect.name != "sqlite":
        return
    for (found,) in connection.execute(text("PRAGMA integrity_check(100)")):
        if found != "ok":
            yield f"the database file is damaged: {found}"
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row} of {table} names a row of {parent} that is not there"


def _dangling(connection: Connection) -> Iterator[str]:
    """Rows that name a feature which is not there."""
    tables = {"a link": resolved, "a subject": trace_subject, "an asset": trace_asset, "lineage": trace_input}
    tables["a file"] = trace_file
    for name, table in tables.items():
        query = (
            select(table.c.trace).outerjoin(trace, trace.c.id == table.c.trace).where(trace.c.id.is_(None))
        )
        for (number,) in connection.execute(query):
            yield f"{name} names the feature number {number}, which is not there"


def _index_problems(connection: Connection) -> Iterator[str]:
    """Features that cannot be found by their subject, or by one of their assets, and what is found too much."""
    last, features, places = 0, 0, 0
    while rows := connection.execute(_page(last)).all():
        first, last = rows[0].id, rows[-1].id
        wanted = {row.id: (_subject(row), unpacked(row.assets)) for row in rows}
        subjects = _found(
            connection, trace_subject.c.subject, {subject for subject, _ in wanted.values()}, first, last
        )
        assets = _found(
            connection,
            trace_asset.c.asset,
            {one for _, named in wanted.values() for one in named},
            first,
            last,
        )
        for row in rows:
            subject, named = wanted[row.id]
            if (subject, row.id) not in subjects:
                yield f"feature {row.recipe.hex()} is not found by its algorithm, version and assets"
            if not {(one, row.id) for one in named} <= assets:
                yield f"feature {row.recipe.hex()} is not found by its assets"
            places += len(named)
        features += len(rows)
    for table, expected in ((trace_subject, features), (trace_asset, places)):
        there = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if there > expected:
            yield f"{table.name} has {there} rows where {expected} belong to features"


def _subject(row: Any) -> str:
    return keys.subject(row.algorithm, row.version, unpacked(row.assets), row.part)


def _found(
    connection: Connection, column: Column[Any], digests: set[str], first: int, last: int
) -> set[tuple[str, int]]:
    """The (digest, feature number) that a table has, for features of a range of numbers."""
    number = column.table.c.trace
    found = set()
    for some in chunks(sorted(digests)):
        query = select(column, number).where(column.in_(some), number.between(first, last))
        found |= {(digest.hex(), at) for digest, at in connection.execute(query)}
    return found


def _page(last: int) -> Select[Any]:
    columns = (
        trace.c.id,
        trace.c.recipe,
        trace.c.assets,
        making.c.algorithm,
        making.c.version,
        making.c.part,
    )
    query = select(*columns).join(making, making.c.id == trace.c.making)
    return query.where(trace.c.id > last).order_by(trace.c.id).limit(CHUNK)
