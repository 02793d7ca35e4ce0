"""What do a queue, plans, triggers, an invalidation and reconciling cost over a whole catalogue, and how do they grow with it?

No pixels: titles, shots and step costs are made up from a seed, as they would have been recorded.
"""

import argparse
import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

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
    #: What was done → seconds.
    seconds: dict[str, float] = field(default_factory=dict)
    #: Rows that the invalidation wrote.
    rows_written: int = 0

    def timed(self, what: str, does: Callable[[], Any]) -> Any:
        """Do something and note how long it took."""
        began = time.perf_counter()
        done = does()
        self.seconds[what] = time.perf_counter() - began
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


def measure(titles: int = TITLES, fewer: int = FEWER, folder: Path | None = None) -> Answer:
    """Both sizes, and how much more the larger one takes."""
    runs = Runs()
    wanted: list[Wanted] = []
    with tempfile.TemporaryDirectory(
        prefix="amber-bench-", dir=_FAST if _FAST.is_dir() else None
    ) as temporary:
        sizes: list[dict[str, float]] = []
        for count in (fewer, titles):
            progress("catalogue", f"{count:,} titles")
            with catalogue(count, folder or Path(temporary)) as made:
                simulate(made)
            sizes.append(made.seconds)
        for what, seconds in sizes[1].items():
            runs.note(f"{what}, {titles:,} titles", "s", seconds)
            runs.note(f"{what}, {fewer:,} titles", "s", sizes[0][what])
            if seconds > 0.05:
                limit = titles / fewer * 1.25
                wanted.append(Wanted(f"growth: {what}", "×", limit, seconds / sizes[0][what]))
    told = (
        f"{titles:,} titles of {SHOTS:,} shots, 5 algorithms; disowning `cuts` everywhere wrote {made.rows_written} rows in "
        "one transaction. Growth is wanted to be linear: ten times, and a quarter for noise."
    )
    return Answer(
        name="catalogue",
        question=(__doc__ or "").strip().partition("\n")[0],
        command="python -m benchmarks.catalogue",
        rows=runs.rows(),
        wanted=tuple(wanted),
        notes=(told,),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--titles", type=int, default=TITLES)
    parser.add_argument("--fewer", type=int, default=FEWER)
    given = parser.parse_args()
    print(measure(given.titles, given.fewer).markdown())
