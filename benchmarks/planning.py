"""What does planning cost a key, over 100,000 keys, when all of them are stored and when none is?

The catalogue is SQLite, filled through the store's own protocol: one lease, one blob and one commit a feature.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.keys import Closure, Snapshot, recipe
from amber.registry import Registry
from amber.store.open import open_store
from amber.store.protocol import AssetRecord, Cost, NewTrace, Store, Trace, TraceInput
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import progress

KEYS = 100_000
_STORED = "all stored: 1 ask a key"
_ABSENT = "none stored: 1 ask a key"
_GRAPH = "none stored: 5 keys an ask, as of match_pairs"
#: A file system in memory, where there is one: filling waits for the disk three times a feature, planning never does.
_FAST = Path("/dev/shm")


@result
class Film:
    """Stands for the standard form."""

    number: Int64[np.ndarray, " row"]


@result
class Cuts(Film):
    """Stands for shots."""


@result
class Vectors(Film):
    """Stands for embeddings."""


@result
class Groups(Film):
    """Stands for near-duplicates."""


@result
class Pairs(Film):
    """Stands for pairs."""


@algorithm(version="1")
def film(source: Source) -> Film:
    """Is planned, never called."""
    return Film(np.zeros(0, np.int64))


@algorithm(version="1")
def cuts(film: Film, *, threshold: float = 3.0) -> Cuts:
    """Is planned, never called."""
    return Cuts(film.number)


@algorithm(version="1")
def vectors(film: Film, cuts: Cuts) -> Vectors:
    """Is planned, never called."""
    return Vectors(film.number)


@algorithm(version="1")
def groups(vectors: Vectors, *, min_cosine: float = 0.9) -> Groups:
    """Is planned, never called."""
    return Groups(vectors.number)


@algorithm(version="1")
def pairs(cuts: Cuts, vectors: Vectors, groups: Groups, *, depth: int = 1000) -> Pairs:
    """Is planned, never called."""
    return Pairs(cuts.number)


def measure(keys: int, rounds: int, folder: Path) -> Answer:
    """Plans over so many keys, in turns."""
    assets = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(keys)]
    asks = [Ask("film", (asset,)) for asset in assets]
    others = [Ask("film", (hashlib.sha256(asset.encode()).hexdigest(),)) for asset in assets]
    graphs = [Ask("pairs", ask.assets) for ask in others[: keys // 5]]
    runs = Runs()
    store = open_store(folder / "home")
    engine = Engine(store, Registry([film, cuts, vectors, groups, pairs]))
    try:
        fill_seconds = _fill(store, engine, asks)
        for number in range(rounds):
            progress("planning", f"round {number + 1} of {rounds}")
            for what, chosen, mark in (
                (_STORED, asks, "hit"),
                (_ABSENT, others, "miss"),
                (_GRAPH, graphs, "miss"),
            ):
                began = time.perf_counter()
                plan = engine.plan(chosen)
                taken = time.perf_counter() - began
                assert (
                    len(plan.marked(mark)) == len(plan.steps) == (keys // 5 * 5 if chosen is graphs else keys)
                )
                runs.note(what, "µs", taken / len(plan.steps))
            began = time.perf_counter()
            engine.plan(asks, check_blobs=False)
            runs.note(f"{_STORED}, blobs not looked at", "µs", (time.perf_counter() - began) / keys)
    finally:
        engine.close()
        store.close()
    size = sum(path.stat().st_size for path in (folder / "home").glob("catalog.sqlite*"))
    return Answer(
        name="planning",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.planning",
        rows=runs.rows(),
        wanted=tuple(
            Wanted(f"a key, {what}", "µs", 10e-6, runs.median(what)) for what in (_STORED, _ABSENT, _GRAPH)
        ),
        notes=(
            (
                f"{keys:,} keys; filling took {fill_seconds / keys * 1e6:.0f} µs a feature on {folder.parent}, "
                f"and the catalogue has {size / keys:.0f} bytes a feature, assets included."
            ),
        ),
    )


def measure_somewhere(keys: int, rounds: int) -> Answer:
    """The same, in a temporary folder on the fastest file system there is."""
    with tempfile.TemporaryDirectory(prefix="amber-bench-", dir=_FAST if _FAST.is_dir() else None) as folder:
        return measure(keys, rounds, Path(folder))


def _fill(store: Store, engine: Engine, asks: Iterable[Ask]) -> float:
    """Commit a feature for each ask; seconds it took."""
    began = time.perf_counter()
    snapshot = store.catalog.snapshot()
    for number, ask in enumerate(asks):
        if number % 20_000 == 0:
            progress("planning", f"{number:,} features stored")
        _store_one(store, engine.closure(ask), snapshot, ask.assets[0])
    return time.perf_counter() - began


def _store_one(store: Store, closure: Closure, snapshot: Snapshot, asset: str) -> None:
    store.catalog.put_asset(AssetRecord(asset, asset[:12], 596.0, 14_315, 1280, 720, Fraction(24)))
    step, node = closure.step([asset]), closure.nodes[closure.asked]
    made = recipe(node, step, snapshot, [("source", asset, asset)])
    lease = store.catalog.take_lease(made, "benchmark|1|1", 3600.0)
    assert lease is not None, "nobody else fills this catalogue"
    value = store.blobs.put(asset.encode())
    trace = Trace(made, node.name, node.version, step.part, step.assets, (0,), node.settings_text, value, 1.0)
    new = NewTrace(trace, (TraceInput("source", asset, asset, None),), (), Cost(1.0), "never computed")
    store.catalog.commit(lease, new, key=closure.resolved_key(step, snapshot), epoch=snapshot.epoch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(measure_somewhere(given.keys, given.rounds).markdown())
