"""Where there is an accelerator: a stage keeps it as busy as the model alone does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.clips import short_film
from tests.servers.ray import RayCluster, head

#: The part of the model's own frames a second that the stage reaches.
LEAST = 0.8
FILMS = 24


def _accelerators() -> int:
    import torch

    return torch.cuda.device_count()


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_embedding_stage_beside_the_model_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not _accelerators():
        pytest.skip(
            "not run: there is no accelerator here, so nothing is said of the embedding stage's frames a second"
        )
    cluster = RayCluster.new()
    for name, value in cluster.variables.items():
        monkeypatch.setenv(name, value)
    films = tmp_path / "films"
    films.mkdir()
    for number in range(FILMS):
        short_film(films / f"{number:02}.mp4", number)
    first = head(tmp_path / "head", cluster, cpus=os.cpu_count() or 1, gpus=_accelerators())
    first.start()
    try:
        command = [sys.executable, "-m", "tests.cluster.embedding", cluster.address, films]
        done = subprocess.run(command, capture_output=True, text=True, timeout=800)
    finally:
        first.leave()
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    part = found["stage"] / found["alone"]
    print(f"{found['stage']:.0f} frames/s in the stage, {found['alone']:.0f} of the model alone: {part:.2f}")
    assert part >= LEAST
