"""Decoding on processors and models on accelerators go on at the same time, and models stay loaded."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.clips import write_clip
from tests.cluster.stages import CALLS, VARIABLE
from tests.servers.ray import RayCluster, head

CLIPS = 12
#: How long a stage takes; the more, the less what else there is counts.
SECONDS = "1.0" if "AMBER_SOAK" in os.environ else "0.4"
MOST = 0.65


@pytest.fixture
def with_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    """A cluster of one machine with a processor and what Ray takes for an accelerator."""
    cluster = RayCluster.new()
    for name, value in {**cluster.variables, VARIABLE: SECONDS, CALLS: str(tmp_path / "calls")}.items():
        monkeypatch.setenv(name, value)
    first = head(tmp_path / "head", cluster, cpus=1, gpus=1)
    first.start()
    yield cluster
    first.leave()


@pytest.mark.soak
def test_two_stages_of_a_backfill_overlap(with_accelerator: RayCluster, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(CLIPS + 1):
        write_clip(films / f"{number:02}.mp4", shade=40 + 10 * number)
    command = [sys.executable, "-m", "tests.cluster.overlapping", with_accelerator.address, films]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-3000:]
    taken = json.loads(done.stdout)
    part = taken["overlapping"] / taken["apart"]
    print(
        f"{CLIPS} clips, {SECONDS} s a stage: {taken['overlapping']:.2f} s of {taken['apart']:.2f} s: {part:.3f}"
    )
    assert part <= MOST
    processes = (tmp_path / "calls").read_text().split()
    assert len(processes) == 2 * (CLIPS + 1)
    assert len(set(processes)) == 2, (
        "of each of the two deployments, one process kept its model for all clips"
    )
