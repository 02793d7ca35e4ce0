"""What does the page of a library of 2,000 films cost, beside a bare template of the same size?

Half of the films have their standard form, so that half of the cards have a picture and a state to be looked up.
Both servers run at once, and are asked in turns.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import httpx

from amber.client import Amber
from amber.engine.ask import Ask
from amber.settings import Settings
from amber.store.open import CATALOG_NAME
from amber.store.protocol import AssetRecord
from amber.store.sql.session import sqlite_engine
from benchmarks.filling import fill
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import AMBER, progress

FILMS = 2000
_ALGORITHMS = "algorithms.standard:standard,algorithms.shots:shots"
_OURS, _BARE = "amber serve, the library", "bare FastAPI route, a template of as many cards and bytes"
#: Requests of each in a round.
_TURNS = 10
#: What is wanted.
_MOST = 5.0


def measure(rounds: int) -> Answer:
    """The library, and the bare template."""
    runs = Runs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amber-bench-")))
        progress("pages", f"recording {FILMS:,} films")
        _filled(Settings(folder / "home", algorithms=tuple(_ALGORITHMS.split(","))))
        variables = {"AMBER_HOME": str(folder / "home"), "AMBER_ALGORITHMS": _ALGORITHMS}
        ours = stack.enter_context(
            _running([AMBER, "serve", "--port", "0", "--no-worker", "--json"], variables)
        )
        assert ours.stdout is not None
        url = json.loads(ours.stdout.readline())["url"]
        page = httpx.get(url, timeout=60.0)
        assert page.status_code == 200 and page.text.count('<li class="film"') == FILMS
        assert page.text.count("<img") > FILMS // 2
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "benchmarks.bare_page",
            str(port),
            str(FILMS),
            str(len(page.content)),
        ]
        stack.enter_context(_running(command, {}))
        bare = f"http://127.0.0.1:{port}"
        size = _awaited(bare)
        http = stack.enter_context(httpx.Client(timeout=60.0))
        for number in range(rounds):
            progress("pages", f"round {number + 1} of {rounds}")
            for _ in range(_TURNS):
                runs.note(_OURS, "ms", _seconds(http, url))
                runs.note(_BARE, "ms", _seconds(http, bare))
    return Answer(
        name="pages",
        question="What does the page of a library of 2,000 films cost, beside a bare template of the same size?",
        command="python -m benchmarks pages",
        rows=runs.rows(),
        wanted=(Wanted("ours ÷ bare", "×", _MOST, runs.ratio(_OURS, _BARE)),),
        notes=(
            f"ours has {len(page.content):,} bytes, the bare one {size:,}; one request at a time",
            "the bare route fills its cards with values that are ready; ours reads films, features and jobs from the catalogue",
        ),
    )


def _filled(settings: Settings) -> None:
    """Films by the thousand, every second one of them with its standard form."""
    assets = [f"{number:064x}" for number in range(1, FILMS + 1)]
    with Amber.open(settings=settings) as amber:
        database = sqlite_engine(settings.home / CATALOG_NAME)
        fill(amber.store, database, amber.engine.closure(Ask("standard", ())), assets[::2])
        database.dispose()
        for number, asset in enumerate(assets[1::2]):
            record = AssetRecord(asset, f"Film {number:04}", 5400.0, 129_600, 1920, 1080, Fraction(24))
            amber.store.catalog.put_asset(record)
        assert len(amber.assets()) == FILMS


class _running:  # noqa: N801 - used as a function
    """A server, until the end."""

    def __init__(self, command: list[object], variables: dict[str, str]) -> None:
        words = [str(word) for word in command]
        environment = {**os.environ, **variables}
        self._process = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> "subprocess.Popen[str]":
        return self._process

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _awaited(url: str) -> int:
    """Wait for a server; how many bytes its page has."""
    end = time.monotonic() + 30.0
    while True:
        try:
            return len(httpx.get(url).content)
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _seconds(http: httpx.Client, url: str) -> float:
    """How long a page takes."""
    began = time.perf_counter()
    assert http.get(url).status_code == 200
    return time.perf_counter() - began
