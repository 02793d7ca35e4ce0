"""Computes steps on the machines of a Ray cluster; this process decides, leases and commits, and sees no values."""

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from amber.engine.compute import Computed, Task
from amber.engine.conductor import ask, until
from amber.engine.executors.admission import Capacity, Requester, Resources
from amber.engine.executors.cluster import Cluster, Running
from amber.engine.executors.local import resources
from amber.engine.executors.protocol import StepPlace
from amber.engine.executors.wire import Commission, Deployment, Report, commission, error_of
from amber.errors import AmberError, ClusterUnavailableError, StepTooLargeError
from amber.keys import Node, Step
from amber.progress import Reporter
from amber.store.protocol import Store

#: Seconds between two looks at whether whoever asked still wants a step, and at how far it is.
TICK_SECONDS = 0.5
#: Steps that take less are sent together.
SMALL_SECONDS = 0.05
#: What is sent together takes no longer, and is no more.
BATCH_SECONDS, MOST_TOGETHER = 0.5, 100
#: So many batches of small steps for each processor: while one is computed, the next one is there already.
AT_HAND = 2
#: Seconds between two questions about the machines of the cluster.
_LOOK_SECONDS = 10.0
#: A step that was interrupted and goes on is ended with its process after so many seconds.
_STUBBORN_SECONDS = 10.0


class OpenPlace:
    """A place in the cluster, which has a queue of its own: whoever comes may begin."""

    has_begun = False

    def try_begin(self, requester: Callable[[], Requester]) -> bool:
        """Begin."""
        self.has_begun = True
        return True

    def wait(self, requester: Callable[[], Requester], tick: Callable[[], None]) -> None:
        """Begin."""
        self.has_begun = True

    @contextmanager
    def within(self) -> Iterator[None]:
        """While the step is computed."""
        yield

    def leave(self) -> None:
        """Give the place up."""
        self.has_begun = False


@dataclass(eq=False)
class _Waiting:
    """A step that was handed over."""

    sent: Commission
    wants: Resources
    future: "Future[Report]" = field(default_factory=Future)
    running: "_Batch | None" = None


@dataclass(eq=False)
class _Batch:
    """Steps that were sent together."""

    steps: list[_Waiting]
    is_small: bool
    running: Running


class RayExecutor:
    """Steps of this process, on the machines of a cluster.

    Args:
        store: Tells how large assets are.
        address: Where the cluster is.
        deployment: What its processes open.
        capacity: The most that a step may take there; what the largest machine has, unless given.
    """

    def __init__(
        self, store: Store, address: str, deployment: Deployment, capacity: Capacity | None = None
    ) -> None:
        self._store = store
        self._capacity = capacity
        self._cluster = Cluster(address, deployment)
        self._batches = _Batches(self._cluster)
        self._largest = Resources()
        self._looked_at = 0.0
        self._lock = threading.Lock()
        self._told: dict[str, tuple[int, int, str]] = {}
        self._told_at = 0.0

    takes_many = True

    def check(self, node: Node, step: Step) -> None:
        """See that a machine of the cluster is large enough; see the protocol."""
        most = self._most().memory_bytes
        wanted = resources(node, step, self._store.catalog).memory_bytes
        if wanted > most:
            shown = ", ".join(asset[:12] for asset in step.assets[:3])
            raise StepTooLargeError(
                f"{node.name} of {shown} takes {wanted / 1e9:.2f} GB of memory, and the largest machine of the cluster has "
                f"{most / 1e9:.2f} GB for steps; add a larger one, or say with AMBER_MEMORY_BYTES what one has that comes"
            )

    def place(self, node: Node, step: Step, recipe: str) -> StepPlace:
        """See the protocol."""
        return OpenPlace()

    def promote(self, recipe: str, requester: Requester) -> None:
        """The cluster's queue knows no urgency."""

    async def run(
        self, task: Task, place: StepPlace, report: Reporter, check: Callable[[], None]
    ) -> Computed:
        """See the protocol.

        Raises:
            MachineLostError: Processes or machines that computed it were lost, too often.
            WorkerUnfitError: A machine of the cluster has other versions than this one.
            ClusterUnavailableError: The cluster is lost.
        """
        waiting = _Waiting(commission(task, uuid.uuid4().hex), self._wants(task))
        began = time.monotonic()
        try:
            await ask(self._batches.put, waiting)
            while not await until(waiting.future, TICK_SECONDS):
                news = self._news(waiting.sent.id)
                if news is not None:
                    report(*news)
                check()
            found = waiting.future.result()
        except BaseException:
            self._batches.cancel(waiting)
            raise
        if found.computed is None:
            raise error_of(found, task)
        made = found.computed
        waited = max(0.0, time.monotonic() - began - made.cost.seconds)
        return replace(made, machine=found.machine, queue_seconds=waited)

    def close(self) -> None:
        """Let go of the cluster."""
        self._batches.close()
        self._cluster.close()

    def _news(self, name: str) -> tuple[int, int, str] | None:
        """How far a step is, if anything was told since the last look."""
        with self._lock:
            now = time.monotonic()
            if now - self._told_at >= TICK_SECONDS:
                self._told_at = now
                self._told.update(self._cluster.told())
            return self._told.pop(name, None)

    def _wants(self, task: Task) -> Resources:
        """What a step takes there: who wants more processors or accelerators than a machine has takes all of them."""
        wanted = resources(task.node, task.step, self._store.catalog)
        return Capacity(self._most()).bounded(wanted)

    def _most(self) -> Resources:
        """The most that a step may take: as it is said, else what the largest machine has."""
        with self._lock:
            now = time.monotonic()
            if not self._looked_at or now - self._looked_at > _LOOK_SECONDS:
                self._largest = self._cluster.largest()
                self._looked_at = now
            said = self._capacity.resources if self._capacity is not None else Resources(0.0, 0.0, 0)
            there = self._largest
        return Resources(
            max(there.cpus, said.cpus), max(there.gpus, said.gpus), max(there.memory_bytes, said.memory_bytes)
        )


