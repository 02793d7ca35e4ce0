"""Runs jobs that others asked for, as long as it is let."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from amber.engine.ask import Feature
from amber.engine.claims import JOBS, Claim
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.leases import LeaseKeeper
from amber.engine.orders import Order, read_order
from amber.engine.planning import plan
from amber.errors import ClusterUnavailableError, JobUnfitError, StoreError
from amber.keys import Step
from amber.store.jobs import WAITED, Job

#: How long what became of a job can be read, unless it is asked for again.
KEEP_SECONDS = 24 * 3600.0
#: Seconds between two prunings of old jobs.
_PRUNE_SECONDS = 60.0
#: After the store could not be reached, so long until it is tried again.
_AWAY_SECONDS = 1.0


class Watch(Protocol):
    """Is told what a worker does."""

    def left_alone(self, job: Job, why: str) -> None:
        """A closure is not loaded here; said once for each."""

    def claimed(self, job: Job, taken_over: bool) -> None:
        """Work on a job begins; `taken_over`: from a worker that died or lost its claim."""

    def step(self, job: Job, event: StepEvent) -> None:
        """Something happened to a step."""

    def done(self, job: Job, feature: Feature | None, seconds: float) -> None:
        """A job is ready; None: it was cancelled or handed back."""

    def failed(self, job: Job, error: Exception, seconds: float) -> None:
        """A job failed, or the store could not be reached."""


class SilentWatch:
    """Is told and does nothing with it."""

    def left_alone(self, job: Job, why: str) -> None:
        """See the protocol."""

    def claimed(self, job: Job, taken_over: bool) -> None:
        """See the protocol."""

    def step(self, job: Job, event: StepEvent) -> None:
        """See the protocol."""

    def done(self, job: Job, feature: Feature | None, seconds: float) -> None:
        """See the protocol."""

    def failed(self, job: Job, error: Exception, seconds: float) -> None:
        """See the protocol."""


class Worker:
    """Takes jobs whose closure this process has loaded, several at once, and tells how they go.

    Args:
        engine: Computes.
        watch: Is told.
        jobs: How many jobs are run at once.
    """

    def __init__(self, engine: Engine, watch: Watch, *, jobs: int = 2) -> None:
        self._engine = engine
        self._leases: LeaseKeeper = engine.leases
        self._store = engine.store
        self._watch = watch
        self._jobs = jobs
        self._stopping = threading.Event()
        self._running: dict[str, Claim] = {}
        self._lock = threading.Lock()
        #: Closure → whether it is loaded here.
        self._fits: dict[str, bool] = {}
        self._pruned_at = time.monotonic()

    def run(self) -> None:
        """Work until `stop` is called and the jobs at hand are done or handed back."""
        threads = [
            threading.Thread(target=self._loop, name=f"amber-worker-{number}", daemon=True)
            for number in range(self._jobs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Take no more jobs; those at hand go on."""
        self._stopping.set()
        self._store.wakeups.publish(JOBS)

    def hand_back(self) -> None:
        """Stop the jobs at hand at their next chance, and let others do them."""
        self.stop()
        with self._lock:
            for claim in self._running.values():
                claim.ask_back()

    def abandon(self) -> None:
        """Give everything back at once, as the last thing before this process ends."""
        self.hand_back()
        with self._lock:
            claims = list(self._running.values())
        for claim in claims:
            claim.hand_back()
        self._leases.release_all()

    @property
    def busy(self) -> int:
        """How many jobs are at hand."""
        with self._lock:
            return len(self._running)

    def _loop(self) -> None:
        with self._store.wakeups.waiting(JOBS) as waiter:
            while not self._stopping.is_set():
                try:
                    did = self._turn()
                except StoreError:
                    did = False
                    self._stopping.wait(_AWAY_SECONDS)
                if not did:
                    waiter.wait(self._store.wakeups.longest_seconds)

    def _turn(self) -> bool:
        """Do one job, if there is one."""
        self._prune()
        claimed, taken_over = self._claim()
        if claimed is None:
            return False
        self._do(claimed, taken_over)
        return True

    def _claim(self) -> tuple[Job | None, bool]:
        waiting = self._store.catalog.open_jobs(self._leases.dead_owners())
        for job in waiting:
            if job.closure not in self._fits:
                self._fits[job.closure] = self._is_fit(job)
        fitting = [job for job in waiting if self._fits[job.closure]]
        if not fitting or self._stopping.is_set():
            return None, False
        claimed = self._leases.claim(closures=[job.closure for job in fitting])
        taken = {job.key for job in fitting if job.state == "running"}
        return claimed, claimed is not None and claimed.key in taken

    def _is_fit(self, job: Job) -> bool:
        try:
            read_order(self._engine.registry, job)
        except JobUnfitError as error:
            self._watch.left_alone(job, str(error))
            return False
        return True

    def _do(self, job: Job, taken_over: bool) -> None:
        began = time.monotonic()
        self._watch.claimed(job, taken_over)
        try:
            order = read_order(self._engine.registry, job)
            claim = Claim(self._store, job, *self._outlook(order))
            with self._lock:
                self._running[job.key] = claim
            if self._stopping.is_set():
                claim.ask_back()
            feature = self._engine.work(claim, order, self._step(claim))
        except Exception as error:  # noqa: BLE001 - written down at the job, and told here
            self._watch.failed(job, error, time.monotonic() - began)
            if isinstance(error, StoreError | ClusterUnavailableError):
                self._stopping.wait(_AWAY_SECONDS)
        else:
            self._watch.done(job, feature, time.monotonic() - began)
        finally:
            with self._lock:
                self._running.pop(job.key, None)

    def _step(self, claim: Claim) -> Callable[[StepEvent], None]:
        def step(event: StepEvent) -> None:
            self._watch.step(claim.job, event)
            if event.state in ("started", "waiting") and self._is_outranked(claim):
                claim.ask_back()  # what is done of it is stored

        return step

    def _is_outranked(self, claim: Claim) -> bool:
        """Whether a backfill's job shall make room before its next step, because somebody waits for another one."""
        priority = claim.requester().priority
        if priority >= WAITED:
            return False
        for job in self._store.catalog.open_jobs():
            if job.closure not in self._fits:
                self._fits[job.closure] = self._is_fit(job)
        most = self._store.catalog.most_urgent([one for one, fits in self._fits.items() if fits])
        return most is not None and most > priority

    def _outlook(self, order: Order) -> tuple[int, dict[Step, float]]:
        """How many steps there may be, and what those that are not stored are expected to take."""
        planned = plan(self._store, order.closure, order.snapshot, [order.step], check_blobs=False)
        expected = {one.step: one.seconds for one in planned.steps if one.mark != "hit" and one.seconds}
        return len(planned.steps), expected

    def _prune(self) -> None:
        now = time.monotonic()
        if now - self._pruned_at > _PRUNE_SECONDS:
            self._pruned_at = now
            self._store.catalog.prune_jobs(KEEP_SECONDS)
            self._engine.savings.settle(self._store.catalog)
