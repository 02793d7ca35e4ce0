"""Whether the rows agree with each other."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, func, select, text

from amber import keys
from amber.store.rows import subject_key, unpacked
from amber.store.schema import making, resolved, trace, trace_asset, trace_file, trace_input, trace_subject
from amber.store.sql.session import CHUNK, Session, chunks

#: Tables whose rows belong to a feature, and what a row of them is called.
_OF_FEATURES = {
    resolved: "a link",
    trace_subject: "a subject",
    trace_asset: "an asset",
    trace_input: "lineage",
    trace_file: "a file",
}
_FEATURES = select(
    trace.c.id, trace.c.recipe, trace.c.assets, making.c.algorithm, making.c.version, making.c.part
).join(making, making.c.id == trace.c.making)


class ProblemRows(Session):
    """Reads every row to see whether it may stand beside the others."""

    def problems(self) -> list[str]:
        """See the protocol."""
        with self._reading(upkeep=True) as connection:
            return [*_in_the_file(connection), *_dangling(connection), *_not_found(connection)]


def _in_the_file(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong."""
    if connection.dialect.name != "sqlite":
        return
    for (found,) in connection.execute(text("PRAGMA integrity_check(100)")):
        if found != "ok":
            yield f"the database file is damaged: {found}"
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row} of {table} names a row of {parent} that is not there"


def _dangling(connection: Connection) -> Iterator[str]:
    """Rows of features that are not there."""
    for table, name in _OF_FEATURES.items():
        joined = table.outerjoin(trace, trace.c.id == table.c.trace)
        query = select(table.c.trace).distinct().select_from(joined).where(trace.c.id.is_(None))
        for (number,) in connection.execute(query):
            yield f"{name} names the feature number {number}, which is not there"


def _not_found(connection: Connection) -> Iterator[str]:
    """Features that cannot be found by their subject or by one of their assets; and rows that find what they should not."""
    last, features, places = 0, 0, 0
    while rows := connection.execute(
        _FEATURES.where(trace.c.id > last).order_by(trace.c.id).limit(CHUNK)
    ).all():
        first, last = rows[0].id, rows[-1].id
        subjects = {(_subject(row), row.id): row.recipe for row in rows}
        assets = {(bytes.fromhex(one), row.id): row.recipe for row in rows for one in unpacked(row.assets)}
        for place in subjects.keys() - _places(connection, trace_subject.c.subject, subjects, first, last):
            yield f"feature {subjects[place].hex()} is not found by its algorithm, version and assets"
        for place in assets.keys() - _places(connection, trace_asset.c.asset, assets, first, last):
            yield f"feature {assets[place].hex()} is not found by its asset {place[0].hex()}"
        features, places = features + len(subjects), places + len(assets)
    for table, expected in ((trace_subject, features), (trace_asset, places)):
        there = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if there > expected:
            yield f"{table.name} has {there} rows, of which {expected} belong to features"


def _subject(row: Any) -> bytes:
    return subject_key(keys.subject(row.algorithm, row.version, unpacked(row.assets), row.part))


def _places(
    connection: Connection, column: Column[Any], wanted: dict[tuple[bytes, int], bytes], first: int, last: int
) -> set[tuple[bytes, int]]:
    """The (key, feature number) that an index table has with these keys, for features of a range of numbers."""
    number = column.table.c.trace
    found: set[tuple[bytes, int]] = set()
    for some in chunks(sorted({key for key, _ in wanted})):
        query = select(column, number).where(column.in_(some), number.between(first, last))
        found.update((key, at) for key, at in connection.execute(query))
    return found
