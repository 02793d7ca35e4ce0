"""What does a warm answer cost where the catalogue is on PostgreSQL, blobs are on S3, and values are at hand in Redis?

Beside it, in the same run: what such an answer is made of at least, one `SELECT` by primary key and one `GET` of the same bytes.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import psycopg
from jaxtyping import Int64
from redis import Redis

from amber.algorithm import Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.registry import Registry
from amber.store.cache import CachedBlobs
from amber.store.open import open_store
from amber.store.upgrade import migrate_postgres
from benchmarks.measure import Answer, Runs, Wanted, per_call
from benchmarks.subject import progress
from tests.servers import postgres, s3, valkey

FILM = "a" * 64
#: As many bytes as 1,000 match pairs take.
_ROWS = 190_000 // 8
_FROM_REDIS, _FROM_MEMORY = "Engine.get, the value from Redis", "Engine.get, the value in memory"
_FROM_S3 = "Engine.get without Redis, the value from S3"
_SELECT, _GET = "SELECT by primary key", "GET of the same bytes"


@result
class Rows:
    """Stands for pairs."""

    number: Int64[np.ndarray, " row"]


@algorithm(version="1")
def rows(source: Source) -> Rows:
    """Is computed once."""
    return Rows(np.arange(_ROWS))


def measure(rounds: int) -> Answer:
    """Warm answers beside their least parts, in turns."""
    runs = Runs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amber-bench-")))
        progress("warm_remote", "starting PostgreSQL, S3 and Redis")
        database = stack.enter_context(postgres.running(folder / "postgres"))
        objects = stack.enter_context(s3.running(folder / "s3"))
        cache = stack.enter_context(valkey.running(folder / "valkey"))
        stack.enter_context(_variables(objects.variables))
        url = database.create("catalogue")
        migrate_postgres(url)
        store = stack.enter_context(
            closing(open_store(folder / "home", url, blobs_url=objects.url(), redis_url=cache.url()))
        )
        engine = stack.enter_context(closing(Engine(store, Registry([rows]))))
        bare = stack.enter_context(closing(psycopg.connect(url, autocommit=True)))
        redis = stack.enter_context(Redis.from_url(cache.url()))
        ask = Ask("rows", (FILM,))
        sha256 = engine.get(ask).trace.value.sha256
        assert isinstance(store.blobs, CachedBlobs)
        [key] = bare.execute("SELECT key FROM resolved").fetchone() or (b"",)

        def from_redis() -> None:
            engine._values.forget(sha256)
            engine.get(ask)

        calls = {
            _FROM_REDIS: from_redis,
            _FROM_MEMORY: lambda: engine.get(ask),
            _SELECT: lambda: bare.execute(
                "SELECT trace FROM resolved WHERE key = %s", (key,), prepare=True, binary=True
            ).fetchone(),
            _GET: lambda: redis.get(f"amber:blob:{sha256}"),
        }
        for _ in range(40):  # the first reads go past Redis, and statements are prepared
            from_redis()
        with_redis = store.blobs.behind
        for number in range(rounds):
            progress("warm_remote", f"round {number + 1} of {rounds}")
            for what, call in calls.items():
                runs.note(what, "ms", per_call(call))
            runs.note(_FROM_S3, "ms", per_call(lambda: with_redis.read(sha256)))
        size = len(engine.get(ask).data)
    least = [a + b for a, b in zip(_figures(runs, _SELECT), _figures(runs, _GET), strict=True)]
    for floor, ours in zip(least, _figures(runs, _FROM_REDIS), strict=True):
        runs.note("from Redis ÷ (SELECT + GET)", "×", ours / floor)
    for floor, ours in zip(_figures(runs, _SELECT), _figures(runs, _FROM_MEMORY), strict=True):
        runs.note("in memory ÷ SELECT", "×", ours / floor)
    return Answer(
        name="warm_remote",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.warm_remote",
        rows=runs.rows(),
        wanted=(Wanted("from Redis ÷ (SELECT + GET)", "×", 2.0, runs.median("from Redis ÷ (SELECT + GET)")),),
        notes=(
            f"The value has {size / 1e3:.0f} kB. All servers are on this machine, so no time is spent on a network.",
            "Feast says that it reads one key from SQLite in 0.109 ms, from Redis in 0.435 ms.",
        ),
    )


def _figures(runs: Runs, what: str) -> tuple[float, ...]:
    return next(row.figures for row in runs.rows() if row.what == what)


@contextmanager
def _variables(variables: Mapping[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    print(measure(parser.parse_args().rounds).markdown())
