"""Committing what was computed, linking it, and healing what was lost."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from amber import keys
from amber.errors import AmberError, FeatureNotFoundError, StaleLeaseError
from amber.store.accounts import Account
from amber.store.protocol import Commit, Link, NewTrace, Trace, TraceInput
from amber.store.rows import digests, packed, packed_generations, subject_key, trace_of, unpacked
from amber.store.schema import failure, lost, making, reason, resolved
from amber.store.schema import lease as leases
from amber.store.schema import trace as traces
from amber.store.schema import trace_asset as assets
from amber.store.schema import trace_file as files
from amber.store.schema import trace_input as inputs
from amber.store.schema import trace_subject as subjects
from amber.store.sql.accounts import add_account
from amber.store.sql.forgotten import forgotten_among, forgotten_error
from amber.store.sql.garbage import collected_among, collected_error
from amber.store.sql.session import (
    Session,
    chunks,
    current_epoch,
    note,
    number_of,
    raise_epoch,
    upsert,
    upsert_many,
)
from amber.store.sql.traces import TRACES

_FIND = select(traces.c.recipe, traces.c.id, traces.c.sha256, traces.c.assets)
_INSERT = insert(traces).returning(traces.c.id, traces.c.recipe)
_INSERT_SUBJECT, _INSERT_ASSETS = insert(subjects), insert(assets)
_INSERT_INPUTS, _INSERT_FILES = insert(inputs), insert(files)
_COUNT = (
    update(making)
    .where(making.c.id == bindparam("number"))
    .values(computed=making.c.computed + bindparam("times"), seconds=making.c.seconds + bindparam("more"))
)

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

    def link_all(self, links: Sequence[Link]) -> list[bool]:
        """See the protocol."""
        with self._writing() as connection:
            epoch = current_epoch(connection, lock=True)
            there = _found(connection, {one.recipe for one in links})
            answers = [one.epoch == epoch and one.recipe in there for one in links]
            linked = [one for one, is_linked in zip(links, answers, strict=True) if is_linked]
            _link(connection, {one.key: there[one.recipe].id for one in linked})
            return answers

    def commit_all(self, commits: Sequence[Commit]) -> list[Trace | AmberError]:
        """See the protocol."""
        with self._writing() as connection:
            may_heal = any(one.lost is not None for one in commits)
            epoch = current_epoch(connection, lock=True, to_raise=may_heal)
            named = {entry.recipe for one in commits for entry in one.new.inputs if entry.recipe}
            known = _found(connection, named | {one.new.trace.recipe for one in commits})
            refused = _refused(connection, commits, known)
            accepted = [one for at, one in enumerate(commits) if at not in refused]
            recipes = sorted(bytes.fromhex(one.new.trace.recipe) for one in accepted)
            for table in (leases, failure):
                for some in chunks(recipes):
                    connection.execute(delete(table).where(table.c.recipe.in_(some)))
            new = [one.new for one in accepted if one.new.trace.recipe not in known]
            numbers = _insert(connection, new, known)
            numbers |= {recipe: row.id for recipe, row in known.items()}
            plain = [one for one in accepted if one.epoch == epoch and not _is_healing(one, known)]
            _link(connection, {one.key: numbers[one.new.trace.recipe] for one in plain})
            for one in accepted:
                if _is_healing(one, known):
                    _heal(connection, one, known)
            made = _read(connection, [numbers[one.new.trace.recipe] for one in accepted])
        return [refused.get(at) or made[one.new.trace.recipe] for at, one in enumerate(commits)]


def _refused(
    connection: Connection, commits: Sequence[Commit], known: Mapping[str, Any]
) -> dict[int, AmberError]:
    """The errors of those that are refused, by their place; the leases of all are locked."""
    held: dict[str, int] = {}
    for some in chunks(sorted({bytes.fromhex(one.lease.recipe) for one in commits})):
        query = select(leases.c.recipe, leases.c.fence).where(leases.c.recipe.in_(some))
        for row in connection.execute(query.order_by(leases.c.recipe).with_for_update()):
            held[row.recipe.hex()] = row.fence
    gone = forgotten_among(connection, sorted({asset for one in commits for asset in one.new.trace.assets}))
    blobs = {blob for one in commits for blob in (one.new.trace.value, *one.new.files)}
    collected = collected_among(connection, blobs)
    refused: dict[int, AmberError] = {}
    for at, one in enumerate(commits):
        lease, new = one.lease, one.new
        is_mine = held.get(lease.recipe) == lease.fence and lease.recipe == new.trace.recipe
        error = (
            forgotten_error(gone, new.trace.assets)
            or (None if is_mine else StaleLeaseError())
            or collected_error(collected, lease, (new.trace.value, *new.files))
            or _lineage_error(new, known)
        )
        if error is not None:
            refused[at] = error
        else:
            del held[lease.recipe]  # is ended by this one
    return refused


def _lineage_error(new: NewTrace, known: Mapping[str, Any]) -> FeatureNotFoundError | None:
    for entry in new.inputs:
        if entry.recipe is not None and entry.recipe not in known:
            return FeatureNotFoundError(
                f"the input {entry.parameter} names no committed feature: {entry.recipe}"
            )
    return None


def _is_healing(commit: Commit, known: Mapping[str, Any]) -> bool:
    """Whether the value that is there is the lost one, and this is another."""
    there, value = known.get(commit.new.trace.recipe), commit.new.trace.value.sha256
    return there is not None and there.sha256.hex() == commit.lost and value != commit.lost


def _found(connection: Connection, recipes: Iterable[str]) -> dict[str, Any]:
    """Number, value and assets of those of the recipes that are committed."""
    return {
        row.recipe.hex(): row
        for some in chunks(digests(recipes))
        for row in connection.execute(_FIND.where(traces.c.recipe.in_(some)))
    }


def _read(connection: Connection, numbers: Sequence[int]) -> dict[str, Trace]:
    read = [
        trace_of(row)
        for some in chunks(numbers)
        for row in connection.execute(TRACES.where(traces.c.id.in_(some)))
    ]
    return {trace.recipe: trace for trace in read}


def _link(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Point resolved keys at features, in the order of the keys."""
    rows = [{"key": bytes.fromhex(key), "trace": number} for key, number in sorted(numbers.items())]
    upsert_many(connection, resolved, rows, replacing=("trace",))


