"""Whatever happens to a watched folder, and to the service that watches it, in the end exactly the wanted features exist."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from amber.client import Amber
from amber.engine.sources import WatchedFolder, is_settled
from amber.settings import Settings
from amber.store.backfills import Wish
from amber.store.open import CATALOG_NAME
from jasper.sandbox import identify
from tests.cli.clips import write_clip
from tests.faults.standing import CHEAP, worker
from tests.servers.processes import until
from tests.service.serving import working

IS_SOAK = "AMBER_SOAK" in os.environ
SEED = int(os.environ.get("AMBER_SOAK_SEED", "7"))
FILES = 300 if IS_SOAK else 30
LEAST_KILLS = 12 if IS_SOAK else 3
#: A process lives for so long, at least and at most; when it has begun, for the service takes a while to.
LIFE_SECONDS = (1.5, 4.0) if IS_SOAK else (1.0, 2.0)
#: How many files come at once.
COPIERS = 1 if IS_SOAK else 3
#: How long everything may take on a busy machine.
PATIENCE_SECONDS = 900.0 if IS_SOAK else 150.0


def _clips(folder: Path, count: int) -> list[Path]:
    """Clips, no two of them alike, none of them poisoned."""
    folder.mkdir()
    return [
        write_clip(folder / f"{number:03}.mp4", shade=60 + number % 150, frames=4 + number // 150)
        for number in range(count)
    ]


class Copier:
    """Brings files into a folder as people and programs do.

    Args:
        folder: Where they go.
        chance: What it does to each.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._pause = threading.Event()
        #: The clips that are there whole in the end.
        self.wanted: list[Path] = []

    def bring(self, clip: Path) -> None:
        """Do one of the things that happen."""
        how = self._chance.choice([self._slowly, self._renamed, self._twice, self._touched, self._gone])
        how(clip, self._folder / f"film {clip.name}")
        if how != self._gone:
            self.wanted.append(clip)

    def _slowly(self, clip: Path, to: Path, *, parts: int = 8) -> None:
        data = clip.read_bytes()
        with to.open("wb", buffering=0) as file:
            for part in range(parts):
                file.write(data[len(data) * part // parts : len(data) * (part + 1) // parts])
                self._pause.wait(self._chance.uniform(0.0, 0.1))

    def _renamed(self, clip: Path, to: Path) -> None:
        self._slowly(clip, to)
        self._pause.wait(self._chance.uniform(0.0, 0.5))
        to.rename(to.with_name(f"renamed {to.name}"))

    def _twice(self, clip: Path, to: Path) -> None:
        self._slowly(clip, to)
        shutil.copy(to, to.with_name(f"copy of {to.name}"))

    def _touched(self, clip: Path, to: Path) -> None:
        self._slowly(clip, to)
        self._pause.wait(self._chance.uniform(0.0, 0.5))
        to.touch()

    def _gone(self, clip: Path, to: Path) -> None:
        data = clip.read_bytes()
        with to.open("wb", buffering=0) as file:
            file.write(data[: len(data) // 2])
            self._pause.wait(self._chance.uniform(0.0, 0.3))
            to.unlink()


@contextmanager
def _service(home: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A service that watches the folder, and its worker; at the end both are killed, if they still are there."""
    environment = {
        **os.environ,
        "AMBER_HOME": str(home),
        "AMBER_ALGORITHMS": str(CHEAP),
        "AMBER_WATCH": str(folder),
    }
    command = [sys.executable, "-m", "amber.cli", "serve", "--port", "0", "--json"]
    with (home.parent / "service.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"]
        yield process
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for pid in [*(children.read_text().split() if children.exists() else []), process.pid]:
            if process.poll() is None or int(pid) != process.pid:
                os.kill(int(pid), signal.SIGKILL)
        process.communicate(timeout=30)


#: What is killed: in the short run, the part of the service that watches and computes.
watching = _service if IS_SOAK else worker


def features(home: Path) -> dict[str, int]:
    """Asset → how many features of it are stored."""
    with closing(sqlite3.connect(home / CATALOG_NAME)) as connection:
        rows = connection.execute("SELECT hex(assets), count(*) FROM trace GROUP BY assets").fetchall()
    return {asset.lower(): count for asset, count in rows}


def computed(home: Path) -> int:
    """How many computations were ever committed."""
    with closing(sqlite3.connect(home / CATALOG_NAME)) as connection:
        return int(connection.execute("SELECT coalesce(sum(computed), 0) FROM making").fetchone()[0])


@pytest.mark.soak
def test_whatever_happens_the_wanted_features_exist_each_computed_once(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "in"
    folder.mkdir()
    clips = _clips(tmp_path / "made", FILES)
    with Amber.open(settings=Settings(home, algorithms=(str(CHEAP),))) as amber:
        amber.subscriptions.add(Wish("brightness"))
    copier = Copier(folder, random.Random(SEED))
    chance, pause, kills = random.Random(SEED + 1), threading.Event(), 0
    with ThreadPoolExecutor(COPIERS) as copiers:
        copying = [copiers.submit(copier.bring, clip) for clip in clips]
        while kills < LEAST_KILLS or not all(copy.done() for copy in copying):
            with watching(home, folder):
                pause.wait(chance.uniform(*LIFE_SECONDS))
            kills += 1
        for copy in copying:
            copy.result()
    wanted = {identify(clip).asset for clip in copier.wanted}
    assert 0 < len(wanted) < FILES
    with watching(home, folder):
        until(lambda: features(home).keys() >= wanted, "all are there", patience=PATIENCE_SECONDS)
    assert features(home) == dict.fromkeys(wanted, 1)
    assert computed(home) == len(wanted)
    with Amber.open(settings=Settings(home, algorithms=(str(CHEAP),))) as amber:
        assert {record.asset for record in amber.assets()} == wanted
        [order] = amber.subscriptions.reconcile()
        assert (order.standing.wanted, order.standing.ready) == (len(wanted), len(wanted))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Amber, Path, Callable[[], int]]]:
    """An amber with an order, a folder, and a look at the folder, without waiting for files to settle."""
    folder = tmp_path / "in"
    folder.mkdir()
    with Amber.open(settings=Settings(tmp_path / "home", algorithms=(str(CHEAP),))) as amber:
        amber.subscriptions.add(Wish("brightness"))
        source = WatchedFolder(amber.engine, folder, settle_seconds=0.0)
        yield amber, folder, source.look


def test_what_is_the_same_content_asks_for_nothing(
    watched: tuple[Amber, Path, Callable[[], int]], tmp_path: Path
) -> None:
    amber, folder, look = watched
    clip = write_clip(folder / "a.mp4", shade=99, frames=4)
    assert look() == 1 and len(amber.jobs()) == 1
    amber.get("brightness", "a")
    assert look() == 0
    shutil.copy(clip, folder / "b.mp4")
    clip.touch()
    clip.rename(folder / "c.mp4")
    assert look() == 2
    amber.label("a", {"mood": "dark"}, title="another")
    assert len(amber.assets()) == 1 and amber.jobs() == []


def test_what_could_not_be_read_is_asked_for_again_where_it_lies_now(
    watched: tuple[Amber, Path, Callable[[], int]],
) -> None:
    amber, folder, look = watched
    clip = write_clip(folder / "a.mp4", shade=99, frames=4)
    assert look() == 1
    moved = clip.rename(folder.parent / "elsewhere.mp4")
    with working(amber):
        until(lambda: [job.state for job in amber.jobs(ended=True)] == ["failed"], "it has failed")
        moved.rename(folder / "b.mp4")
        assert look() == 1
        until(lambda: [job.state for job in amber.jobs(ended=True)] == ["ready"], "it is there")


def test_what_is_cut_off_is_not_taken_until_it_is_whole(
    watched: tuple[Amber, Path, Callable[[], int]], tmp_path: Path
) -> None:
    amber, folder, look = watched
    whole = write_clip(tmp_path / "whole.mkv", shade=99, frames=48).read_bytes()
    (folder / "a.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    assert look() == 1 and amber.assets() == []
    [arrival] = amber.store.catalog.arrivals(str(folder))
    assert arrival.asset is None and arrival.problem
    assert look() == 0, "it is not read again while it stays as it is"
    (folder / "a.mkv").write_bytes(whole)
    assert look() == 1 and len(amber.assets()) == 1
    (folder / "a.mkv").unlink()
    assert look() == 0 and amber.store.catalog.arrivals(str(folder)) == []


def test_a_file_that_somebody_writes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        assert not is_settled(path, 0.0)
        file.write(b"some")
    assert is_settled(path, 0.0)
    assert not is_settled(path, 60.0)
