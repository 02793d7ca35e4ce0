"""Committing what was computed, linking it, and healing what was lost."""

import json
import time
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from amber import keys
from amber.errors import FeatureNotFoundError, StaleLeaseError
from amber.store.protocol import Lease, NewTrace, Trace, TraceInput
from amber.store.rows import packed, packed_generations, subject_key, trace_of, unpacked
from amber.store.schema import failure, lost, making, reason, resolved
from amber.store.schema import lease as leases
from amber.store.schema import trace as traces
from amber.store.schema import trace_asset as assets
from amber.store.schema import trace_file as files
from amber.store.schema import trace_input as inputs
from amber.store.schema import trace_subject as subjects
from amber.store.sql.accounts import add_account
from amber.store.sql.forgotten import check_none_forgotten
from amber.store.sql.garbage import check_none_collected
from amber.store.sql.session import Session, chunks, current_epoch, note, number_of, raise_epoch, upsert
from amber.store.sql.traces import TRACES

_END_LEASE = delete(leases).where(leases.c.recipe == bindparam("held"), leases.c.fence == bindparam("number"))
_FIND = select(traces.c.id, traces.c.sha256, traces.c.assets).where(traces.c.recipe == bindparam("wanted"))
_READ = TRACES.where(traces.c.id == bindparam("number"))
_INSERT = insert(traces).returning(traces.c.id)
_INSERT_SUBJECT, _INSERT_ASSETS = insert(subjects), insert(assets)
_INSERT_INPUTS, _INSERT_FILES = insert(inputs), insert(files)
_COUNT = (
    update(making)
    .where(making.c.id == bindparam("number"))
    .values(computed=making.c.computed + 1, seconds=making.c.seconds + bindparam("more"))
)
_FORGET_FAILURE = delete(failure).where(failure.c.recipe == bindparam("wanted"))

_edges = inputs.join(traces, traces.c.id == inputs.c.trace)
_source = traces.alias("source")
#: What was made from values that features still have, and from values that they had before they were healed.
_MADE_FROM = (
    select(traces.c.id, traces.c.sha256)
    .select_from(_edges.join(_source, _source.c.id == inputs.c.source))
    .where(inputs.c.sha256.is_(None), _source.c.sha256.in_(bindparam("values", expanding=True))),
    select(traces.c.id, traces.c.sha256)
    .select_from(_edges)
    .where(inputs.c.sha256.in_(bindparam("values", expanding=True))),
)


class CommitRows(Session):
    """Writes the rows about features."""

    def link(self, key: str, recipe: str, epoch: int) -> bool:
        """See the protocol."""
        with self._writing() as connection:
            if current_epoch(connection, lock=True) != epoch:
                return False
            there = _find(connection, recipe)
            if there is None:
                return False
            _link(connection, key, there.id)
            return True

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        """See the protocol."""
        recipe = new.trace.recipe
        with self._writing() as connection:
            is_linkable = current_epoch(connection, lock=True, to_raise=lost is not None) == epoch
            check_none_forgotten(connection, new.trace.assets)
            _end_lease(connection, lease, recipe)
            check_none_collected(connection, lease, (new.trace.value, *new.files))
            edges = [_input_row(connection, at, entry, new.trace) for at, entry in enumerate(new.inputs)]
            there = _find(connection, recipe)
            if there is None:
                number = _insert(connection, new, edges)
            else:
                number, old = there.id, there.sha256.hex()
                if old == lost and new.trace.value.sha256 != lost:
                    _heal(connection, number, old, new, edges)
            connection.execute(_FORGET_FAILURE, {"wanted": bytes.fromhex(recipe)})
            if is_linkable:
                _link(connection, key, number)
            return trace_of(connection.execute(_READ, {"number": number}).one())


def _end_lease(connection: Connection, held: Lease, recipe: str) -> None:
    mine = {"held": bytes.fromhex(recipe), "number": held.fence}
    if held.recipe != recipe or connection.execute(_END_LEASE, mine).rowcount == 0:
        raise StaleLeaseError()


def _find(connection: Connection, recipe: str) -> Any:
    """Number, value and assets of a committed recipe, or None."""
    return connection.execute(_FIND, {"wanted": bytes.fromhex(recipe)}).one_or_none()


def _link(connection: Connection, key: str, number: int) -> None:
    upsert(connection, resolved, {"key": bytes.fromhex(key), "trace": number}, replacing=("trace",))


