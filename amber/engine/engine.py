"""The engine: answers asks from the store, and computes what is missing."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amber.algorithm import Source
from amber.engine import stored
from amber.engine.ask import Ask, ComputedStep, Feature
from amber.engine.events import Listener, StepEvent, silent
from amber.engine.leases import LEASE_SECONDS, LeaseKeeper, is_dead, owner_name
from amber.engine.planning import plan
from amber.engine.resolve import Run, Workshop
from amber.engine.values import Values
from amber.errors import AmberError, BlobCorruptError, BlobMissingError, UsageError, VersionNotFoundError
from amber.keys import Closure, Snapshot, Step
from amber.plan import Plan
from amber.registry import Registry
from amber.store.protocol import Job, Store, Trace

#: Absent, or how far a feature is; the five states are never mixed up.
State = str
STATES: tuple[State, ...] = ("absent", "queued", "running", "ready", "failed")
_JOB_SECONDS = 24 * 3600.0
#: Kinds of asks whose closure is kept.
_MOST_CLOSURES = 1024


class Engine:
    """Answers asks; safe to use from several threads and beside other processes on the same store.

    Args:
        store: Catalogue and blobs.
        registry: The loaded algorithms.
        lease_seconds: How long a lease lasts without a heartbeat.
    """

    def __init__(self, store: Store, registry: Registry, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self.store = store
        self.registry = registry
        self._values = Values(store.blobs)
        self._leases = LeaseKeeper(store.catalog, lease_seconds)
        self._shop = Workshop(store, self._values, self._leases, self._source)
        self._closures: dict[tuple[object, ...], Closure] = {}
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Stop the heartbeat; the store stays open."""
        self._leases.close()

    def get(self, ask: Ask, listener: Listener = silent) -> Feature:
        """The feature, computed if it is missing.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
            ComputeError: It, or one of its inputs, cannot be computed.
        """
        try:
            closure = self.closure(ask)
        except VersionNotFoundError:
            return self._stored_version(ask)
        snapshot, key, trace = self._look_up(closure, ask)
        lost = None
        if trace is not None:
            try:
                return self._feature(closure, trace)
            except (BlobMissingError, BlobCorruptError):
                lost = trace.value.sha256
        return self._resolve(closure, snapshot, ask, key, lost, listener)

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
        _, key, trace = self._look_up(closure, ask)
        if trace is not None and self.store.blobs.present([trace.value.sha256]):
            return "ready"
        job = self.store.catalog.job(key)
        if job is None or job.state == "failed":
            return "absent" if job is None else "failed"
        return "queued" if job.state == "queued" or is_dead(job.owner) else "running"

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

    def _look_up(self, closure: Closure, ask: Ask) -> tuple[Snapshot, str, Trace | None]:
        """One statement if this process has the current snapshot; the epoch in its answer tells."""
        step = self._step(closure, ask)
        snapshot = self._snapshot or self._fresh_snapshot()
        while True:
            key = closure.resolved_key(step, snapshot)
            found = self.store.catalog.lookup(key)
            if found.epoch == snapshot.epoch:
                return snapshot, key, found.trace
            snapshot = self._fresh_snapshot()

    def _feature(self, closure: Closure, trace: Trace, **how: object) -> Feature:
        result_type = closure.nodes[closure.asked].algorithm.result
        value = self._values.read(trace.value.sha256)
        value.check_files(result_type)
        return Feature(trace, value, result_type, **how)  # type: ignore[arg-type]

    def _resolve(
        self, closure: Closure, snapshot: Snapshot, ask: Ask, key: str, lost: str | None, listener: Listener
    ) -> Feature:
        """Resolve under one snapshot, with a job that tells others how it stands."""
        step = self._step(closure, ask)
        job = Job(key, ask.algorithm, step.assets, "queued", owner_name(), time.time() + _JOB_SECONDS)
        self.store.catalog.put_job(job)

        def listen(event: StepEvent) -> None:
            if event.state == "started":
                self.store.catalog.put_job(replace(job, state="running"))
            listener(event)

        try:
            feature = self._run(Run(self._shop, closure, snapshot, listen), closure, step, lost)
        except AmberError as error:
            failed = replace(job, state="failed", error=type(error).__name__, message=str(error))
            self.store.catalog.put_job(failed)
            raise
        except BaseException:
            self.store.catalog.end_job(key)
            raise
        self.store.catalog.end_job(key)
        return feature

    def _run(self, run: Run, closure: Closure, step: Step, lost: str | None) -> Feature:
        """Resolve; a value that is found unreadable only at the end is made again."""
        while True:
            if lost is not None:
                run.lose(lost)
            trace = run.resolve(step)
            computed = tuple(ComputedStep(o.step, o.seconds) for o in run.made if o.how == "computed")
            try:
                return self._feature(closure, trace, computed=computed, hit=not run.made)
            except (BlobMissingError, BlobCorruptError):
                lost = trace.value.sha256
                run.outcomes.pop(step)

    def _source(self, asset: str) -> Source:
        catalog = self.store.catalog
        paths = tuple(Path(at.uri) for at in catalog.locations(asset))
        return Source(asset, paths, lambda path: catalog.mark_changed(str(path)), catalog.frame_times(asset))

    def _stored_version(self, ask: Ask) -> Feature:
        """A feature of a version whose code is gone, read from what is stored."""
        assert ask.version is not None, "only a named version can be unknown"
        snapshot = self._fresh_snapshot()
        trace = stored.find(self.store, self.registry, ask, ask.version, snapshot)
        return Feature(trace, self._values.read(trace.value.sha256), None)
