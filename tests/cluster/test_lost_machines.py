"""A backfill of the main job on two machines, of which a process and then a machine are lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from amber.client import Amber
from amber.settings import Settings
from amber.store.protocol import AssetRecord
from tests.acceptance.clips import short_film
from tests.cluster.counted import VARIABLE, begun, open_calls, read
from tests.servers.processes import Process, until
from tests.servers.ray import RayCluster, further, head, members

SOAK = "AMBER_SOAK" in os.environ
CLIPS = 12 if SOAK else 3
#: How long anything may take on a busy machine.
PATIENCE_SECONDS = 600.0 if SOAK else 240.0
COUNTED = f"{Path(__file__).with_name('counted.py')}:ALGORITHMS"
#: What the main job computes of a film.
MAIN_JOB = ("standard", "shots", "shot_embeddings", "duplicate_groups", "match_pairs")


@contextmanager
def two_machines(folder: Path, calls: Path) -> Iterator[tuple[RayCluster, Process]]:
    """A cluster of two machines with a processor each; the second one may be killed."""
    cluster, before = RayCluster.new(), dict(os.environ)
    os.environ[VARIABLE] = str(calls)
    first, second = head(folder / "first", cluster, cpus=1), further(folder / "second", cluster, 1, cpus=1)
    try:
        first.start()
        try:
            second.start()
            yield cluster, second
        finally:
            kill_machine(second)
            second.leave()
            for place in second.leftovers:
                shutil.rmtree(place, ignore_errors=True)
    finally:
        first.leave()
        os.environ.clear()
        os.environ.update(before)


def kill_machine(machine: Process) -> list[int]:
    """End all processes of a machine at once, as a loss of power does; which they were."""
    if machine.pid is None:
        return []
    own = members(machine.pid)
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):
        for process in own:
            with suppress(ProcessLookupError):
                os.kill(process, signal_number)
    until(lambda: machine.pid is None, "the machine is off")
    return own


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_lost_process_and_a_lost_machine_cost_only_what_they_had_at_hand(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [short_film(tmp_path / f"{number:02}.mp4", number) for number in range(CLIPS)]
    calls = tmp_path / "calls"
    shared = Settings(
        tmp_path / "home",
        algorithms=(COUNTED,),
        database_url=database_url,
        blobs_url=f"file://{tmp_path}/blobs",
    )
    with two_machines(tmp_path, calls) as (cluster, second), Amber.open(settings=shared) as amber:
        assert {done.state for done in amber.ingest_all(films)} == {"new"}
        driver = _backfill(shared, cluster, tmp_path)
        try:
            lost = [_kill_worker(calls)]
            _until(lambda: sum(one.what == "end" for one in read(calls)) >= CLIPS, "a part is done", driver)
            _until(lambda: _busy(calls, members(second.pid or 0)), "the second machine computes", driver)
            lost += kill_machine(second)
            at_hand = [one for one in open_calls(read(calls)) if one.process in lost]
            assert driver.wait(PATIENCE_SECONDS) == 0, _said(tmp_path)
        finally:
            driver.kill()
            driver.wait()
        _check(amber, calls, lost, len(at_hand))
        _compare(amber, films, tmp_path / "alone")


def _compare(amber: Amber, films: Sequence[Path], home: Path) -> None:
    """See that the bytes are those that this machine makes alone."""
    with Amber.open(settings=Settings(home)) as alone:
        for film in films if SOAK else films[:1]:
            asset = alone.ingest(film)
            alone.get("match_pairs", asset)
            assert _values(alone, asset) == _values(amber, asset)


def _values(amber: Amber, asset: AssetRecord) -> dict[str, str]:
    return {trace.algorithm: trace.value.sha256 for trace in amber.features(asset)}


def _backfill(shared: Settings, cluster: RayCluster, folder: Path) -> "subprocess.Popen[bytes]":
    """`amber backfill match_pairs` of all films, as a process."""
    variables = {
        **os.environ,
        **cluster.variables,
        "AMBER_HOME": str(shared.home),
        "AMBER_ALGORITHMS": COUNTED,
        "AMBER_DATABASE_URL": shared.database_url or "",
        "AMBER_BLOBS_URL": shared.blobs_url,
        "AMBER_EXECUTOR": "ray",
        "AMBER_RAY_ADDRESS": cluster.address,
    }
    command = [sys.executable, "-m", "amber.cli", "backfill", "match_pairs", "--concurrency", "4", "--json"]
    with (folder / "driver.log").open("wb") as log, (folder / "driver.json").open("wb") as out:
        return subprocess.Popen(command, env=variables, stdout=out, stderr=log)


def _said(folder: Path) -> str:
    return "\n".join((folder / name).read_text()[-3000:] for name in ("driver.log", "driver.json"))


def _until(condition: Callable[[], object], what: str, driver: "subprocess.Popen[bytes]") -> None:
    """Wait for something while the driver is at it."""
    until(lambda: condition() or driver.poll() is not None, what, patience=PATIENCE_SECONDS)
    assert driver.poll() is None, f"the backfill ended before {what}"


def _busy(calls: Path, processes: list[int]) -> list[int]:
    return [one.process for one in open_calls(read(calls)) if one.process in processes]


def _kill_worker(calls: Path) -> int:
    """Kill a process that computes, while it does; its number."""
    until(lambda: open_calls(read(calls)), "something is computed", patience=PATIENCE_SECONDS)
    process = open_calls(read(calls))[-1].process
    os.kill(process, signal.SIGKILL)
    return process


def _check(amber: Amber, calls: Path, lost: list[int], at_hand: int) -> None:
    made = Counter(trace.algorithm for record in amber.assets() for trace in amber.features(record))
    assert made == dict.fromkeys(MAIN_JOB, CLIPS), "all features are ready"
    again = begun(read(calls)) - Counter(made)
    print(
        f"{begun(read(calls)).total()} calls, {made.total()} features, {at_hand} lost at hand, again: {dict(again)}"
    )
    assert 1 <= again.total() <= at_hand, "only what was at hand is computed twice"
    assert {one.process for one in open_calls(read(calls))} <= set(lost), (
        "whoever lives has ended what it began"
    )
    assert amber.store.catalog.problems() == []
    assert amber.verify().is_clean