def _insert(connection: Connection, new: NewTrace, edges: list[dict[str, Any]]) -> int:
    made = new.trace
    row = {
        **_outcome(connection, new),
        "recipe": bytes.fromhex(made.recipe),
        "assets": packed(made.assets),
        "generations": packed_generations(made.generations),
    }
    number = int(connection.execute(_INSERT, row).scalar_one())
    subject = keys.subject(made.algorithm, made.version, made.assets, made.part)
    connection.execute(_INSERT_SUBJECT, {"subject": subject_key(subject), "trace": number})
    connection.execute(
        _INSERT_ASSETS, [{"asset": bytes.fromhex(one), "trace": number} for one in made.assets]
    )
    _insert_details(connection, number, new, edges)
    return number


def _outcome(connection: Connection, new: NewTrace) -> dict[str, Any]:
    """The columns that healing changes."""
    made = new.trace
    how = {"algorithm": made.algorithm, "version": made.version, "part": made.part, "settings": made.settings}
    number = number_of(connection, making, how, {"computed": 0, "seconds": 0.0})
    connection.execute(_COUNT, {"number": number, "more": made.seconds})
    add_account(connection, new.account())
    return {
        "making": number,
        "sha256": bytes.fromhex(made.value.sha256),
        "size_bytes": made.value.size_bytes,
        "reason": number_of(connection, reason, {"sentence": new.reason}),
        "seconds": made.seconds,
        "cpu_seconds": new.cost.cpu_seconds,
        "peak_memory_bytes": new.cost.peak_memory_bytes,
        "bytes_read": new.cost.bytes_read,
        "created_at": time.time() if made.created_at is None else made.created_at.timestamp(),
    }


def _insert_details(connection: Connection, number: int, new: NewTrace, edges: list[dict[str, Any]]) -> None:
    if edges:
        connection.execute(_INSERT_INPUTS, [{**edge, "trace": number} for edge in edges])
    named = [
        {"trace": number, "position": at, "sha256": bytes.fromhex(blob.sha256), "size_bytes": blob.size_bytes}
        for at, blob in enumerate(new.files)
    ]
    if named:
        connection.execute(_INSERT_FILES, named)


def _input_row(connection: Connection, at: int, entry: TraceInput, made: Trace) -> dict[str, Any]:
    """One edge of lineage; what follows from the rest is left out."""
    row: dict[str, Any] = {"position": at, "parameter": entry.parameter, "label": entry.label}
    row |= {"source": None, "sha256": None}
    implied = "+".join(made.assets)
    if entry.recipe is None:
        assert entry.value == entry.label, f"an asset enters as itself, not {entry.label} as {entry.value}"
    else:
        source = _find(connection, entry.recipe)
        if source is None:
            raise FeatureNotFoundError(
                f"the input {entry.parameter} names no committed feature: {entry.recipe}"
            )
        row["source"] = source.id
        if source.sha256.hex() != entry.value:
            row["sha256"] = bytes.fromhex(entry.value)
        implied = "+".join(unpacked(source.assets))
    if entry.label == implied:
        row["label"] = None
    return row


def _heal(connection: Connection, number: int, old: str, new: NewTrace, edges: list[dict[str, Any]]) -> None:
    """Put other bytes in the place of lost ones; what was made from those is no longer found by resolved key."""
    sha256, now = bytes.fromhex(old), time.time()
    for some in chunks([number, *_made_from(connection, sha256)]):
        connection.execute(delete(resolved).where(resolved.c.trace.in_(some)))
    upsert(connection, lost, {"sha256": sha256, "at": now})
    used = update(inputs).where(inputs.c.source == number, inputs.c.sha256.is_(None))
    connection.execute(used.values(sha256=sha256))
    connection.execute(update(traces).where(traces.c.id == number).values(_outcome(connection, new)))
    for table in (inputs, files):
        connection.execute(delete(table).where(table.c.trace == number))
    _insert_details(connection, number, new, edges)
    raise_epoch(connection)
    detail = {"recipe": new.trace.recipe, "lost": old, "value": new.trace.value.sha256}
    note(connection, "heal", "store", json.dumps(detail), now)


def _made_from(connection: Connection, sha256: bytes) -> set[int]:
    """The numbers of the features that were made from a value, transitively.

    By values, not by features: two recipes may have equal values, and then what was made from one is linked for both.
    """
    seen, level, found = {sha256}, [sha256], set[int]()
    while level:
        rows = [
            row
            for some in chunks(level)
            for statement in _MADE_FROM
            for row in connection.execute(statement, {"values": some})
        ]
        found.update(row.id for row in rows)
        level = list({row.sha256 for row in rows} - seen)
        seen.update(level)
    return found
