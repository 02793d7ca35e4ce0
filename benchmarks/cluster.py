"""What do 1,000 cheap features cost on a cluster, beside 1,000 bare Ray tasks that compute the same? And does the memory of whoever asks grow with their values?

A feature is looked up, leased, computed, stored, committed and linked; a bare task returns what it computed, and nobody has it afterwards.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.client import Amber
from amber.settings import Settings
from amber.store.backfills import Wish
from amber.store.protocol import AssetRecord
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import progress
from tests.servers.ray import RayCluster, head

COUNT = 1_000
#: Assets at once where a backfill is held back, as on a cluster that others use too.
FEW = 32
#: Rows of a value of eight bytes each, where memory is looked at.
LARGE = 25_000
_BARE = "1,000 bare tasks"
_FEATURES = "1,000 features, backfilled"
_FEW = "1,000 features, backfilled 32 at a time"
_GROWTH = "growth of whoever asks, by 1,000 values of 200 kB"
#: A file system in memory, where there is one: bare tasks wait for no disk either.
_FAST = Path("/dev/shm")


@result
class Cheap:
    """Some numbers of an asset."""

    number: Int64[np.ndarray, " row"]


@algorithm(version="1", cpus=1)
def cheap(source: Source, *, rows: int = 4) -> Cheap:
    """Numbers that follow from the asset's hash."""
    return Cheap(number=numbers(source.asset, rows))


ALGORITHMS = (cheap,)


def numbers(asset: str, rows: int) -> "Int64[np.ndarray, ' row']":
    """What both compute."""
    found: Int64[np.ndarray, " row"] = np.arange(rows, dtype=np.int64) * int(asset[:8], 16)
    return found


def _drive(address: str, home: Path, rounds: int) -> dict[str, list[float]]:
    """Both ways in turns; in a process of its own, which is the one whose memory is looked at."""
    import ray

    settings = Settings(
        home, algorithms=("benchmarks.cluster:ALGORITHMS",), executor="ray", ray_address=address
    )
    taken: dict[str, list[float]] = {_BARE: [], _FEATURES: [], _FEW: [], _GROWTH: []}
    with Amber.open(settings=settings) as amber:
        names = _assets(amber, (2 * rounds + 2) * COUNT)
        _backfill(amber, names[:100], 4)  # wakes everybody up
        bare = ray.remote(numbers)
        ray.get([bare.remote(name, 4) for name in names[:100]])
        for turn in range(rounds):
            part, other = (names[at * COUNT : (at + 1) * COUNT] for at in (2 * turn + 1, 2 * turn + 2))
            began = time.perf_counter()
            ray.get([bare.remote(name, 4) for name in part])
            taken[_BARE].append(time.perf_counter() - began)
            began = time.perf_counter()
            _backfill(amber, part, 4)
            taken[_FEATURES].append(time.perf_counter() - began)
            began = time.perf_counter()
            _backfill(amber, other, 4, FEW)
            taken[_FEW].append(time.perf_counter() - began)
        before = _memory()
        _backfill(amber, names[-COUNT:], LARGE)
        taken[_GROWTH].append(_memory() - before)
    return taken


def _assets(amber: Amber, count: int) -> list[str]:
    """So many assets that nobody has a file of."""
    names = [f"{number * 2654435761 % 2**32:08x}".ljust(64, "0") for number in range(1, count + 1)]
    for name in names:
        amber.store.catalog.put_asset(AssetRecord(name, name[:8], 1.0, 24, 64, 48, None))
    return names


def _backfill(amber: Amber, assets: list[str], rows: int, at_once: int = COUNT) -> None:
    begun = amber.backfills.start(Wish("cheap", settings={"rows": str(rows)}), assets, concurrency=at_once)
    ended = amber.backfills.finish(begun.id)
    assert ended.counts == {"ready": len(assets)}, ended


def _memory() -> float:
    """Bytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def measure(rounds: int) -> Answer:
    """Both, on a cluster of this machine with as many processors as it has."""
    runs = Runs()
    cluster = RayCluster.new()
    with tempfile.TemporaryDirectory(prefix="amber-bench-", dir=_FAST if _FAST.is_dir() else None) as name:
        folder = Path(name)
        first = head(folder / "ray", cluster, cpus=os.cpu_count() or 1)
        first.start()
        try:
            progress("cluster", f"{rounds} rounds")
            command = [
                sys.executable,
                "-m",
                "benchmarks.cluster",
                "--drive",
                cluster.address,
                folder / "home",
            ]
            done = subprocess.run(
                [*command, "--rounds", str(rounds)],
                env={**os.environ, **cluster.variables},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=1200,
            )
        finally:
            first.leave()
    for what, figures in json.loads(done.stdout).items():
        for figure in figures:
            runs.note(what, "MB" if what == _GROWTH else "s", figure)
    return Answer(
        name="cluster",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks cluster",
        rows=runs.rows(),
        wanted=(
            Wanted("features ÷ bare tasks", "×", 3.0, runs.median(_FEATURES) / runs.median(_BARE)),
            Wanted("growth of whoever asks, of 200 MB of values", "MB", 20e6, runs.median(_GROWTH)),
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--drive", nargs=2, metavar=("ADDRESS", "HOME"), help="what the measured process does"
    )
    given = parser.parse_args()
    if given.drive:
        print(json.dumps(_drive(given.drive[0], Path(given.drive[1]), given.rounds)))
    else:
        print(measure(given.rounds).markdown())