def _insert(connection: Connection, new: Sequence[NewTrace], known: Mapping[str, Any]) -> dict[str, int]:
    """Write features that were not there; recipe → number."""
    if not new:
        return {}
    rows = [
        {
            **outcome,
            "recipe": bytes.fromhex(one.trace.recipe),
            "assets": packed(one.trace.assets),
            "generations": packed_generations(one.trace.generations),
        }
        for one, outcome in zip(new, _outcomes(connection, new), strict=True)
    ]
    numbers = {row.recipe.hex(): int(row.id) for row in connection.execute(_INSERT, rows)}
    about, concerned = [], []
    for one in new:
        made, number = one.trace, numbers[one.trace.recipe]
        subject = keys.subject(made.algorithm, made.version, made.assets, made.part)
        about.append({"subject": subject_key(subject), "trace": number})
        concerned += [{"asset": bytes.fromhex(asset), "trace": number} for asset in made.assets]
    connection.execute(_INSERT_SUBJECT, about)
    connection.execute(_INSERT_ASSETS, concerned)
    _insert_details(connection, {numbers[one.trace.recipe]: one for one in new}, known)
    return numbers


def _outcomes(connection: Connection, new: Sequence[NewTrace]) -> list[dict[str, Any]]:
    """The columns that healing changes; what they took is counted."""
    makings, reasons = _counted(connection, new), {}
    for sentence in sorted({one.reason for one in new}):
        reasons[sentence] = number_of(connection, reason, {"sentence": sentence})
    now = time.time()
    return [
        {
            "making": makings[_making(one.trace)],
            "sha256": bytes.fromhex(one.trace.value.sha256),
            "size_bytes": one.trace.value.size_bytes,
            "reason": reasons[one.reason],
            "seconds": one.trace.seconds,
            "cpu_seconds": one.cost.cpu_seconds,
            "peak_memory_bytes": one.cost.peak_memory_bytes,
            "bytes_read": one.cost.bytes_read,
            "created_at": now if one.trace.created_at is None else one.trace.created_at.timestamp(),
        }
        for one in new
    ]