class _Batches:
    """Sends steps to the cluster: small ones together, and no more of those than keep its processors busy.

    Args:
        cluster: Where they are computed.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.RLock()
        self._small: list[_Waiting] = []
        self._small_at_work = 0
        #: Algorithm and version → how long its steps take, by those that came back lately.
        self._seconds: dict[tuple[str, str], float] = {}
        self._done: SimpleQueue[_Batch | None] = SimpleQueue()
        self._collector: threading.Thread | None = None

    def put(self, asked: Sequence[_Waiting]) -> list[None]:
        """Have steps computed; their futures tell what became of them."""
        with self._lock:
            if self._collector is None:
                self._collector = threading.Thread(target=self._collect, name="amber-cluster", daemon=True)
                self._collector.start()
            for waiting in asked:
                if self._expected(waiting) > SMALL_SECONDS:
                    self._send([waiting], is_small=False)
                else:
                    self._small.append(waiting)
            self._send_small()
        return [None] * len(asked)

    def cancel(self, waiting: _Waiting) -> None:
        """End a step, unless it is one of several that were sent together; those end soon by themselves."""
        with self._lock:
            if waiting in self._small:
                self._small.remove(waiting)
            batch = waiting.running
            if batch is None or len(batch.steps) > 1 or waiting.future.done():
                return
        batch.running.cancel()

        def insist() -> None:
            if not waiting.future.done():
                batch.running.cancel(force=True)

        timer = threading.Timer(_STUBBORN_SECONDS, insist)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """Collect no more."""
        with self._lock:
            collector, self._collector = self._collector, None
        if collector is not None:
            self._done.put(None)
            collector.join()

    def _expected(self, waiting: _Waiting) -> float:
        return self._seconds.get((waiting.sent.name, waiting.sent.version), float("inf"))

    def _send_small(self) -> None:
        most = AT_HAND * self._cluster.slots() if self._small else 0
        while self._small and self._small_at_work < most:
            # As many shares as there is room for: nobody shall have nothing to do while another one has it all.
            share = math.ceil(len(self._small) / (most - self._small_at_work))
            wants, seconds = self._small[0].wants, 0.0
            together: list[_Waiting] = []
            left: list[_Waiting] = []
            for one in self._small:
                is_taken = len(together) < min(share, MOST_TOGETHER) and seconds < BATCH_SECONDS
                if is_taken and one.wants == wants:
                    together.append(one)
                    seconds += self._expected(one)
                else:
                    left.append(one)
            self._small = left
            self._send(together, is_small=True)

    def _send(self, steps: list[_Waiting], *, is_small: bool) -> None:
        try:
            running = self._cluster.submit([one.sent for one in steps], steps[0].wants)
        except ClusterUnavailableError as error:
            for one in steps:
                one.future.set_exception(error)
            return
        batch = _Batch(steps, is_small, running)
        for one in steps:
            one.running = batch
        self._small_at_work += is_small
        running.when_done(lambda: self._done.put(batch))

    def _collect(self) -> None:
        while (batch := self._done.get()) is not None:
            try:
                reports = batch.running.reports()
            except AmberError as error:
                for one in batch.steps:
                    one.future.set_exception(error)
            else:
                self._settle(batch, reports)
            batch.running.end()
            with self._lock:
                self._small_at_work -= batch.is_small
                self._send_small()

    def _settle(self, batch: _Batch, reports: list[Report]) -> None:
        for one, found in zip(batch.steps, reports, strict=True):
            if found.computed is not None:
                name = (one.sent.name, one.sent.version)
                seconds = found.computed.cost.seconds
                self._seconds[name] = 0.5 * (self._seconds.get(name, seconds) + seconds)
            one.future.set_result(found)
