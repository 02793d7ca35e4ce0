"""Films that are computed at once stand in the calls of a model together, and each gets what it gets alone."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from amber.client import Amber
from amber.engine.ask import Ask
from amber.engine.executors.node import TELL_SECONDS
from amber.engine.orders import job_of
from amber.errors import AlgorithmFailedError
from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.cluster.gathering import SIZE, VARIABLE, notes
from tests.servers.processes import until
from tests.servers.ray import RayCluster, head
from tests.service.serving import working

GATHERING = Path(__file__).with_name("gathering.py")
#: Frames of a film: more than a step hands in before it waits.
FRAMES = 4 * SIZE
PATIENCE_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the model writes what it was called with."""
    made = tmp_path / "gathering"
    made.mkdir()
    monkeypatch.setenv(VARIABLE, str(made))
    return made


def _alone(films: list[Path], folder: Path, home: Path) -> dict[str, str]:
    """Asset → digest of its value, each made alone on this machine; nobody waits there."""
    (folder / "go").touch()
    with Amber.open(settings=Settings(home, algorithms=(str(GATHERING),))) as amber:
        made = [amber.get("weighed", film).trace for film in films]
    (folder / "go").unlink()
    for name in ("calls", "read"):
        (folder / name).unlink()
    return {trace.assets[0]: trace.value.sha256 for trace in made}


def _read(folder: Path, asset: str) -> int:
    """How many frames of a film were read."""
    return sum(one[0] == asset for one in notes(folder, "read"))


def _assert_shared(folder: Path) -> None:
    calls = notes(folder, "calls")
    assert max(len(call) for call in calls) <= SIZE
    assets = [{asset for asset, _ in call} for call in calls]  # type: ignore[misc]
    assert any(len(some) >= 2 for some in assets), "a call held frames of two films at least"


def test_films_of_one_machine_share_calls(folder: Path, tmp_path: Path) -> None:
    films = [write_clip(tmp_path / f"{shade}.mp4", shade=shade, frames=FRAMES) for shade in (20, 90, 160)]
    alone = _alone(films, folder, tmp_path / "alone")
    settings = Settings(tmp_path / "home", algorithms=(str(GATHERING),), gpus=3)
    with Amber.open(settings=settings) as amber, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(amber.get, "weighed", film) for film in films]
        until(lambda: all(_read(folder, asset) == 2 * SIZE for asset in alone), "all wait for the model")
        assert len(notes(folder, "calls")) == 1, "it is at its first call"
        (folder / "go").touch()
        made = [one.result(PATIENCE_SECONDS).trace for one in asked]
    assert {trace.assets[0]: trace.value.sha256 for trace in made} == alone
    _assert_shared(folder)


@pytest.fixture
def with_accelerator(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    """A cluster of one machine with two processors and what Ray takes for an accelerator."""
    cluster = RayCluster.new()
    for name, value in cluster.variables.items():
        monkeypatch.setenv(name, value)
    first = head(tmp_path / "head", cluster, cpus=2, gpus=1)
    first.start()
    yield cluster
    from amber.engine.executors.cluster import disconnect

    disconnect()
    first.leave()


@pytest.mark.soak
@pytest.mark.skipif(
    "AMBER_SOAK" not in os.environ, reason="in soak only; without a cluster it is tried next door"
)
def test_films_on_a_cluster_share_the_calls_of_whoever_has_the_accelerator(
    with_accelerator: RayCluster, folder: Path, tmp_path: Path
) -> None:
    """Beside them one is given up while it waits, and the model refuses another."""
    shades = (20, 90, 160, 200)
    films = [write_clip(tmp_path / f"{shade}.mp4", shade=shade, frames=FRAMES) for shade in shades]
    alone = _alone(films, folder, tmp_path / "alone")
    dark = write_clip(tmp_path / "dark.mp4", shade=0, frames=2)
    settings = Settings(
        tmp_path / "home",
        algorithms=(str(GATHERING),),
        executor="ray",
        ray_address=with_accelerator.address,
    )
    with Amber.open(settings=settings) as amber, ThreadPoolExecutor(5) as pool:
        given_up = amber.ingest(films.pop()).asset
        asked = [pool.submit(amber.get, "weighed", film) for film in [*films, dark]]
        key = _ask(amber, given_up)
        assets = [*alone, amber.ingest(dark).asset]
        with working(amber) as hears:
            until(lambda: all(_read(folder, asset) for asset in assets), "five are at hand", patience=90)
            most = 2 * SIZE
            until(lambda: all(_read(folder, one) == most for one in alone), "all wait for the model")
            amber.store.catalog.withdraw_job(key, "ann")
            until(lambda: hears.ended == ["given up"], "the worker has given it up", patience=30)
            soon = time.monotonic() + 3 * TELL_SECONDS
            until(lambda: time.monotonic() > soon, "it was told there, and may tell how far it is again")
            (folder / "go").touch()
            _assert_ended(asked, alone)
        until(lambda: "dark" in str(asked[-1].exception()), "the model refused the dark one")
        assert amber.features(given_up) == []
    _assert_shared(folder)
    assert _read(folder, given_up) < FRAMES, "nobody goes on reading what nobody wants"


def _ask(amber: Amber, asset: str) -> str:
    """Ask for a film's feature as somebody who may take that back; the job's key."""
    ask = Ask("weighed", (asset,))
    closure = amber.engine.closure(ask)
    job = job_of(closure, closure.step(ask.assets), amber.store.catalog.snapshot())
    amber.store.catalog.ask_job(job, "ann")
    return job.key


def _assert_ended(asked: "list[Future[Any]]", alone: dict[str, str]) -> None:
    *good, dark = asked
    for one in good:
        trace = one.result(PATIENCE_SECONDS).trace
        assert trace.value.sha256 == alone[trace.assets[0]]
    with pytest.raises(AlgorithmFailedError, match="a frame is too dark"):
        dark.result(PATIENCE_SECONDS)
