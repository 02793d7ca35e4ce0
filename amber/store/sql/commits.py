"""Committing what was computed, linking it, and healing what was lost."""

import json
import time
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from amber import keys
from amber.errors import FeatureNotFoundError, StaleLeaseError
from amber.store.protocol import Blob, Lease, NewTrace, Trace, TraceInput
from amber.store.rows import packed, packed_generations, trace_of, unpacked
from amber.store.schema import (
    failure,
    lease,
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
from amber.store.sql.session import Session, current_epoch, note, number_of, raise_epoch, upsert
from amber.store.sql.traces import TRACES


class CommitRows(Session):
    """Writes the rows about features."""

    def link(self, key: str, recipe: str, epoch: int) -> bool:
        """See the protocol."""
        with self._writing() as connection:
            number = _trace_number(connection, recipe)
            if number is None or current_epoch(connection, lock=True) != epoch:
                return False
            _link(connection, key, number)
            return True

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        """See the protocol."""
        with self._writing() as connection:
            _end_lease(connection, lease, new.trace.recipe)
            is_linkable = current_epoch(connection, lock=True) == epoch
            there = _value_there(connection, new.trace.recipe)
            if there is None:
                number = _insert(connection, new)
            else:
                number, sha256 = there
                if sha256 == lost and new.trace.value.sha256 != lost:
                    _heal(connection, number, sha256, new)
            connection.execute(delete(failure).where(failure.c.recipe == bytes.fromhex(new.trace.recipe)))
            if is_linkable:
                _link(connection, key, number)
            return trace_of(connection.execute(TRACES.where(trace.c.id == number)).one())


def _end_lease(connection: Connection, held: Lease, recipe: str) -> None:
    mine = (lease.c.recipe == bytes.fromhex(recipe), lease.c.fence == held.fence)
    if held.recipe != recipe or connection.execute(delete(lease).where(*mine)).rowcount == 0:
        raise StaleLeaseError()


def _trace_number(connection: Connection, recipe: str) -> int | None:
    return connection.execute(select(trace.c.id).where(trace.c.recipe == bytes.fromhex(recipe))).scalar()


def _value_there(connection: Connection, recipe: str) -> tuple[int, str] | None:
    """The number and the value of a committed recipe."""
    query = select(trace.c.id, value.c.sha256).join(value, value.c.id == trace.c.value)
    row = connection.execute(query.where(trace.c.recipe == bytes.fromhex(recipe))).one_or_none()
    return None if row is None else (row.id, row.sha256.hex())


def _link(connection: Connection, key: str, number: int) -> None:
    upsert(connection, resolved, {"key": bytes.fromhex(key), "trace": number}, replacing=("trace",))


def _insert(connection: Connection, new: NewTrace) -> int:
    made = new.trace
    columns = {
        **_outcome(connection, new),
        "recipe": bytes.fromhex(made.recipe),
        "assets": packed(made.assets),
        "generations": packed_generations(made.generations),
    }
    number = int(connection.execute(insert(trace).values(columns).returning(trace.c.id)).scalar_one())
    subject = bytes.fromhex(keys.subject(made.algorithm, made.version, made.assets, made.part))
    connection.execute(insert(trace_subject).values(subject=subject, trace=number))
    connection.execute(
        insert(trace_asset), [{"asset": bytes.fromhex(asset), "trace": number} for asset in made.assets]
    )
    _insert_details(connection, number, new)
    return number


def _outcome(connection: Connection, new: NewTrace) -> dict[str, Any]:
    """The columns that a healed trace changes."""
    return {
        "making": _counted(connection, new.trace),
        "value": _value_number(connection, new.trace.value),
        "reason": number_of(connection, reason, {"sentence": new.reason}),
        "seconds": new.trace.seconds,
        "cpu_seconds": new.cost.cpu_seconds,
        "peak_memory_bytes": new.cost.peak_memory_bytes,
        "bytes_read": new.cost.bytes_read,
        "created_at": time.time() if new.trace.created_at is None else new.trace.created_at.timestamp(),
    }


def _counted(connection: Connection, made: Trace) -> int:
    """The number of how it was made, with this computation added to the cost."""
    how = {"algorithm": made.algorithm, "version": made.version, "part": made.part, "settings": made.settings}
    number = number_of(connection, making, how, {"computed": 0, "seconds": 0.0})
    added = {"computed": making.c.computed + 1, "seconds": making.c.seconds + made.seconds}
    connection.execute(update(making).where(making.c.id == number).values(added))
    return number


def _value_number(connection: Connection, blob: Blob) -> int:
    sha256 = bytes.fromhex(blob.sha256)
    number = number_of(connection, value, {"sha256": sha256}, {"size_bytes": blob.size_bytes, "lost": False})
    found_again = update(value).where(value.c.id == number, value.c.lost.is_(True))
    connection.execute(found_again.values(lost=False, size_bytes=blob.size_bytes))
    return number


def _insert_details(connection: Connection, number: int, new: NewTrace) -> None:
    inputs = [_input_row(connection, number, at, entry, new.trace) for at, entry in enumerate(new.inputs)]
    if inputs:
        connection.execute(insert(trace_input), inputs)
    files = [
        {"trace": number, "position": at, "value": _value_number(connection, blob)}
        for at, blob in enumerate(new.files)
    ]
    if files:
        connection.execute(insert(trace_file), files)


def _input_row(
    connection: Connection, number: int, at: int, entry: TraceInput, made: Trace
) -> dict[str, Any]:
    """One edge of lineage; a label that follows from the rest is left out."""
    row: dict[str, Any] = {
        "trace": number,
        "position": at,
        "parameter": entry.parameter,
        "label": entry.label,
    }
    implied = "+".join(made.assets)
    if entry.recipe is None:
        assert entry.value == entry.label, f"an asset enters as itself, not {entry.label} as {entry.value}"
        row |= {"value": None, "source": None}
    else:
        query = select(trace.c.id, trace.c.assets).where(trace.c.recipe == bytes.fromhex(entry.recipe))
        source = connection.execute(query).one_or_none()
        if source is None:
            raise FeatureNotFoundError(
                f"the input {entry.parameter} names no committed feature: {entry.recipe}"
            )
        sha256 = bytes.fromhex(entry.value)
        used = number_of(connection, value, {"sha256": sha256}, {"size_bytes": 0, "lost": True})
        row |= {"value": used, "source": source.id}
        implied = "+".join(unpacked(source.assets))
    if entry.label == implied:
        row["label"] = None
    return row


def _heal(connection: Connection, number: int, lost: str, new: NewTrace) -> None:
    """Put other bytes in the place of lost ones; what was made from those is no longer found by resolved key."""
    old = number_of(connection, value, {"sha256": bytes.fromhex(lost)})
    _drop_tainted(connection, number, old)
    connection.execute(update(value).where(value.c.id == old).values(lost=True))
    connection.execute(update(trace).where(trace.c.id == number).values(_outcome(connection, new)))
    for table in (trace_input, trace_file):
        connection.execute(delete(table).where(table.c.trace == number))
    _insert_details(connection, number, new)
    raise_epoch(connection)
    detail = {"recipe": new.trace.recipe, "lost": lost, "value": new.trace.value.sha256}
    note(connection, "heal", "store", json.dumps(detail), time.time())


def _drop_tainted(connection: Connection, number: int, lost: int) -> None:
    """Drop the resolved rows of a feature and of what was made from the lost value.

    By values, not by features: two recipes may have had equal values, and then what was made from one is linked for both.
    """
    tainted = select(value.c.id).where(value.c.id == lost).cte("tainted", recursive=True)
    made = trace_input.join(trace, trace.c.id == trace_input.c.trace).join(
        tainted, tainted.c.id == trace_input.c.value
    )
    tainted = tainted.union(select(trace.c.value).select_from(made))
    descendants = select(trace_input.c.trace).where(trace_input.c.value.in_(select(tainted.c.id)))
    connection.execute(
        delete(resolved).where(or_(resolved.c.trace == number, resolved.c.trace.in_(descendants)))
    )
