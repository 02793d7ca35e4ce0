"""A backfill over many clips is paused, goes on after a restart, loses a worker, meets poisoned files, and ends as it must."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from amber.client import Amber
from amber.settings import Settings
from amber.store.backfills import Wish
from tests.cli.clips import write_clip
from tests.faults.standing import CHEAP, worker
from tests.servers.processes import until

IS_SOAK = "AMBER_SOAK" in os.environ
CLIPS = 500 if IS_SOAK else 50
POISONED = 10
#: Computed beforehand, so that there is something to measure by.
MEASURED = 10
#: How long everything may take on a busy machine.
PATIENCE_SECONDS = 600.0 if IS_SOAK else 150.0


@contextmanager
def _worker(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker process; killed at the end, if it still is there."""
    command = [sys.executable, "-m", "amber.cli", "worker", "--json", "--jobs", "2"]
    environment = {**os.environ, "AMBER_HOME": str(home), "AMBER_ALGORITHMS": str(CHEAP)}
    with (home.parent / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


#: What drives the backfill and computes: the command, or the same in a process that is forked.
working = _worker if IS_SOAK else worker


def _library(home: Path, folder: Path) -> Sequence[str]:
    """Record the clips, the first of them poisoned; the hashes of the poisoned ones."""
    folder.mkdir()
    for number in range(CLIPS):
        shade, frames = (4, 4 + number) if number < POISONED else (60 + number % 150, 4 + number // 150)
        write_clip(folder / f"{number:03}.mp4", shade=shade, frames=frames)
    with Amber.open(settings=Settings(home, algorithms=(str(CHEAP),))) as amber:
        done = list(amber.ingest_all([folder]))
        assert {one.state for one in done} == {"new"}
        for one in done[POISONED : POISONED + MEASURED]:
            amber.get("brightness", one.asset or "")
        return [one.asset or "" for one in done[:POISONED]]


@pytest.mark.soak
def test_all_that_can_be_is_ready_and_the_rest_has_reasons(tmp_path: Path) -> None:
    home = tmp_path / "home"
    poisoned = _library(home, tmp_path / "clips")
    with Amber.open(settings=Settings(home, algorithms=(str(CHEAP),))) as amber:
        forecast = amber.backfills.plan(Wish("brightness"))
        assert (forecast.to_compute, forecast.hits) == (CLIPS - MEASURED, MEASURED)
        name = amber.backfills.start(Wish("brightness"), concurrency=4, rate=CLIPS / 3).id

        def ended() -> int:
            now = amber.backfills.find(name)
            return now.total - now.left

        with working(home):
            until(lambda: ended() > CLIPS // 5, "a fifth is done", patience=PATIENCE_SECONDS)
            assert amber.backfills.pause(name).state == "paused"
        assert ended() < CLIPS
        amber.backfills.resume(name)
        with working(home) as lost:
            until(lambda: ended() > CLIPS // 2, "half is done", patience=PATIENCE_SECONDS)
            assert lost.pid is not None, "it was started"
            os.kill(lost.pid, signal.SIGKILL)
        with working(home):
            until(lambda: amber.backfills.find(name).is_ended, "all is done", patience=PATIENCE_SECONDS)
        done = amber.backfills.find(name)
        assert (done.state, done.counts) == ("done", {"ready": CLIPS - POISONED, "failed": POISONED})
        assert done.hits == MEASURED
        failed = amber.backfills.failures(name)
        assert {item.asset for item in failed} == set(poisoned)
        assert all("this clip is poisoned" in item.message for item in failed)
        made = [amber.features(record) for record in amber.assets()]
        assert sorted(len(traces) for traces in made) == [0] * POISONED + [1] * (CLIPS - POISONED)
        seconds = sum(trace.seconds for traces in made for trace in traces)
        spent = seconds * (CLIPS - MEASURED) / (CLIPS - POISONED)
        assert forecast.seconds > 0
        if IS_SOAK:  # on a machine that does nothing else: clocks say little on any other
            assert spent / 2 <= forecast.seconds <= spent * 2
