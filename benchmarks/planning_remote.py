"""What does planning cost a key where the catalogue is on PostgreSQL: 100,000 assets × 5 algorithms, as set queries? And how many bytes does the catalogue take a feature?

Blobs are files, and are not looked at: the catalogue is what is measured.
"""

import argparse
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg

from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.registry import Registry
from amber.store.open import open_store
from amber.store.sql.session import postgres_engine
from amber.store.upgrade import migrate_postgres
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.planning import ALGORITHMS, KEYS, Library, filled, time_plan
from benchmarks.subject import progress
from tests.servers import postgres

_STORED = "all stored: 1 ask a key"
_ABSENT = "none stored: 1 ask a key"
_GRAPH = "none stored: 5 keys an ask, as of match_pairs"
_MIXED = "mixed, a quarter each: stored; only to be linked; of another setting; never computed"
_BYTES = "bytes of catalogue a feature, assets and indexes included"
#: What others take for a cached result, as their documents and files say.
_PIXELTABLE, _REDUN = 277, 3670


def measure(assets: int, rounds: int) -> Answer:
    """Plans over so many assets, in turns."""
    runs = Runs()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as name:
        folder = Path(name)
        with postgres.running(folder / "postgres") as server:
            url = server.create("catalogue")
            migrate_postgres(url)
            empty = _size(url)
            store = open_store(folder / "home", url)
            with closing(store), closing(Engine(store, Registry(ALGORITHMS))) as engine:
                progress("planning_remote", f"storing {assets * 3 // 2:,} features")
                library = filled(store, engine, postgres_engine(url), assets)
                assert not store.catalog.problems()
                features = assets * 3 // 2
                runs.note(_BYTES, "B", (_size(url) - empty) / features)
                with closing(psycopg.connect(url, autocommit=True)) as connection:
                    connection.execute("VACUUM ANALYZE")  # as the server does by itself after a while
                for number in range(rounds):
                    progress("planning_remote", f"round {number + 1} of {rounds}")
                    _time_plans(engine, library, runs)
    return Answer(
        name="planning_remote",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.planning_remote",
        rows=runs.rows(),
        wanted=tuple(
            Wanted(f"a key, {what}", "µs", 10e-6, runs.median(what))
            for what in (_STORED, _ABSENT, _GRAPH, _MIXED)
        ),
        notes=(
            f"{assets:,} assets; where 5 keys make an ask, {assets * 5:,} keys.",
            f"Pixeltable takes {_PIXELTABLE} bytes for a computed cell, redun {_REDUN:,} for a cached call.",
        ),
    )


def _time_plans(engine: Engine, library: Library, runs: Runs) -> None:
    keys = len(library.linked)
    kinds = (
        (_STORED, "film", library.linked, {"hit": keys}),
        (_ABSENT, "film", library.unknown, {"miss": keys}),
        (_GRAPH, "pairs", library.unknown, {"miss": keys * 5}),
        (_MIXED, "film", library.mixed, {"hit": keys // 4 * 2, "miss": keys // 4 * 2}),
    )
    for what, name, assets, marks in kinds:
        time_plan(engine, what, [Ask(name, (asset,)) for asset in assets], marks, runs, check_blobs=False)


def _size(url: str) -> int:
    with closing(psycopg.connect(url)) as connection:
        [size] = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return int(size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(measure(given.keys, given.rounds).markdown())
