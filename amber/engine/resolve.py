"""One ask that is not answered by a lookup: finds or makes every step that it needs, inputs first.

It is a coroutine, so that what several runs ask of the store at once becomes one set, and what can be computed at once is;
see amber.engine.conductor.
"""

import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from amber.engine import failures
from amber.engine.claims import HandedBackError
from amber.engine.compute import Computed, Entry, InputLostError, Task
from amber.engine.conductor import ask, pause, together, until
from amber.engine.events import Listener, StepEvent
from amber.engine.executors.admission import Requester
from amber.engine.executors.protocol import Executor, StepPlace
from amber.engine.leases import LeaseKeeper
from amber.engine.savings import Savings
from amber.engine.sets import Sets
from amber.engine.turns import Turns
from amber.engine.values import Values
from amber.errors import (
    AmberError,
    AssetForgottenError,
    ClusterUnavailableError,
    ConnectionLostError,
    JobCancelledError,
    StaleLeaseError,
    StepTooLargeError,
)
from amber.keys import BLOCKS, Closure, Snapshot, Step, StepInput, recipe, subject
from amber.plan import mark_missing
from amber.progress import Reporter
from amber.store.protocol import Commit, Failure, Lease, LeaseAsk, Link, NewTrace, Store, Trace, TraceInput
from amber.store.wakeups import Waiter

#: Seconds between the first looks at a lease that another worker holds; later ones are further apart.
FIRST_WAIT_SECONDS = 0.01
#: Seconds between two attempts to commit while the catalogue is away.
AWAY_SECONDS = 0.25
#: Seconds between two looks at whether the step that another thread cares for waits for room.
_PROMOTE_SECONDS = 0.25

#: How an ask came by a step. `joined`: another worker computed it meanwhile.
How = Literal["hit", "linked", "computed", "joined"]


@dataclass(frozen=True)
class Outcome:
    """A step that is ready."""

    step: Step
    trace: Trace
    how: How
    seconds: float = 0.0
    #: What came of computing it, where this run did.
    made: Computed | None = None


@dataclass(frozen=True)
class Workshop:
    """What a run works with; the same for all runs of an engine."""

    store: Store
    values: Values
    leases: LeaseKeeper
    #: Where steps are computed.
    executor: Executor
    #: Counts what stored features saved.
    savings: Savings
    #: What runs ask of the store.
    sets: Sets
    #: Which of this process's runs cares for which recipe.
    turns: Turns = field(default_factory=Turns)


async def _goes_first() -> None:
    """Gives way to nobody."""


