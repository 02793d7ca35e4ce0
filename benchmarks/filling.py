"""Fills a home with many features at one stroke: committing one by one, as workers do, takes a millisecond or more for each."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from amber.keys import Closure, Snapshot, recipe, subject
from amber.store import schema
from amber.store.protocol import AssetRecord, Blob, Cost, NewTrace, Store, Trace, TraceInput
from amber.store.rows import digests, subject_key
from amber.store.sql.session import writing

_NOBODY = "benchmark|1|1"
_CLEAN = Snapshot()
#: Columns of a feature's row that are the same for all: those that name neither it, nor its assets, nor its value.
_ALIKE = [
    column
    for column in schema.trace.c
    if column.name not in ("id", "recipe", "assets", "sha256", "size_bytes")
]


def fill(
    store: Store, engine: Engine, closure: Closure, assets: Sequence[str], *, linked: bool = True
) -> None:
    """Store the asked feature, which reads nothing but the asset, for each of these assets.

    The first is committed as a worker commits it.
    The others are made alike: blobs of their own, and rows written in one transaction.

    Args:
        store: The store.
        engine: The database of its catalogue.
        closure: What is asked for.
        assets: Their hashes; nothing is known of them yet.
        linked: Whether the ask's key finds the feature; else only its recipe does.
    """
    first, *others = assets
    _commit(store, closure, first, linked)
    values = [store.blobs.put(asset.encode()) for asset in others]
    with writing(engine, "the catalogue", upkeep=True) as connection:
        _copy_asset(connection, first, others)
        numbers = _add_traces(connection, closure, first, others, values)
        _add_finders(connection, closure, others, numbers, linked)


def _recipe(closure: Closure, asset: str) -> str:
    step, node = closure.step([asset]), closure.nodes[closure.asked]
    return recipe(node, step, _CLEAN, [(node.inputs[0].parameter, asset, asset)])


def _commit(store: Store, closure: Closure, asset: str, linked: bool) -> None:
    store.catalog.put_asset(AssetRecord(asset, "a film", 596.0, 14_315, 1280, 720, Fraction(24)))
    step, node, made = closure.step([asset]), closure.nodes[closure.asked], _recipe(closure, asset)
    lease = store.catalog.take_lease(made, _NOBODY, 3600.0)
    assert lease is not None, "nobody else fills this catalogue"
    value = store.blobs.put(asset.encode())
    trace = Trace(made, node.name, node.version, step.part, step.assets, (0,), node.settings_text, value, 1.0)
    source = TraceInput(node.inputs[0].parameter, asset, asset, None)
    new = NewTrace(trace, (source,), (), Cost(1.0), "never computed")
    epoch = store.catalog.snapshot().epoch if linked else -1
    store.catalog.commit(lease, new, key=closure.resolved_key(step, _CLEAN), epoch=epoch)


def _copy_asset(connection: Connection, first: str, others: Sequence[str]) -> None:
    known = select(schema.asset).where(schema.asset.c.asset == bytes.fromhex(first))
    row = dict(connection.execute(known).one()._mapping)
    connection.execute(insert(schema.asset), [{**row, "asset": one} for one in digests(others)])


def _add_traces(
    connection: Connection, closure: Closure, first: str, others: Sequence[str], values: Sequence[Blob]
) -> range:
    """The numbers of the rows of the others."""
    wanted = schema.trace.c.recipe == bytes.fromhex(_recipe(closure, first))
    number, *_ = connection.execute(select(schema.trace.c.id).where(wanted)).one()
    alike = dict(connection.execute(select(*_ALIKE).where(wanted)).one()._mapping)
    numbers = range(number + 1, number + 1 + len(others))
    rows = [
        {
            **alike,
            "id": at,
            "recipe": bytes.fromhex(_recipe(closure, asset)),
            "assets": bytes.fromhex(asset),
            "sha256": bytes.fromhex(value.sha256),
            "size_bytes": value.size_bytes,
        }
        for at, asset, value in zip(numbers, others, values, strict=True)
    ]
    connection.execute(insert(schema.trace), rows)
    if connection.dialect.name == "postgresql":  # which counts apart from the rows
        connection.execute(select(func.setval(func.pg_get_serial_sequence("trace", "id"), numbers[-1])))
    making = schema.making.c
    counted = update(schema.making).where(making.id == alike["making"])
    connection.execute(
        counted.values(computed=making.computed + len(rows), seconds=making.seconds + len(rows))
    )
    return numbers


def _add_finders(
    connection: Connection, closure: Closure, others: Sequence[str], numbers: range, linked: bool
) -> None:
    """What finds the features: subject, asset, lineage, and the ask's key."""
    node = closure.nodes[closure.asked]
    finders: dict[Any, list[dict[str, Any]]] = {
        schema.trace_subject: [],
        schema.trace_asset: [],
        schema.trace_input: [],
        schema.resolved: [],
    }
    for number, asset in zip(numbers, others, strict=True):
        named = subject(node.name, node.version, [asset])
        finders[schema.trace_subject].append({"subject": subject_key(named), "trace": number})
        finders[schema.trace_asset].append({"asset": bytes.fromhex(asset), "trace": number})
        finders[schema.trace_input].append(
            {"trace": number, "position": 0, "parameter": node.inputs[0].parameter}
        )
        if linked:
            key = closure.resolved_key(closure.step([asset]), _CLEAN)
            finders[schema.resolved].append({"key": bytes.fromhex(key), "trace": number})
    for table, rows in finders.items():
        if rows:
            connection.execute(insert(table), rows)
