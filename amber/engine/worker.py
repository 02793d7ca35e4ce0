"""Runs jobs that others asked for, as long as it is let."""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Protocol

from amber.engine.ask import Feature
from amber.engine.claims import JOBS, Claim
from amber.engine.conductor import Conductor, ask, pause
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.leases import LeaseKeeper
from amber.engine.orders import Order, read_order
from amber.engine.planning import plan
from amber.errors import ClusterUnavailableError, JobUnfitError, StoreError
from amber.keys import Closure, Step
from amber.plan import PlannedStep
from amber.store.jobs import WAITED, Job
from amber.store.wakeups import Waiter

#: How long what became of a job can be read, unless it is asked for again.
KEEP_SECONDS = 24 * 3600.0
#: Jobs that are claimed in one set.
MOST_CLAIMED = 128
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

    Where steps are computed elsewhere one thread does them all; here each of them has its own.

    Args:
        engine: Computes.
        watch: Is told.
        jobs: How many jobs are run at once.
        idle: Called when the last of the jobs at hand has ended.
    """

    def __init__(
        self, engine: Engine, watch: Watch, *, jobs: int = 2, idle: Callable[[], object] = lambda: None
    ) -> None:
        self._engine = engine
        self._leases: LeaseKeeper = engine.leases
        self._store = engine.store
        self._watch = watch
        self._idle = idle
        self._threads, self._at_once = (1, jobs) if engine.executor.takes_many else (jobs, 1)
        self._stopping = threading.Event()
        self._running: dict[str, Claim] = {}
        self._lock = threading.Lock()
        #: Closure → whether it is loaded here.
        self._fits: dict[str, bool] = {}
        self._closures: dict[str, Closure] = {}
        self._pruned_at = time.monotonic()

    def run(self) -> None:
        """Work until `stop` is called and the jobs at hand are done or handed back."""
        threads = [
            threading.Thread(target=self._loop, name=f"amber-worker-{number}", daemon=True)
            for number in range(self._threads)
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
        with closing(Conductor()) as conductor, self._store.wakeups.waiting(JOBS) as waiter:
            while conductor.live or not self._stopping.is_set():
                try:
                    begun = self._begin(conductor)
                except StoreError:
                    begun = 0
                    self._stopping.wait(_AWAY_SECONDS)
                if begun:
                    conductor.turn(0.0)  # they are under way before more are looked for
                elif conductor.live:
                    self._go_on(conductor, waiter)
                elif not self._stopping.is_set():
                    waiter.wait(self._store.wakeups.longest_seconds)

    def _begin(self, conductor: Conductor) -> int:
        """Take some of the jobs that there are, as far as there is room for them in this thread; how many."""
        room = min(self._at_once - conductor.live, MOST_CLAIMED)
        if room <= 0 or self._stopping.is_set():
            return 0
        self._prune()
        claimed = self._claim(room)
        for job in claimed:
            conductor.add(self._do(job))
        return len(claimed)

    def _go_on(self, conductor: Conductor, waiter: Waiter) -> None:
        """Go on with the jobs at hand until one of them is done, or there is news of others."""
        before = conductor.live
        waiter.hear()
        if before < self._at_once:
            waiter.news.add_done_callback(lambda _: conductor.wake())
        end = time.monotonic() + self._store.wakeups.longest_seconds
        while conductor.live == before and not waiter.news.done() and (left := end - time.monotonic()) > 0:
            conductor.turn(left)

    def _claim(self, most: int) -> list[Job]:
        """Jobs to begin with."""
        waiting = self._store.catalog.open_jobs(self._leases.dead_owners())
        for job in waiting:
            if job.closure not in self._fits:
                self._fits[job.closure] = self._is_fit(job)
        fitting = [job for job in waiting if self._fits[job.closure]]
        if not fitting or self._stopping.is_set():
            return []
        return self._leases.claim(most, closures=[job.closure for job in fitting])

    def _is_fit(self, job: Job) -> bool:
        try:
            read_order(self._engine.registry, job)
        except JobUnfitError as error:
            self._watch.left_alone(job, str(error))
            return False
        return True

    async def _do(self, job: Job) -> None:
        began = time.monotonic()
        self._watch.claimed(job, job.taken_over)
        try:
            order = read_order(self._engine.registry, job, self._closures)
            claim = Claim(self._store, job, *await ask(self._outlooks, order))
            with self._lock:
                self._running[job.key] = claim
            if self._stopping.is_set():
                claim.ask_back()
            feature = await self._engine.work(claim, order, self._step(claim), self._gives_way(claim))
        except Exception as error:  # noqa: BLE001 - written down at the job, and told here
            self._watch.failed(job, error, time.monotonic() - began)
            if isinstance(error, StoreError | ClusterUnavailableError):
                await pause(_AWAY_SECONDS)
        else:
            self._watch.done(job, feature, time.monotonic() - began)
        finally:
            with self._lock:
                self._running.pop(job.key, None)
                is_idle = not self._running
            if is_idle:
                self._idle()

    def _step(self, claim: Claim) -> Callable[[StepEvent], None]:
        def step(event: StepEvent) -> None:
            self._watch.step(claim.job, event)
            if event.state == "waiting" and self._outranked([claim])[0]:
                claim.ask_back()  # what is done of it is stored

        return step

    def _gives_way(self, claim: Claim) -> Callable[[], Awaitable[None]]:
        async def gives_way() -> None:
            if claim.job.priority < WAITED and await ask(self._outranked, claim):
                claim.ask_back()
                claim.check()

        return gives_way

    def _outranked(self, claims: Sequence[Claim]) -> list[bool]:
        """Whether backfills' jobs shall make room before their next step, because somebody waits for another one."""
        least = min(claim.job.priority for claim in claims)
        if least >= WAITED:
            return [False] * len(claims)
        for job in self._store.catalog.open_jobs():
            if job.closure not in self._fits:
                self._fits[job.closure] = self._is_fit(job)
        most = self._store.catalog.most_urgent([one for one, fits in self._fits.items() if fits])
        if most is None or most <= least:
            return [False] * len(claims)
        return [claim.requester().priority < most for claim in claims]

    def _outlooks(self, orders: Sequence[Order]) -> list[tuple[int, dict[Step, float]]]:
        """How many steps there may be of each, and what those that are not stored are expected to take."""
        found: dict[int, tuple[int, dict[Step, float]]] = {}
        alike: dict[tuple[str, str], list[Order]] = {}
        for order in orders:
            alike.setdefault((order.closure.documents_digest, repr(order.snapshot)), []).append(order)
        for some in alike.values():
            first, tops = some[0], [order.step for order in some]
            planned = plan(self._store, first.closure, first.snapshot, tops, check_blobs=False)
            about: dict[str, list[PlannedStep]] = {}
            for one in planned.steps:
                about.setdefault(one.step.assets[0], []).append(one)
            for order in some:
                whole = set(order.step.assets)
                own = [
                    one
                    for asset in whole
                    for one in about.get(asset, ())
                    if whole.issuperset(one.step.assets)
                ]
                expected = {one.step: one.seconds for one in own if one.mark != "hit" and one.seconds}
                found[id(order)] = (len(own), expected)
        return [found[id(order)] for order in orders]

    def _prune(self) -> None:
        now = time.monotonic()
        if now - self._pruned_at > _PRUNE_SECONDS:
            self._pruned_at = now
            self._store.catalog.prune_jobs(KEEP_SECONDS)
            self._engine.savings.settle(self._store.catalog)
