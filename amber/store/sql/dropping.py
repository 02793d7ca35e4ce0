"""Removing features, with every row that is about them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from amber import keys
from amber.store.records import Blob
from amber.store.rows import subject_key, unpacked
from amber.store.schema import (
    making,
    pin,
    resolved,
    trace,
    trace_asset,
    trace_file,
    trace_input,
    trace_subject,
)
from amber.store.sql.garbage import needed_among
from amber.store.sql.session import chunks

_ROWS = select(
    trace.c.id,
    trace.c.recipe,
    trace.c.assets,
    trace.c.sha256,
    trace.c.size_bytes,
    making.c.algorithm,
    making.c.version,
    making.c.part,
).join(making, making.c.id == trace.c.making)


def drop(connection: Connection, numbers: Sequence[int]) -> tuple[Blob, ...]:
    """Remove the features of these numbers, of which nothing that stays was made; the blobs that nothing needs any more."""
    for some in chunks(numbers):  # lineage refers to features, so all of it goes first
        connection.execute(delete(trace_input).where(trace_input.c.trace.in_(some)))
    named: dict[bytes, int] = {}
    for some in chunks(numbers):
        rows = connection.execute(_ROWS.where(trace.c.id.in_(some))).all()
        _drop_places(connection, rows)
        of_files = select(trace_file.c.sha256, trace_file.c.size_bytes).where(trace_file.c.trace.in_(some))
        named |= {row.sha256: row.size_bytes for row in connection.execute(of_files)}
        named |= {row.sha256: row.size_bytes for row in rows}
        connection.execute(delete(trace_file).where(trace_file.c.trace.in_(some)))
        connection.execute(delete(pin).where(pin.c.name.in_([row.recipe.hex() for row in rows])))
        connection.execute(delete(trace).where(trace.c.id.in_(some)))
    if numbers:  # links are not indexed by feature
        left = exists(select(1).where(trace.c.id == resolved.c.trace))
        connection.execute(delete(resolved).where(~left))
    needed = needed_among(connection, [sha256.hex() for sha256 in named])
    blobs = (Blob(sha256.hex(), size_bytes) for sha256, size_bytes in sorted(named.items()))
    return tuple(blob for blob in blobs if blob.sha256 not in needed)


def _drop_places(connection: Connection, rows: Sequence[Any]) -> None:
    """Remove where features are found by subject and by asset."""
    subjects, places = trace_subject, trace_asset
    for row in rows:
        assets = unpacked(row.assets)
        subject = subject_key(keys.subject(row.algorithm, row.version, assets, row.part))
        connection.execute(delete(subjects).where(subjects.c.subject == subject, subjects.c.trace == row.id))
        for some in chunks([bytes.fromhex(asset) for asset in assets]):
            connection.execute(delete(places).where(places.c.asset.in_(some), places.c.trace == row.id))
