"""A service and its workers within this process, on a port of its own."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn

from amber.client import Amber
from amber.engine.ask import Feature
from amber.engine.events import StepEvent
from amber.engine.steward import Steward
from amber.engine.worker import Worker
from amber.service.app import make_app
from amber.service.front import Front
from amber.service.listening import BoundedHeads
from amber.settings import Settings
from amber.store.jobs import Job
from tests.servers.processes import until

TINY = Path(__file__).parents[1] / "cli" / "tiny.py"


class Hears:
    """Keeps what a worker tells."""

    def __init__(self) -> None:
        self.alone: list[str] = []
        self.taken_over: list[str] = []
        self.computed: list[str] = []
        self.ended: list[str] = []

    def left_alone(self, job: Job, why: str) -> None:
        """See the protocol."""
        self.alone.append(why)

    def claimed(self, job: Job, taken_over: bool) -> None:
        """See the protocol."""
        if taken_over:
            self.taken_over.append(job.key)

    def step(self, job: Job, event: StepEvent) -> None:
        """See the protocol."""
        if event.state == "computed":
            self.computed.append(event.step.algorithm)

    def done(self, job: Job, feature: Feature | None, seconds: float) -> None:
        """See the protocol."""
        self.ended.append("ready" if feature is not None else "given up")

    def failed(self, job: Job, error: Exception, seconds: float) -> None:
        """See the protocol."""
        self.ended.append(type(error).__name__)


@contextmanager
def working(amber: Amber, *, jobs: int = 2) -> Iterator[Hears]:
    """A worker in threads of this process."""
    hears = Hears()
    worker = Worker(amber.engine, hears, jobs=jobs)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield hears
    finally:
        worker.hand_back()
        thread.join()


@contextmanager
def serving(amber: Amber, settings: Settings) -> Iterator[str]:
    """A service without workers; its URL."""
    app = make_app(amber, settings)
    assert isinstance(app, Front)
    config = uvicorn.Config(
        app,
        port=0,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "the service has started")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        app.hub.stop()
        server.should_exit = True
        thread.join()


@contextmanager
def deployment(settings: Settings, *, workers: int = 1) -> Iterator[str]:
    """A service and workers, each on a store of its own; the service's URL."""
    with ExitStack() as stack:
        for _ in range(workers):
            amber = stack.enter_context(Amber.open(settings=settings))
            stack.enter_context(working(amber))
            steward = Steward(amber.engine)
            steward.start()
            stack.callback(steward.stop)
        yield stack.enter_context(serving(stack.enter_context(Amber.open(settings=settings)), settings))
