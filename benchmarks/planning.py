"""What does planning cost a key, over 100,000 keys: when all of them are stored, when none is, and in between?"""

import argparse
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from sqlalchemy import Engine as Database

from amber.algorithm import Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.registry import Registry
from amber.store.open import CATALOG_NAME, open_store
from amber.store.protocol import Disowned, Store
from amber.store.sql.session import sqlite_engine
from benchmarks.filling import fill
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import progress

KEYS = 100_000
_STORED = "all stored: 1 ask a key"
_ABSENT = "none stored: 1 ask a key"
_GRAPH = "none stored: 5 keys an ask, as of match_pairs"
_MIXED = "mixed, a quarter each: stored; only to be linked; of another setting; never computed"
_DISOWNED = "all stored, an invalidation of 100 other assets in force"
#: A file system in memory, where there is one: filling waits for the disk twice a feature, planning never does.
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
def film(source: Source, *, height: int = 720) -> Film:
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


ALGORITHMS = (film, cuts, vectors, groups, pairs)


@dataclass(frozen=True)
class Library:
    """Assets by how much of `film` is stored for them, so many of each."""

    #: Stored, and found by the ask's key.
    linked: Sequence[str]
    #: Stored, and found only by recipe, as after an upstream came out the same.
    unlinked: Sequence[str]
    #: Stored with another setting.
    other: Sequence[str]
    #: Never computed.
    unknown: Sequence[str]

    @property
    def mixed(self) -> list[str]:
        """A quarter of each, taken in turns."""
        quarters = (self.linked, self.unlinked, self.other, self.unknown)
        return [asset for assets in zip(*quarters, strict=False) for asset in assets]


def measure(keys: int, rounds: int, folder: Path) -> Answer:
    """Plans over so many keys, in turns."""
    runs = Runs()
    home = folder / "home"
    store = open_store(home)
    engine = Engine(store, Registry(ALGORITHMS))
    try:
        progress("planning", f"storing {keys * 3 // 2:,} features")
        began = time.perf_counter()
        library = filled(store, engine, sqlite_engine(home / CATALOG_NAME), keys)
        filling = (time.perf_counter() - began) / (keys * 3 // 2)
        contradictions = store.catalog.problems()
        assert not contradictions, contradictions[0]
        for number in range(rounds):
            progress("planning", f"round {number + 1} of {rounds}")
            _time_plans(engine, library, runs)
        disowned = Disowned("film", "1", tuple(library.other[:100]))
        store.catalog.invalidate([disowned], reason="benchmark", who="benchmark")
        for _ in range(rounds):
            asks = [Ask("film", (asset,)) for asset in library.linked]
            time_plan(engine, _DISOWNED, asks, {"hit": keys}, runs)
    finally:
        engine.close()
        store.close()
    size = sum(path.stat().st_size for path in home.glob("catalog.sqlite*"))
    return Answer(
        name="planning",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.planning",
        rows=runs.rows(),
        wanted=tuple(
            Wanted(f"a key, {what}", "µs", 10e-6, runs.median(what))
            for what in (_STORED, _ABSENT, _GRAPH, _MIXED)
        ),
        notes=(
            (
                f"{keys:,} keys a plan, on {folder.parent}; filling took {filling * 1e6:.0f} µs a feature, "
                f"and the catalogue has {size / (keys * 3 // 2):.0f} bytes a feature, assets included."
            ),
        ),
    )


def _time_plans(engine: Engine, library: Library, runs: Runs) -> None:
    """Each kind of plan once."""
    keys = len(library.linked)
    kinds = (
        (_STORED, "film", library.linked, {"hit": keys}),
        (_ABSENT, "film", library.unknown, {"miss": keys}),
        (_GRAPH, "pairs", library.unknown[: keys // 5], {"miss": keys // 5 * 5}),
        (_MIXED, "film", library.mixed, {"hit": keys // 4 * 2, "miss": keys // 4 * 2}),
    )
    for what, name, assets, marks in kinds:
        time_plan(engine, what, [Ask(name, (asset,)) for asset in assets], marks, runs)
    asks = [Ask("film", (asset,)) for asset in library.linked]
    time_plan(engine, f"{_STORED}, blobs not looked at", asks, {"hit": keys}, runs, check_blobs=False)


def time_plan(
    engine: Engine,
    what: str,
    asks: Sequence[Ask],
    marks: Mapping[str, int],
    runs: Runs,
    *,
    check_blobs: bool = True,
) -> None:
    """Make one plan, and note what a key of it cost."""
    began, began_cpu = time.perf_counter(), time.process_time()
    plan = engine.plan(asks, check_blobs=check_blobs)
    taken, taken_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert Counter(step.mark for step in plan.steps) == marks, f"{what}: the plan is wrong"
    runs.note(what, "µs", taken / len(plan.steps))
    runs.note(f"{what}, CPU", "µs", taken_cpu / len(plan.steps))


def filled(store: Store, engine: Engine, database: Database, keys: int) -> Library:
    """Stores so many features that are linked, and half as many of other kinds."""
    kinds = [
        [hashlib.sha256(f"{kind} {number}".encode()).hexdigest() for number in range(count)]
        for kind, count in (
            ("linked", keys),
            ("unlinked", keys // 4),
            ("other", keys // 4),
            ("unknown", keys),
        )
    ]
    library = Library(*kinds)
    asked = engine.closure(Ask("film", (library.linked[0],)))
    fill(store, database, asked, library.linked)
    fill(store, database, asked, library.unlinked, linked=False)
    fill(store, database, engine.closure(Ask("film", (), settings={"height": 480})), library.other)
    database.dispose()
    return library


def measure_somewhere(keys: int, rounds: int) -> Answer:
    """The same, in a temporary folder on the fastest file system there is."""
    with tempfile.TemporaryDirectory(prefix="amber-bench-", dir=_FAST if _FAST.is_dir() else None) as folder:
        return measure(keys, rounds, Path(folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(measure_somewhere(given.keys, given.rounds).markdown())
