"""A process's work on a job: what it tells others of it, and how it learns that it shall stop."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from amber.engine.events import StepEvent
from amber.engine.executors.admission import Requester
from amber.errors import JobCancelledError, StoreUnavailableError
from amber.keys import Step
from amber.store.jobs import WAITED, Ending, Finish, Job, Progress
from amber.store.protocol import Store, Trace

#: Progress within a step is written no more often.
TELL_SECONDS = 0.5
#: Seconds between two looks at how urgent a job is.
LOOK_SECONDS = 0.25
_READY = ("hit", "linked", "computed", "joined")


class HandedBackError(Exception):
    """The worker shall stop, and another one takes the job."""


class Claim:
    """The right to work on a job.

    Args:
        store: Where the job is.
        job: As `claim_job` gave it.
        steps: How many steps its closure has.
        expected: Expected wall seconds of the steps that are not stored, as far as they were ever measured.
    """

    def __init__(
        self, store: Store, job: Job, steps: int = 0, expected: Mapping[Step, float] | None = None
    ) -> None:
        self.job = job
        self._store = store
        self._expected = dict(expected or {})
        self._ready: set[Step] = set()
        self._now = Progress(steps_total=steps)
        self._told_at = 0.0
        self._asked_at = time.monotonic()
        self._step_began = time.monotonic()
        self._lost = threading.Event()
        self._handing_back = threading.Event()

    def requester(self) -> Requester:
        """On whose behalf the job is done; a backfill's becomes urgent when somebody comes to wait for it."""
        now = time.monotonic()
        if self.job.priority < WAITED and now - self._asked_at >= LOOK_SECONDS:
            self._asked_at = now
            with suppress(StoreUnavailableError):
                there = self._store.catalog.job(self.job.key)
                if there is not None and there.priority > self.job.priority:
                    self.job = replace(self.job, priority=there.priority)
        return Requester(self.job.requester, self.job.priority)

    def check(self) -> None:
        """Go on only while the claim stands.

        Raises:
            JobCancelledError: Nobody wants the job any more, or it was taken over.
            HandedBackError: This process shall stop.
        """
        if self._lost.is_set():
            raise JobCancelledError(f"job {self.job.key[:12]} was cancelled, as nobody wants it any more")
        if self._handing_back.is_set():
            raise HandedBackError()

    def lose(self) -> None:
        """Learn that the claim no longer stands."""
        self._lost.set()

    def ask_back(self) -> None:
        """Stop at the next chance, and let others do it."""
        self._handing_back.set()

    def listen(self, event: StepEvent) -> None:
        """Note what a run says, and write it down at a bounded rate; raises as `check`."""
        is_new = event.step.algorithm != self._now.step or event.state != "running"
        if event.state == "started":
            self._step_began = time.monotonic()
        if event.state in _READY:
            self._ready.add(event.step)
            self._expected.pop(event.step, None)
        self._now = Progress(
            step=event.step.algorithm,
            done=event.done,
            total=event.total,
            unit=event.unit,
            steps_done=len(self._ready),
            steps_total=max(self._now.steps_total, len(self._ready)),
            remaining_seconds=self._remaining(event),
        )
        now = time.monotonic()
        is_due = now - self._told_at >= (TELL_SECONDS / 5 if is_new else TELL_SECONDS)
        if is_due and not self._is_soon_over(event):
            self._told_at = now
            self._tell()
        self.check()

    def _is_soon_over(self, event: StepEvent) -> bool:
        """Whether what is said of a job would not be true any more when somebody read it."""
        if event.state in _READY:  # and then it is told with what became of the job
            return (event.step.algorithm, event.step.assets) == (self.job.algorithm, self.job.assets)
        return event.state == "started" and self._expected.get(event.step, TELL_SECONDS) < TELL_SECONDS

    def _remaining(self, event: StepEvent) -> float | None:
        """Expected seconds: of the step at work by how far it is, of the others from history."""
        others = sum(seconds for step, seconds in self._expected.items() if step != event.step)
        if event.done and event.total:
            spent = time.monotonic() - self._step_began
            return others + spent * max(0, event.total - event.done) / event.done
        if event.step in self._expected:
            return others + self._expected[event.step]
        return others if self._expected else None

    def _tell(self) -> None:
        with suppress(StoreUnavailableError):  # it is told again, and the heartbeat notices a lost claim
            if not self._store.catalog.tell_job(self.job, self._now):
                self.lose()

    def ready(self, trace: Trace, made: Sequence[tuple[Step, float]], *, asker: str = "") -> Finish:
        """What is written down when the feature is there."""
        computed = [{"algorithm": s.algorithm, "assets": list(s.assets), "seconds": t} for s, t in made]
        return Finish(self.job, Ending("ready", trace.recipe, json.dumps(computed)), asker, self._now)

    def failed(self, error: Exception, *, asker: str = "") -> Finish:
        """What is written down when it cannot be had."""
        ending = Ending("failed", error=type(error).__name__, message=str(error))
        return Finish(self.job, ending, asker, self._now)

    def hand_back(self) -> None:
        """Let others claim it."""
        with suppress(StoreUnavailableError):  # then the claim ends by itself, in its time
            self._store.catalog.hand_back_job(self.job)
        self._store.wakeups.publish(JOBS)


#: Under this name workers are told that there is something to do.
JOBS = "jobs"
