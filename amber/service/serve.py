"""The service as a process: its server, and the worker that it brings along."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from amber.client import Amber
from amber.service import tracing
from amber.service.app import make_app
from amber.service.auth import check_host
from amber.service.front import Front
from amber.service.hub import JobHub
from amber.service.listening import BoundedHeads, listen
from amber.service.logs import log, log_to
from amber.settings import Settings

#: A worker that ended by itself is started again after so long.
_AGAIN_SECONDS = 1.0
#: So long after twice the grace, whatever is still at hand is left.
_LATE_SECONDS = 10.0
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
        ConfigurationError: It would be open to others without asking for tokens, or cannot listen there.
    """
    check_host(how.host, settings)
    sockets = listen(how.host, how.port)
    log_to()
    tracing.start()
    app = make_app(amber, settings)
    assert isinstance(app, Front), "the outermost layer is the front"
    worker = _OwnWorker(how) if how.jobs else _NoWorker()
    config = uvicorn.Config(
        app,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=max(1, round(how.grace_seconds)),
        server_header=False,
    )
    server = _Server(config, app.hub, worker, told)
    with server.heeding_signals(how.grace_seconds), worker:
        server.run(sockets)
    log("service ended", pid=os.getpid())


class _Server(uvicorn.Server):
    """Says where it serves, and lets those go that wait for jobs when it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        hub: JobHub,
        worker: "_OwnWorker | _NoWorker",
        told: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._hub = hub
        self._worker = worker
        self._told = told
        #: The latest that the process ends after it was told to.
        self._end: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            assert sockets, "it was given where to listen"
            address, port = sockets[0].getsockname()[:2]
            url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
            log("serving", url=url, pid=os.getpid())
            if self._told is not None:
                self._told(url)

    @contextmanager
    def heeding_signals(self, grace_seconds: float) -> Iterator[None]:
        """Within, a signal ends the service in order, whatever it is at; a second one ends it without waiting.

        What hangs even then (a thread at a read that never returns) is left behind, some seconds after the grace.
        """
        self._end = threading.Timer(2 * grace_seconds + _LATE_SECONDS, _leave)
        self._end.daemon = True
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._end.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing, as they are heeded already; uvicorn would end the process by the signal once more."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        log("service stops", signal=signal.Signals(sig).name, at_once=self.should_exit)
        if self.should_exit:
            self.force_exit = True
            self._worker.kill()
            return
        self.should_exit = True
        self._hub.stop()
        if self._end is not None:
            self._end.start()


def _leave() -> None:
    log("service ended", level=logging.WARNING, pid=os.getpid(), abandoned=True)
    os._exit(0)


class _NoWorker:
    """Nothing is brought along."""

    def __enter__(self) -> None:
        """See above."""

    def __exit__(self, *error: object) -> None:
        """See above."""

    def kill(self) -> None:
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

    def kill(self) -> None:
        """End it at once; others take over what it was at."""
        self._over.set()
        if self._process is not None:
            self._process.kill()

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