class Run:
    """Resolves the steps of one ask under one snapshot.

    Args:
        workshop: Store, leases and the like.
        closure: The ask's algorithms; computed once from the snapshot and never again.
        snapshot: The generations this ask sees, from its beginning to its end.
        listener: Told of every step.
        check: Called now and then; what it raises ends the run and is no failure of the step at work.
        requester: On whose behalf, as it stands when it is called.
        gives_way: Awaited before a step is computed; what it raises ends the run.
    """

    def __init__(
        self,
        workshop: Workshop,
        closure: Closure,
        snapshot: Snapshot,
        listener: Listener,
        check: Callable[[], None] = lambda: None,
        requester: Callable[[], Requester] = Requester,
        gives_way: Callable[[], Awaitable[None]] = _goes_first,
    ) -> None:
        self._gives_way = gives_way
        self._shop = workshop
        self._closure = closure
        self._snapshot = snapshot
        self._listener = listener
        self._check = check
        self._requester = requester
        self._name = requester().name
        self._lost: set[str] = set()
        #: Those that are being resolved, where several are at once.
        self._open: dict[Step, Future[Trace]] = {}
        self.outcomes: dict[Step, Outcome] = {}
        #: What was not there when the ask came, in the order it was made.
        self.made: list[Outcome] = []

    async def resolve(self, step: Step) -> Trace:
        """The committed value of a step: found by its resolved key, by its recipe, or computed.

        Raises:
            AmberError: It, or one of its inputs, cannot be computed.
        """
        known = self.outcomes.get(step)
        if known is not None:
            return known.trace
        others = self._open.get(step)
        if others is not None:
            await until(others)
            return others.result()
        mine = self._open[step] = Future()
        try:
            trace = await self._resolved(step)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            del self._open[step]
        mine.set_result(trace)
        return trace

    async def _resolved(self, step: Step) -> Trace:
        key = self._closure.resolved_key(step, self._snapshot)
        linked = await ask(self._shop.sets.linked, key)
        if linked is not None and await self._is_usable(linked):
            return self._done(Outcome(step, linked, "hit"))
        await self._check_size(step)
        while True:
            task = await self._prepare(step)
            try:
                return self._done(await self._find_or_make(task, key))
            except InputLostError as error:
                self._lose(error.entry)

    async def _check_size(self, step: Step) -> None:
        """Say at once, before any input is computed, that a step is too large; unless it may be stored already."""
        node = self._closure.nodes[step.algorithm]
        try:
            self._shop.executor.check(node, step)
        except StepTooLargeError:
            wanted = subject(node.name, node.version, step.assets, step.part)
            if not await ask(self._shop.sets.ever, wanted):
                raise

    def lose(self, sha256: str) -> None:
        """Treat a value as absent, because its bytes cannot be read."""
        self._lost.add(sha256)
        self._shop.values.forget(sha256)

    def _lose(self, entry: Entry) -> None:
        assert entry.input.step is not None, "only a step's value is read from the store"
        self.lose(entry.value)
        self.outcomes.pop(entry.input.step, None)

    def _done(self, outcome: Outcome) -> Trace:
        self.outcomes[outcome.step] = outcome
        if outcome.how in ("computed", "joined"):
            self.made.append(outcome)
        saved = outcome.trace if outcome.how in ("hit", "linked") else None
        if outcome.how != "computed":
            self._shop.savings.note(outcome.trace, self._name)
        self._listener(
            StepEvent(
                outcome.step,
                outcome.how,
                seconds=outcome.seconds,
                saved_seconds=saved.seconds if saved else 0.0,
                saved_bytes=saved.value.size_bytes if saved else 0,
                made=outcome.made,
            )
        )
        return outcome.trace

    async def _is_usable(self, trace: Trace) -> bool:
        """Whether the value's bytes are there, as far as is known without reading them."""
        sha256 = trace.value.sha256
        return sha256 not in self._lost and await ask(self._shop.sets.present, sha256)

    async def _prepare(self, step: Step) -> Task:
        """The step's inputs, made ready, and its recipe."""
        node = self._closure.nodes[step.algorithm]
        wanted = self._closure.inputs(step)
        if self._shop.executor.takes_many:
            entries = await together([self._entry(step, one) for one in wanted])
        else:
            entries = [await self._entry(step, one) for one in wanted]
        made = recipe(
            node, step, self._snapshot, [(e.input.parameter, e.input.label, e.value) for e in entries]
        )
        makers = {i.parameter: self._closure.nodes[i.producer] for i in node.inputs if i.producer}
        types = {BLOCKS: node.algorithm.result, **{name: m.algorithm.result for name, m in makers.items()}}
        versions = {name: maker.version for name, maker in makers.items()}
        return Task(node, step, made, tuple(entries), types, versions)

    async def _entry(self, step: Step, wanted: StepInput) -> Entry:
        """An input of a step, made ready."""
        if wanted.step is None:
            return Entry(wanted, wanted.label, None)
        try:
            trace = await self.resolve(wanted.step)
        except (AssetForgottenError, JobCancelledError, ClusterUnavailableError):
            raise
        except AmberError as error:
            raise failures.input_error(step, error) from error
        return Entry(wanted, trace.value.sha256, trace.recipe)

    async def _find_or_make(self, task: Task, key: str) -> Outcome:
        has_waited = False
        while True:
            with self._shop.turns.taken(task.recipe) as others:
                if others is None:
                    with ExitStack() as leaving:
                        return await self._found_or_made(task, key, leaving, has_waited)
                if not has_waited:
                    self._listener(StepEvent(task.step, "waiting"))
                has_waited = True
                while not await until(others, _PROMOTE_SECONDS):
                    self._shop.executor.promote(task.recipe, self._requester())
                    self._check()
            found = await self._found(task, key)
            if found is not None:
                return Outcome(task.step, found, "joined")

    async def _found(self, task: Task, key: str) -> Trace | None:
        """The committed value of a recipe, linked, if there is one whose bytes are there."""
        found = await ask(self._shop.sets.traces, task.recipe)
        if found is None or not await self._is_usable(found):
            return None
        await ask(self._shop.sets.link, Link(key, task.recipe, self._snapshot.epoch))
        return found

    async def _found_or_made(self, task: Task, key: str, leaving: ExitStack, has_waited: bool) -> Outcome:
        wakeups = self._shop.store.wakeups
        waiter: Waiter | None = None
        wait = FIRST_WAIT_SECONDS
        place: StepPlace | None = None
        is_taken_over = False
        while True:
            found = await self._found(task, key)
            if found is not None:
                return Outcome(task.step, found, "joined" if waiter or has_waited else "linked")
            failure = await self._final_failure(task)
            if failure is not None:
                raise failures.remembered_error(failure)
            if place is None:
                place = self._shop.executor.place(task.node, task.step, task.recipe)
                leaving.callback(place.leave)
            lease = await ask(self._shop.leases.take, LeaseAsk(task.recipe, task.step.assets))
            if lease is not None:
                is_taken_over |= lease.taken_over  # and still is, if the step has to wait for room first
                outcome = await self._tried(task, key, replace(lease, taken_over=is_taken_over), place)
                if outcome is not None:
                    return outcome
                if not place.has_begun:
                    self._wait_for_room(task, place)
                    continue
            place.leave()  # somebody else computes it
            if waiter is None:
                if not has_waited:
                    self._listener(StepEvent(task.step, "waiting"))
                waiter = leaving.enter_context(wakeups.waiting(task.recipe))
                continue  # look once more, for what happened before it listened
            self._shop.executor.promote(task.recipe, self._requester())
            self._check()
            await until(waiter.news, wait * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all look at once
            waiter.hear()
            wait = min(wait * 1.5, wakeups.longest_seconds)

    def _wait_for_room(self, task: Task, place: StepPlace) -> None:
        """Wait until the machine has room for the step, holding nothing."""

        def tick() -> None:
            self._listener(StepEvent(task.step, "waiting"))
            self._check()

        tick()
        place.wait(self._requester, tick)

    async def _tried(self, task: Task, key: str, lease: Lease, place: StepPlace) -> Outcome | None:
        """The step, computed under the lease, if the machine has room for it now and nobody was before us."""
        outcome: Outcome | None = None
        try:
            with self._shop.leases.held(lease):
                if place.try_begin(self._requester):
                    outcome = await self._make(task, key, lease, place)
        except StaleLeaseError:
            return None  # another worker took over; its result is looked for next
        finally:
            if outcome is None:  # failed or given up; what is committed was told with all of its set
                self._shop.store.wakeups.publish(task.recipe)
        return outcome

    async def _make(self, task: Task, key: str, lease: Lease, place: StepPlace) -> Outcome | None:
        """Compute and commit; None if a value or failure appeared before the lease was taken."""
        before = await ask(self._shop.sets.traces, task.recipe)
        if before is not None and await self._is_usable(before):
            return None
        if await self._final_failure(task) is not None:
            return None
        lost = before.value.sha256 if before is not None else None
        await self._gives_way()
        self._listener(StepEvent(task.step, "started", taken_over=lease.taken_over))
        try:
            made = await self._shop.executor.run(task, place, self._reporter(task.step), self._check)
        except (InputLostError, StaleLeaseError, JobCancelledError, HandedBackError, ClusterUnavailableError):
            raise
        except Exception as error:
            self._check()  # who is stopped from within may fail in its own way
            raise self._failed(task, error) from error
        reason = "its stored bytes were lost" if before is not None else await self._reason(task)
        new = NewTrace(
            self._trace(task, made.value, made.cost.seconds),
            _lineage(task),
            made.files,
            made.cost,
            reason,
            self._name,
            made.machine_kind,
        )
        trace = await self._commit(Commit(lease, new, key, self._snapshot.epoch, lost))
        self._lost.discard(trace.value.sha256)
        return Outcome(task.step, trace, "computed", made.cost.seconds, made)

    async def _commit(self, commit: Commit) -> Trace:
        """Commit; a catalogue that is away for a moment, no longer than a lease lasts, costs no computation."""
        end = time.monotonic() + self._shop.leases.seconds
        while True:
            try:
                trace = await ask(self._shop.sets.commit, commit)
            except ConnectionLostError:
                if time.monotonic() > end:
                    raise
            else:
                self._shop.leases.ended(commit.lease)
                return trace
            await pause(AWAY_SECONDS)

    def _failed(self, task: Task, error: Exception) -> AmberError:
        catalog = self._shop.store.catalog
        self._listener(StepEvent(task.step, "failed"))
        before = catalog.failure(task.recipe)
        made_with = self._fingerprint(task)
        catalog.put_failure(failures.remember(error, task.recipe, made_with, task.node, task.step, before))
        return failures.attempt_error(task.node, task.step, error)

    async def _final_failure(self, task: Task) -> Failure | None:
        """The remembered failure that forbids another attempt now."""
        failure = await ask(self._shop.sets.failures, task.recipe)
        if failure is None or not failures.is_final(failure, self._fingerprint(task)):
            return None
        return failure

    def _fingerprint(self, task: Task) -> str:
        locations: list[str] = []
        for entry in task.entries:
            if entry.recipe is None:
                locations += [
                    f"{at.uri} {at.file_digest}" for at in self._shop.store.catalog.locations(entry.value)
                ]
        return failures.fingerprint(task.node, locations)

    async def _reason(self, task: Task) -> str:
        wanted = subject(task.node.name, task.node.version, task.step.assets, task.step.part)
        ever = await ask(self._shop.sets.ever, wanted)
        return mark_missing(task.node, task.step, has_recipe=True, value=None, ever=ever, open_inputs=())[1]

    def _trace(self, task: Task, value: Any, seconds: float) -> Trace:
        node, step = task.node, task.step
        return Trace(
            recipe=task.recipe,
            algorithm=node.name,
            version=node.version,
            part=step.part,
            assets=step.assets,
            generations=tuple(
                self._snapshot.generation(node.name, node.version, asset) for asset in step.assets
            ),
            settings=node.settings_text,
            value=value,
            seconds=seconds,
        )

    def _reporter(self, step: Step) -> Reporter:
        return lambda done, total, unit: self._listener(StepEvent(step, "running", done, total, unit))


def _lineage(task: Task) -> tuple[TraceInput, ...]:
    return tuple(TraceInput(e.input.parameter, e.input.label, e.value, e.recipe) for e in task.entries)
