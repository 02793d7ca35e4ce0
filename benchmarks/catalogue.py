"""What do a queue, plans, triggers, an invalidation and reconciling cost over a whole catalogue, and how do they grow with it?

No pixels: titles, shots and step costs are made up from a seed, as they would have been recorded.
"""

import argparse
import gc
import hashlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine as Database
from sqlalchemy import event, func, insert, select

from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.triggers import Subscriptions, arrived, reconcile
from amber.keys import Closure, Snapshot, recipe, subject
from amber.registry import Registry
from amber.store import schema
from amber.store.backfills import Wish
from amber.store.open import CATALOG_NAME, open_store
from amber.store.protocol import AssetRecord, Disowned, Store
from amber.store.rows import subject_key
from amber.store.sql.session import sqlite_engine, writing
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.planning import ALGORITHMS
from benchmarks.subject import progress

TITLES, FEWER, SHOTS = 10_000, 1_000, 1_300
_CLEAN = Snapshot()
#: Recorded seconds and bytes of a title of 1,300 shots, by algorithm.
COSTS = {
    "film": (310.0, 9_000),
    "cuts": (41.0, 21_000),
    "vectors": (96.0, 6_700_000),
    "groups": (0.6, 6_000),
    "pairs": (2.4, 44_000),
}
#: Growth may be so much more than linear: what noise makes of it.
NOISE = 1.25
#: Rows that one invalidation may write, however many features it covers.
MOST_ROWS = 4
_FAST = Path("/dev/shm")


@dataclass
class Simulated:
    """A catalogue, and what was measured on it."""

    titles: int
    store: Store
    engine: Engine
    home: Path
    assets: list[str]
    #: What was done → seconds, and calls of the database.
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    #: Rows that the invalidation wrote.
    rows_written: int = 0

    def timed(self, what: str, does: Callable[[], Any]) -> Any:
        """Do something, and note how long it took and how often the database was called."""
        called = 0

        def count(*_: object) -> None:
            nonlocal called
            called += 1

        event.listen(Database, "before_cursor_execute", count)
        gc.collect()  # what was made up for the catalogue is no garbage of what is measured
        began = time.perf_counter()
        try:
            done = does()
        finally:
            event.remove(Database, "before_cursor_execute", count)
        self.seconds[what], self.calls[what] = time.perf_counter() - began, called
        return done


@contextmanager
def catalogue(titles: int, folder: Path) -> Iterator[Simulated]:
    """A catalogue of so many titles of which nothing is computed yet."""
    home = folder / f"home {titles}"
    store = open_store(home)
    engine = Engine(store, Registry(ALGORITHMS))
    assets = [hashlib.sha256(f"title {number}".encode()).hexdigest() for number in range(titles)]
    try:
        store.catalog.put_asset(AssetRecord(assets[0], "title 0", 5400.0, 129_600, 1280, 720, None))
        with _written(home) as connection:
            known = dict(connection.execute(select(schema.asset)).one()._mapping)
            rows = [{**known, "asset": bytes.fromhex(asset)} for asset in assets[1:]]
            connection.execute(insert(schema.asset), rows)
        yield Simulated(titles, store, engine, home, assets)
    finally:
        engine.close()
        store.close()


def simulate(made: Simulated) -> None:
    """Everything that happens to a catalogue, once."""
    orders = Subscriptions(made.engine)
    names = [algorithm.name for algorithm in ALGORITHMS]
    made.timed(
        "queue: 5 orders ask for all that is missing", lambda: [orders.add(Wish(name)) for name in names]
    )
    counts = made.store.catalog.count_jobs()
    assert counts == {"queued": 5 * made.titles}, counts
    asks = [Ask("pairs", (asset,)) for asset in made.assets]
    planned = made.timed("plan: nothing stored", lambda: made.engine.plan(asks, check_blobs=False))
    assert len(planned.marked("miss")) == 5 * made.titles
    compute_all(made)
    planned = made.timed("plan: everything stored", lambda: made.engine.plan(asks, check_blobs=False))
    assert len(planned.marked("hit")) == made.titles
    found = made.timed("reconcile: everything there", lambda: reconcile(made.engine))
    assert all(one.standing.ready == made.titles for one in found)
    new = hashlib.sha256(b"a new title").hexdigest()
    made.store.catalog.put_asset(AssetRecord(new, "new", 5400.0, 129_600, 1280, 720, None))
    assert made.timed("trigger: one title arrives", lambda: arrived(made.engine, new)) == 5
    assert sum(made.store.catalog.count_jobs().values()) == 5
    invalidate_shots(made)
    found = made.timed("reconcile: cuts disowned everywhere", lambda: reconcile(made.engine))
    standing = {one.wish.algorithm: one.standing for one in found}
    assert standing["film"].ready == made.titles and standing["cuts"].ready == 0
    assert made.store.catalog.count_jobs() == {"queued": 4 * (made.titles + 1) + 5}


def invalidate_shots(made: Simulated) -> None:
    """Disown all cuts: counted in a plan, applied in one transaction."""
    catalog = made.store.catalog
    plan = made.timed(
        "invalidate: the plan",
        lambda: catalog.plan_invalidation(Disowned("cuts", "1"), reason="simulated", who="benchmark"),
    )
    assert plan.features == made.titles
    before = _row_count(made.home)
    made.timed("invalidate: applied", lambda: catalog.apply_plan(plan.id, who="benchmark"))
    made.rows_written = _row_count(made.home) - before
    assert made.rows_written <= MOST_ROWS, made.rows_written


