"""The service as a process: its server, and the worker that it brings along."""

import ipaddress
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from amber.client import Amber
from amber.errors import ConfigurationError
from amber.service import tracing
from amber.service.app import make_app
from amber.service.front import Front
from amber.service.hub import JobHub
from amber.service.logs import log, log_to
from amber.settings import Settings

#: A worker that ended by itself is started again after so long.
_AGAIN_SECONDS = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Serving:
    """How a service is run."""

    host: str = "127.0.0.1"
    #: 0: any that is free; the log says which.
    port: int = 8000
    #: Jobs that its own worker runs at once; 0: it brings none.
    jobs: int = 2
    #: How long requests and jobs at hand may go on when it stops.
    grace_seconds: float = 10.0


def serve(
    amber: Amber, settings: Settings, how: Serving, *, told: Callable[[str], None] | None = None
) -> None:
    """Serve until a signal says to stop.

    Args:
        amber: Answers from the store.
        settings: Auth, roots and limits.
        how: Where, and with which worker.
        told: Called with the address, once it serves.

    Raises:
        ConfigurationError: It would be open to others without asking for tokens.
    """
    check_host(how.host, settings)
    log_to()
    tracing.start()
    app = make_app(amber, settings)
    assert isinstance(app, Front), "the outermost layer is the front"
    config = uvicorn.Config(
        app,
        host=how.host,
        port=how.port,
        log_config=None,
        access_log=False,
        lifespan="on",
        backlog=4096,
        timeout_graceful_shutdown=max(1, round(how.grace_seconds)),
        server_header=False,
    )
    server = _Server(config, app.hub, told)
    with _OwnWorker(how) if how.jobs else _NoWorker():
        server.run()
    log("service ended", pid=os.getpid())


def check_host(host: str, settings: Settings) -> None:
    """See that only this machine reaches a service that lets everybody in.

    Raises:
        ConfigurationError: Others would, too.
    """
    if settings.auth != "token" and not _is_loopback(host):
        raise ConfigurationError(
            f"to serve on {host}, beyond this machine, set AMBER_AUTH=token and make a token with `amber token create`"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Server(uvicorn.Server):
    """Says where it serves, and lets those go that wait for jobs when it stops."""

    def __init__(
        self, config: uvicorn.Config, hub: JobHub, told: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(config)
        self._hub = hub
        self._told = told

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            places = [place.getsockname() for server in self.servers for place in server.sockets]
            host = f"[{places[0][0]}]" if ":" in places[0][0] else places[0][0]
            url = f"http://{host}:{places[0][1]}"
            log("serving", url=url, pid=os.getpid())
            if self._told is not None:
                self._told(url)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends in order at a signal, and is not ended by it once more when that is done, as uvicorn would have it."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        log("service stops", signal=signal.Signals(sig).name)
        self._hub.stop()
        super().handle_exit(sig, frame)


class _NoWorker:
    """Nothing is brought along."""

    def __enter__(self) -> None:
        """See above."""

    def __exit__(self, *error: object) -> None:
        """See above."""


class _OwnWorker:
    """A worker in a process group of its own, started again if it ends by itself.

    It stops when its standard input ends, so it goes with this process however that one ends.
    """

    def __init__(self, how: Serving) -> None:
        self._command = [sys.executable, "-m", "amber.cli", "worker", "--until-eof"]
        self._command += ["--jobs", str(how.jobs), "--grace", str(how.grace_seconds)]
        self._patience = how.grace_seconds + 5.0
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="amber-own-worker", daemon=True)

    def __enter__(self) -> None:
        self._process = self._started()
        self._keeper.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
        self._keeper.join(self._patience)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def _keep(self) -> None:
        while True:
            assert self._process is not None, "it was started"
            code = self._process.wait()
            if self._over.is_set():
                return
            log("worker ended by itself and is started again", code=code)
            if self._over.wait(_AGAIN_SECONDS):
                return
            self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=sys.stderr, process_group=0)
