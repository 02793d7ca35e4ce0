"""What does a warm feature cost over HTTP, and a large blob, beside a bare route that returns the same bytes?

Server and load share this machine; both servers run at once, and are loaded in turns.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np

from amber.client import Amber
from amber.settings import Settings
from amber.store.protocol import AssetRecord
from benchmarks.http_load import load
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import AMBER, progress

FILM = "ab" * 32
ROWS = 208
BLOB_BYTES = 200 << 20
_OURS, _BARE = "amber serve, a warm feature", "bare FastAPI route, the same bytes"
_OURS_P99, _BARE_P99 = f"{_OURS}: p99", f"{_BARE}: p99"
_OURS_CPU, _BARE_CPU = f"{_OURS}: processor", f"{_BARE}: processor"
#: Other work on the machine comes and goes, so the two take turns often.
_TURNS, _TURN_SECONDS = 4, 1.0
_OUR_BLOB, _BARE_FILE = "amber serve, a blob of 200 MB", "bare file response, the same file"
_ALGORITHM = '''
import numpy as np
from jaxtyping import Float64, Int64
from amber.algorithm import Source, algorithm, result


@result
class Table:
    start: Int64[np.ndarray, " row"]
    score: Float64[np.ndarray, " row"]


@algorithm(version="1")
def table(source: Source, *, rows: int = %d) -> Table:
    """Rows."""
    return Table(start=np.arange(rows), score=np.linspace(0, 1, rows))
'''


def measure(rounds: int) -> Answer:
    """A warm feature of about 10 KB, and a blob of 200 MB."""
    runs = Runs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amber-bench-")))
        (folder / "table.py").write_text(_ALGORITHM % ROWS)
        settings = Settings(folder / "home", algorithms=(f"{folder / 'table.py'}:table",))
        with Amber.open(settings=settings) as amber:
            amber.store.catalog.put_asset(AssetRecord(FILM, "film", 1.0, 24, 64, 48, None))
            amber.get("table", FILM)
            big = folder / "big"
            big.write_bytes(np.random.default_rng(1).bytes(BLOB_BYTES))
            blob = amber.store.blobs.put_file(big)
        ours = stack.enter_context(_Server(folder, settings))
        path = f"/v1/assets/{FILM}/features/table"
        body = folder / "body.json"
        body.write_bytes(httpx.get(f"{ours.url}{path}").content)
        bare = stack.enter_context(_Bare(body, big))
        for number in range(rounds):
            progress("service", f"round {number + 1} of {rounds}")
            for _ in range(_TURNS):
                for server, what in ((ours, _OURS), (bare, _BARE)):
                    before = _processor_seconds(server.pid)
                    came = load(f"{server.url}{path}", seconds=_TURN_SECONDS)
                    spent = (_processor_seconds(server.pid) - before) / came.count
                    runs.note(what, "/s", came.per_second)
                    runs.note(f"{what}: p99", "ms", came.p99_seconds)
                    runs.note(f"{what}: processor", "µs", spent)
            runs.note(_OUR_BLOB, "s", _download(f"{ours.url}/v1/blobs/{blob.sha256}"))
            runs.note(_BARE_FILE, "s", _download(f"{bare.url}/file"))
        size = len(body.read_bytes())
    wanted = (
        Wanted("requests a second, bare ÷ ours", "×", 1 / 0.6, runs.ratio(_BARE, _OURS)),
        Wanted("processor time a request, ours ÷ bare", "×", 1 / 0.6, runs.ratio(_OURS_CPU, _BARE_CPU)),
        Wanted("p99, ours ÷ bare", "×", 3.0, runs.ratio(_OURS_P99, _BARE_P99)),
        Wanted("200 MB, ours ÷ bare", "×", 1 / 0.8, runs.ratio(_OUR_BLOB, _BARE_FILE)),
    )
    return Answer(
        name="service",
        question="What does a warm feature cost over HTTP, beside a bare route that returns the same bytes?",
        command="python -m benchmarks service",
        rows=runs.rows(),
        wanted=wanted,
        notes=(f"the feature is {size:,} bytes of JSON; 16 connections, the load on the same machine",),
    )


class _Server:
    """`amber serve` without a worker."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        variables = {"AMBER_HOME": str(settings.home), "AMBER_ALGORITHMS": settings.algorithms[0]}
        self._process = subprocess.Popen(
            [AMBER, "serve", "--port", "0", "--no-worker", "--json"],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"]
        self.pid = self._process.pid

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


class _Bare:
    """The bare routes."""

    def __init__(self, body: Path, file: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "benchmarks.bare_service", str(port), str(body), str(file)]
        self._process = subprocess.Popen(command)
        self.pid = self._process.pid
        while True:
            try:
                httpx.get(f"{self.url}/docs")
                break
            except httpx.TransportError:
                time.sleep(0.05)

    def __enter__(self) -> "_Bare":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


def _processor_seconds(pid: int) -> float:
    """What a process and its threads have taken of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _download(url: str) -> float:
    """Seconds that a download takes."""
    began, size = time.perf_counter(), 0
    with httpx.stream("GET", url) as response:
        for piece in response.iter_raw(1 << 20):
            size += len(piece)
    assert size == BLOB_BYTES
    return time.perf_counter() - began
