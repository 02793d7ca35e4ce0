"""The engine: answers asks from the store, and computes what is missing."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amber.engine import conductor, stored
from amber.engine.ask import Ask, ComputedStep, Feature
from amber.engine.claims import Claim, HandedBackError
from amber.engine.events import Listener, StepEvent, silent
from amber.engine.executors.admission import Capacity, Requester
from amber.engine.executors.local import LocalExecutor
from amber.engine.executors.protocol import Executor
from amber.engine.invalidate import person
from amber.engine.leases import LEASE_SECONDS, LeaseKeeper, is_dead, owner_name
from amber.engine.orders import Order, job_of
from amber.engine.planning import plan
from amber.engine.resolve import Run, Workshop
from amber.engine.savings import Savings
from amber.engine.sets import Sets
from amber.engine.values import Values
from amber.errors import (
    AmberError,
    BlobCorruptError,
    BlobMissingError,
    ClusterUnavailableError,
    JobCancelledError,
    StoreUnavailableError,
    UsageError,
    VersionNotFoundError,
)
from amber.keys import Closure, Snapshot, Step
from amber.plan import Plan
from amber.registry import Registry
from amber.store.jobs import Finish, Job
from amber.store.protocol import Store, Trace

if TYPE_CHECKING:
    import pyarrow as pa

#: Absent, or how far a feature is; the five states are never mixed up.
State = str
STATES: tuple[State, ...] = ("absent", "queued", "running", "ready", "failed")
#: Kinds of asks whose closure is kept.
_MOST_CLOSURES = 1024


class Engine:
    """Answers asks; safe to use from several threads and beside other processes on the same store.

    Args:
        store: Catalogue and blobs.
        registry: The loaded algorithms.
        lease_seconds: How long a lease lasts without a heartbeat.
        capacity: What steps may take together on this machine; what it has, unless given.
        executor: Computes the steps; this machine, unless given.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        lease_seconds: float = LEASE_SECONDS,
        capacity: Capacity | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self._values = Values(store.blobs)
        #: Keeps the leases and claims of this process alive.
        self.leases = LeaseKeeper(store.catalog, lease_seconds)
        #: Computes the steps of this process.
        self.executor: Executor = executor or LocalExecutor(store, self._values, capacity)
        #: Counts what stored features saved.
        self.savings = Savings(store.scratch.parent / "savings.jsonl")
        self._sets = Sets(store)
        self._shop = Workshop(store, self._values, self.leases, self.executor, self.savings, self._sets)
        self._closures: dict[tuple[object, ...], Closure] = {}
        self._snapshot: Snapshot | None = None

    @cached_property
    def _person(self) -> str:
        """Whoever runs this process."""
        return person()

    def close(self) -> None:
        """Stop the heartbeat and write down what was saved; the store stays open."""
        self.executor.close()
        self.savings.write()
        self.leases.close()

    def get(self, ask: Ask, listener: Listener = silent, *, requester: Requester | None = None) -> Feature:
        """The feature, computed if it is missing.

        Args:
            ask: What is asked for.
            listener: Told of every step.
            requester: On whose behalf; the user of this process, who waits, unless given.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
            ComputeError: It, or one of its inputs, cannot be computed.
        """
        try:
            closure = self.closure(ask)
        except VersionNotFoundError:
            return self._stored_version(ask)
        snapshot, key, trace = self.look_up(closure, ask)
        lost = None
        if trace is not None:
            try:
                feature = self._feature(closure, trace)
                whose = requester.name if requester is not None else self._person
                self.savings.note(trace, whose)
                return feature
            except (BlobMissingError, BlobCorruptError):
                lost = trace.value.sha256
        asking = requester or Requester(self._person)
        return conductor.conduct(self._resolve(closure, snapshot, ask, key, lost, listener, lambda: asking))

    def plan(self, asks: Sequence[Ask], *, check_blobs: bool = True) -> Plan:
        """What `get` would do for these asks, which differ in their assets only.

        Raises:
            NotFoundError, UsageError: As `get`.
        """
        if not asks:
            return Plan(())
        closure = self.closure(asks[0])
        tops = [self._step(closure, ask) for ask in asks]
        return plan(self.store, closure, self._fresh_snapshot(), tops, check_blobs=check_blobs)

    def state(self, ask: Ask) -> State:
        """One of absent, queued, running, ready, failed."""
        closure = self.closure(ask)
        _, key, trace = self.look_up(closure, ask)
        if trace is not None and self.store.blobs.present([trace.value.sha256]):
            return "ready"
        return job_state(self.store.catalog.job(key))

    def closure(self, ask: Ask) -> Closure:
        """The ask's algorithms with every setting filled in; asks of the same kind share it."""
        kind = (ask.algorithm, ask.version, repr(sorted(ask.settings.items())), repr(sorted(ask.use.items())))
        found = self._closures.get(kind)
        if found is None:
            found = self.registry.closure(
                ask.algorithm, version=ask.version, settings=ask.settings, use=ask.use
            )
            if len(self._closures) >= _MOST_CLOSURES:
                self._closures.clear()
            self._closures[kind] = found
        return found

    def _step(self, closure: Closure, ask: Ask) -> Step:
        step = closure.step(ask.assets)
        if not step.assets:
            raise UsageError(f"{ask.algorithm} was asked for no asset")
        if len(step.assets) > 1 and not closure.is_joint:
            raise UsageError(
                f"{ask.algorithm} makes a feature of one asset; ask once for each of the {len(step.assets)}"
            )
        return step

    def _fresh_snapshot(self) -> Snapshot:
        self._snapshot = self.store.catalog.snapshot()
        return self._snapshot

    def look_up(self, closure: Closure, ask: Ask) -> tuple[Snapshot, str, Trace | None]:
        """The snapshot, the resolved key and the feature, if it is linked; its bytes are not looked at.

        One statement if this process has the current snapshot; the epoch in its answer tells.
        """
        step = self._step(closure, ask)
        snapshot = self._snapshot or self._fresh_snapshot()
        while True:
            key = closure.resolved_key(step, snapshot)
            found = self.store.catalog.lookup(key)
            if found.epoch == snapshot.epoch:
                return snapshot, key, found.trace
            snapshot = self._fresh_snapshot()

    def value_of(self, trace: Trace, result_type: type) -> Any:
        """A stored value as its result type; its files are local copies.

        Raises:
            BlobMissingError, BlobCorruptError: It, or a file that it names, cannot be read.
        """
        return self._values.read(trace.value.sha256).typed(result_type)

    def table_of(self, trace: Trace) -> "pa.Table":
        """A stored value as its Arrow table, for which no code of its version has to be there; raises as `value_of`."""
        return self._values.read(trace.value.sha256).table

    def stored_feature(self, ask: Ask, trace: Trace) -> Feature:
        """What is committed as the answer to an ask; computes nothing, and raises as `value_of`."""
        return self._feature(self.closure(ask), trace)

    def _feature(self, closure: Closure, trace: Trace, **how: object) -> Feature:
        result_type = _result_type(closure)
        value = self._values.read(trace.value.sha256)
        value.check_files(result_type)
        return Feature(trace, value, result_type, **how)  # type: ignore[arg-type]

    async def _resolve(
        self,
        closure: Closure,
        snapshot: Snapshot,
        ask: Ask,
        key: str,
        lost: str | None,
        listener: Listener,
        requester: Callable[[], Requester],
    ) -> Feature:
        """Resolve under one snapshot, with a job that tells others how it stands; who asks for the same joins it."""
        step = self._step(closure, ask)
        asker = f"{owner_name()}|{uuid.uuid4().hex}"
        self.store.catalog.ask_job(job_of(closure, step, snapshot, requester()), asker)
        claimed = self.leases.claim(key=key)
        claim = Claim(self.store, claimed[0]) if claimed else None
        run = Run(self._shop, closure, snapshot, _both(claim, listener), requester=requester)
        try:
            try:
                with self.leases.claimed(claim):
                    feature = await self._run(run, closure, step, lost)
            except JobCancelledError:
                if claim is None or self._is_cancelled(key):
                    raise
                claim = None  # another process took the job over, as if this one had died; the ask goes on beside it
                run = Run(self._shop, closure, snapshot, listener, requester=requester)
                feature = await self._run(run, closure, step, lost)
        except AmberError as error:
            if claim is not None:
                await self._finish(claim.failed(error, asker=asker))
            self._withdraw(key, asker)
            raise
        except BaseException:
            if claim is not None:
                claim.hand_back()
            self._withdraw(key, asker)
            raise
        if claim is not None:
            await self._finish(claim.ready(feature.trace, _made(run), asker=asker))
        else:
            self._withdraw(key, asker)
            self.store.wakeups.publish(key)
        return feature

    async def _finish(self, finish: Finish) -> None:
        """Write down what became of a job."""
        with suppress(StoreUnavailableError):  # then another worker finds it done, or failed
            await conductor.ask(self._sets.finish, finish)

    def _is_cancelled(self, key: str) -> bool:
        job = self.store.catalog.job(key)
        return job is not None and job.state == "cancelled"

    def _withdraw(self, key: str, asker: str) -> None:
        """Want it no longer; nobody is left to read what became of a job that only this ask wanted."""
        with suppress(StoreUnavailableError):
            job = self.store.catalog.withdraw_job(key, asker)
            if job is not None and job.state == "cancelled":
                self.store.catalog.end_job(key)

    async def work(
        self, claim: Claim, order: Order, listener: Listener, gives_way: Callable[[], Awaitable[None]]
    ) -> Feature | None:
        """Do a job that was claimed, and write down what came of it; None if nobody wants it, or others shall do it.

        Args:
            claim: The right to it.
            order: What it is.
            listener: Told of every step.
            gives_way: Awaited before each step, and may ask the claim back.

        Raises:
            AmberError: The feature cannot be had; that is written down. Where the store is away, others shall try.
        """
        feature: Feature | None = None
        try:
            feature = await self._worked(claim, order, listener, gives_way)
        finally:
            if feature is None:  # what is ready was told with all of its set
                self.store.wakeups.publish(claim.job.key)
        return feature

    async def _worked(
        self, claim: Claim, order: Order, listener: Listener, gives_way: Callable[[], Awaitable[None]]
    ) -> Feature | None:
        listening = _both(claim, listener)
        run = Run(
            self._shop, order.closure, order.snapshot, listening, claim.check, claim.requester, gives_way
        )
        try:
            with self.leases.claimed(claim):
                feature = await self._run(run, order.closure, order.step, None)
        except JobCancelledError:
            return None
        except HandedBackError:
            claim.hand_back()
            return None
        except (StoreUnavailableError, ClusterUnavailableError):
            claim.hand_back()
            raise
        except Exception as error:
            await self._finish(claim.failed(error))
            raise
        except BaseException:
            claim.hand_back()
            raise
        await self._finish(claim.ready(feature.trace, _made(run)))
        return feature

    async def _run(self, run: Run, closure: Closure, step: Step, lost: str | None) -> Feature:
        """Resolve; a value that is found unreadable only at the end is made again."""
        while True:
            if lost is not None:
                run.lose(lost)
            trace = await run.resolve(step)
            computed = tuple(ComputedStep(step, seconds) for step, seconds in _made(run))
            made = run.outcomes[step].made
            if (
                made is not None and made.machine
            ):  # whoever stored it just now has seen its bytes; we need not
                value, result_type = self._values.later(trace.value.sha256), _result_type(closure)
                return Feature(trace, value, result_type, computed, hit=False)
            try:
                return self._feature(closure, trace, computed=computed, hit=not run.made)
            except (BlobMissingError, BlobCorruptError):
                lost = trace.value.sha256
                run.outcomes.pop(step)

    def _stored_version(self, ask: Ask) -> Feature:
        """A feature of a version whose code is gone, read from what is stored."""
        trace = self.find_stored(ask)
        return Feature(trace, self._values.read(trace.value.sha256), None)

    def find_stored(self, ask: Ask) -> Trace:
        """The feature of a version whose code is gone, by what is stored.

        Raises:
            NotFoundError, UsageError: There is none, or several of different settings are stored.
        """
        assert ask.version is not None, "only a named version can be unknown"
        return stored.find(self.store, self.registry, ask, ask.version, self._fresh_snapshot())


def _result_type(closure: Closure) -> type:
    """The result type of what is asked."""
    return closure.nodes[closure.asked].algorithm.result


def job_state(job: Job | None) -> State:
    """What a job says of a feature that is not stored; one whose worker died waits for another."""
    if job is None or job.state in ("ready", "cancelled"):
        return "absent"
    return "queued" if job.state == "running" and is_dead(job.owner) else job.state


def _both(claim: Claim | None, listener: Listener) -> Listener:
    """Tells the job's row and whoever listens."""
    if claim is None:
        return listener

    def listen(event: StepEvent) -> None:
        listener(event)
        claim.listen(event)

    return listen


def _made(run: Run) -> list[tuple[Step, float]]:
    """What a run computed itself."""
    return [(outcome.step, outcome.seconds) for outcome in run.made if outcome.how == "computed"]