def _counted(connection: Connection, new: Sequence[NewTrace]) -> dict[tuple[str, str, str, str], int]:
    """Count what was computed, and what it took; how each was made → the number of that."""
    took: dict[tuple[str, str, str, str], list[float]] = {}
    spent: dict[tuple[str, str, str, str], Account] = {}
    for one in new:
        took.setdefault(_making(one.trace), []).append(one.trace.seconds)
        account = one.account()
        spent[account.key] = spent[account.key] + account if account.key in spent else account
    numbers = {}
    for how, seconds in sorted(took.items()):
        columns = dict(zip(("algorithm", "version", "part", "settings"), how, strict=True))
        number = numbers[how] = number_of(connection, making, columns, {"computed": 0, "seconds": 0.0})
        connection.execute(_COUNT, {"number": number, "times": len(seconds), "more": sum(seconds)})
    for _, account in sorted(spent.items()):
        add_account(connection, account)
    return numbers


def _making(made: Trace) -> tuple[str, str, str, str]:
    return made.algorithm, made.version, made.part, made.settings


def _insert_details(connection: Connection, new: Mapping[int, NewTrace], known: Mapping[str, Any]) -> None:
    """Write where features come from, and the files that they name."""
    edges = [
        {**_input_row(at, entry, one.trace, known), "trace": number}
        for number, one in new.items()
        for at, entry in enumerate(one.inputs)
    ]
    if edges:
        connection.execute(_INSERT_INPUTS, edges)
    named = [
        {"trace": number, "position": at, "sha256": bytes.fromhex(blob.sha256), "size_bytes": blob.size_bytes}
        for number, one in new.items()
        for at, blob in enumerate(one.files)
    ]
    if named:
        connection.execute(_INSERT_FILES, named)


def _input_row(at: int, entry: TraceInput, made: Trace, known: Mapping[str, Any]) -> dict[str, Any]:
    """One edge of lineage; what follows from the rest is left out."""
    row: dict[str, Any] = {"position": at, "parameter": entry.parameter, "label": entry.label}
    row |= {"source": None, "sha256": None}
    implied = "+".join(made.assets)
    if entry.recipe is None:
        assert entry.value == entry.label, f"an asset enters as itself, not {entry.label} as {entry.value}"
    else:
        source = known[entry.recipe]
        row["source"] = source.id
        if source.sha256.hex() != entry.value:
            row["sha256"] = bytes.fromhex(entry.value)
        implied = "+".join(unpacked(source.assets))
    if entry.label == implied:
        row["label"] = None
    return row


def _heal(connection: Connection, commit: Commit, known: Mapping[str, Any]) -> None:
    """Put other bytes in the place of lost ones; what was made from those is no longer found by resolved key."""
    new, there = commit.new, known[commit.new.trace.recipe]
    is_linkable = current_epoch(connection) == commit.epoch
    number, sha256, now = there.id, there.sha256, time.time()
    for some in chunks([number, *_made_from(connection, sha256)]):
        connection.execute(delete(resolved).where(resolved.c.trace.in_(some)))
    upsert(connection, lost, {"sha256": sha256, "at": now})
    used = update(inputs).where(inputs.c.source == number, inputs.c.sha256.is_(None))
    connection.execute(used.values(sha256=sha256))
    [outcome] = _outcomes(connection, [new])
    connection.execute(update(traces).where(traces.c.id == number).values(outcome))
    for table in (inputs, files):
        connection.execute(delete(table).where(table.c.trace == number))
    _insert_details(connection, {number: new}, known)
    raise_epoch(connection)
    detail = {"recipe": new.trace.recipe, "lost": sha256.hex(), "value": new.trace.value.sha256}
    note(connection, "heal", "store", json.dumps(detail), now)
    if is_linkable:
        _link(connection, {commit.key: number})


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