def compute_all(made: Simulated) -> None:
    """Store a feature of every algorithm for every title, as workers would have, at one stroke; jobs are done."""
    closure = made.engine.closure(Ask("pairs", (made.assets[0],)))
    chance = random.Random(SHOTS)
    with _written(made.home) as connection:
        connection.execute(insert(schema.reason).values(id=1, sentence="simulated"))
        values = {asset: {"": asset} for asset in made.assets}
        for number, name in enumerate(closure.nodes):
            rows = _Rows(closure, name, number, made.titles)
            for at, asset in enumerate(made.assets):
                values[asset][name] = rows.add(at, asset, values[asset], chance)
            rows.write(connection)
        connection.execute(schema.job_asker.delete())
        connection.execute(schema.job.delete())


class _Rows:
    """The rows of one algorithm's features."""

    def __init__(self, closure: Closure, name: str, number: int, titles: int) -> None:
        self._closure, self._node, self._number = closure, closure.nodes[name], number
        self._numbers = {one: at for at, one in enumerate(closure.nodes)}
        self._titles, self._first = titles, number * titles + 1
        self._tables: dict[Any, list[dict[str, Any]]] = {
            table: []
            for table in (
                schema.trace,
                schema.trace_subject,
                schema.trace_asset,
                schema.trace_input,
                schema.resolved,
            )
        }
        self._seconds = 0.0

    def add(self, at: int, asset: str, values: dict[str, str], chance: random.Random) -> str:
        """One feature; the digest of its value."""
        node, closure, number = self._node, self._closure, self._first + at
        step = next(one for one in closure.steps(closure.step((asset,))) if one.algorithm == node.name)
        entries = [(i.parameter, asset, values[i.producer]) for i in node.inputs]
        value = hashlib.sha256(f"{node.name} {asset}".encode()).hexdigest()
        seconds, size = COSTS[node.name]
        spent = seconds * chance.uniform(0.7, 1.4)
        self._seconds += spent
        self._tables[schema.trace].append(
            {
                "id": number,
                "recipe": bytes.fromhex(recipe(node, step, _CLEAN, entries)),
                "making": self._number + 1,
                "assets": bytes.fromhex(asset),
                "sha256": bytes.fromhex(value),
                "size_bytes": int(size * chance.uniform(0.7, 1.4)),
                "reason": 1,
                "seconds": spent,
                "cpu_seconds": spent,
                "peak_memory_bytes": 1 << 28,
                "bytes_read": size,
                "created_at": 1.7e9,
            }
        )
        named = subject_key(subject(node.name, node.version, (asset,)))
        self._tables[schema.trace_subject].append({"subject": named, "trace": number})
        self._tables[schema.trace_asset].append({"asset": bytes.fromhex(asset), "trace": number})
        for position, bound in enumerate(node.inputs):
            source = self._numbers[bound.producer] * self._titles + at + 1 if bound.producer else None
            self._tables[schema.trace_input].append(
                {"trace": number, "position": position, "parameter": bound.parameter, "source": source}
            )
        key = closure.resolved_key(step, _CLEAN)
        self._tables[schema.resolved].append({"key": bytes.fromhex(key), "trace": number})
        return value

    def write(self, connection: Any) -> None:
        """All rows at one stroke."""
        making = {"id": self._number + 1, "algorithm": self._node.name, "version": self._node.version}
        making |= {"part": "whole", "settings": self._node.settings_text, "seconds": self._seconds}
        making["computed"] = len(self._tables[schema.trace])
        connection.execute(insert(schema.making).values(making))
        for table, rows in self._tables.items():
            connection.execute(insert(table), rows)


@contextmanager
def _written(home: Path) -> Iterator[Any]:
    database = sqlite_engine(home / CATALOG_NAME)
    try:
        with writing(database, home, upkeep=True) as connection:
            yield connection
    finally:
        database.dispose()


def _row_count(home: Path) -> int:
    with _written(home) as connection:
        return sum(
            int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in schema.metadata.sorted_tables
        )


def measure(rounds: int = 3, titles: int = TITLES, fewer: int = FEWER) -> Answer:
    """Both sizes in turns, and how much more the larger one takes."""
    runs, wanted, made = Runs(), list[Wanted](), None
    with tempfile.TemporaryDirectory(
        prefix="amber-bench-", dir=_FAST if _FAST.is_dir() else None
    ) as temporary:
        for number in range(rounds):
            for count in (fewer, titles):
                progress("catalogue", f"round {number + 1}, {count:,} titles")
                folder = Path(temporary) / str(number)
                with catalogue(count, folder) as made:
                    simulate(made)
                for what, seconds in made.seconds.items():
                    runs.note(f"{what}, {count:,} titles", "s", seconds)
                shutil.rmtree(folder)
    assert made is not None, "there is a round or more"
    for what in made.seconds:
        larger, smaller = f"{what}, {titles:,} titles", f"{what}, {fewer:,} titles"
        if runs.median(larger) > 0.05:
            limit = titles / fewer * NOISE
            wanted.append(Wanted(f"growth: {what}", "×", limit, runs.ratio(larger, smaller)))
    called = "; ".join(f"{what}: {calls:,}" for what, calls in made.calls.items())
    return Answer(
        name="catalogue",
        question=(__doc__ or "").strip().partition("\n")[0],
        command="python -m benchmarks catalogue",
        rows=runs.rows(),
        wanted=tuple(wanted),
        notes=(
            f"{titles:,} titles of {SHOTS:,} shots, 5 algorithms, on {temporary.rpartition('/')[0]}.",
            f"Disowning `cuts` everywhere wrote {made.rows_written} rows in one transaction.",
            f"Calls of the database for {titles:,} titles, beside reads that go to its driver: {called}.",
            f"Growth is wanted to be linear: {titles / fewer:.0f} times, and a quarter for noise.",
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--titles", type=int, default=TITLES)
    parser.add_argument("--fewer", type=int, default=FEWER)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(measure(given.rounds, given.titles, given.fewer).markdown())
