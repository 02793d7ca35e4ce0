"""Backfills: one feature of many assets, asked for a few at a time until each is there or has failed."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amber.engine import invalidate
from amber.engine.leases import is_dead, owner_name
from amber.engine.planning import plan
from amber.engine.wishes import Look, ask_for, closure_of, look
from amber.errors import BackfillNotFoundError, NotFoundError, PlanStateError, UsageError
from amber.store.backfills import Backfill, BackfillState, Item, Wish
from amber.store.jobs import Job

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: Jobs of one backfill at once, unless said otherwise.
CONCURRENCY = 8
#: Between two looks at a backfill.
LOOK_SECONDS = 0.2
#: And at least so many times what a look took.
_PART = 4.0
#: A process that does not look for so long no longer drives it.
DRIVE_SECONDS = 10.0
#: Items that are looked at in one set.
_BATCH = 500
_DRIVEN = "backfill "
#: The duty of a worker.
WORKING = "worker "


@dataclass(frozen=True)
class Forecast:
    """What a backfill would do."""

    #: Assets whose feature is not there, and those whose feature is.
    to_compute: int
    hits: int
    #: Compute seconds of all steps, as far as they were ever measured.
    seconds: float
    #: Bytes that would be stored, as far as such were ever stored.
    size_bytes: float
    #: Steps that would be computed and were never measured.
    unmeasured: int


class Backfills:
    """Starts, follows and ends backfills.

    Args:
        engine: Computes.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._catalog = engine.store.catalog
        #: Whoever works for a backfill here has nothing to do any more.
        self._news = threading.Event()

    def plan(self, wish: Wish, assets: Sequence[str] | None = None) -> Forecast:
        """What a backfill would do; does nothing.

        Args:
            wish: What is asked for of each asset alone.
            assets: Hashes; all that have the labels of the wish, unless given.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
        """
        closure = closure_of(self._engine, wish)
        chosen = list(self._catalog.assets_added(wish.where)) if assets is None else sorted(set(assets))
        tops = [closure.step((asset,)) for asset in chosen]
        planned = plan(self._engine.store, closure, self._catalog.snapshot(), tops, check_blobs=False)
        missing = [one for one in planned.steps if one.mark != "hit"]
        asked = sum(one.step.algorithm == wish.algorithm and one.step.part == "whole" for one in missing)
        sizes = self._catalog.mean_bytes() if missing else {}
        versions = {name: node.version for name, node in closure.nodes.items()}
        size = sum(sizes.get((one.step.algorithm, versions[one.step.algorithm]), 0.0) for one in missing)
        unmeasured = sum(one.seconds is None for one in missing)
        return Forecast(asked, len(tops) - asked, planned.seconds, size, unmeasured)

    def start(
        self,
        wish: Wish,
        assets: Sequence[str] | None = None,
        *,
        canary: int = 0,
        concurrency: int = CONCURRENCY,
        rate: float = 0.0,
        who: str | None = None,
    ) -> Backfill:
        """Begin a backfill; workers do it, or `finish` does.

        The same wish for all assets, while it has not ended, goes on where it is.

        Args:
            wish: What is asked for of each asset alone.
            assets: Hashes; all that have the labels of the wish, unless given.
            canary: So many go first; if one of them fails, the backfill waits for somebody to resume it.
            concurrency: So many jobs at once, at most.
            rate: So many jobs a second, at most; 0: any number.
            who: Who asks; the user of this process, unless given.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
        """
        if concurrency < 1 or canary < 0 or not 0.0 <= rate < float("inf"):
            raise UsageError(
                f"concurrency is 1 or more, canary and rate 0 or more; found {concurrency}, {canary}, {rate}"
            )
        forecast = self.plan(wish, assets)
        if not forecast.to_compute + forecast.hits:
            raise UsageError(
                f"no asset has the labels {dict(wish.where)}; `amber assets` lists assets with their labels"
                if wish.where
                else "there is no asset; `amber ingest` records some"
            )
        for known in self.all() if assets is None else ():
            if known.wish == wish and not known.is_ended:
                return self.resume(known.id) if known.state == "paused" else known
        made = Backfill(secrets.token_hex(6), wish, who or invalidate.person())
        made = replace(made, canary=canary, concurrency=concurrency, rate=rate)
        return self._catalog.put_backfill(replace(made, expected_seconds=forecast.seconds), assets)

    def all(self) -> list[Backfill]:
        """All backfills, oldest first."""
        return self._catalog.backfills()

    def find(self, name: str) -> Backfill:
        """The backfill whose id is, or begins with, `name` (four digits or more).

        Raises:
            BackfillNotFoundError: There is none, or there are several.
        """
        found = [one for one in self.all() if len(name) >= 4 and one.id.startswith(name.lower())]
        if len(found) != 1:
            said = "several backfills begin with" if found else "there is no backfill"
            raise BackfillNotFoundError(f"{said} {name!r}; `amber backfill` lists them")
        return found[0]

    def failures(self, backfill: str) -> "Sequence[Item]":
        """The items that failed, with reasons."""
        return self._catalog.items(backfill, states=["failed"])

    def pause(self, backfill: str) -> Backfill:
        """Ask for no more; what was asked for goes on.

        Raises:
            PlanStateError: It has ended.
        """
        return self._moved(backfill, "paused", "running", "paused")

    def resume(self, backfill: str) -> Backfill:
        """Go on, past a canary that failed too; raises as `pause`."""
        found = self._catalog.backfill(backfill)
        return self._moved(backfill, "running", "paused", "running", canary=0 if found.reason else None)

    def cancel(self, backfill: str) -> Backfill:
        """Ask for no more, and withdraw what was asked for; raises as `pause`."""
        open_items = self._catalog.items(backfill, states=["asked"])
        moved = self._moved(backfill, "cancelled", "running", "paused", "cancelled")
        for item in open_items:
            self._catalog.withdraw_job(item.key, asker(backfill))
        return moved

    def _moved(
        self, backfill: str, state: BackfillState, *of: BackfillState, canary: int | None = None
    ) -> Backfill:
        is_moved = self._catalog.move_backfill(backfill, state, of=of, canary=canary)
        found = self._catalog.backfill(backfill)
        if not is_moved:
            raise PlanStateError(f"backfill {backfill} is {found.state}, so it cannot be {state}")
        return found

    def finish(self, backfill: str, told: Callable[[Backfill], None] = lambda _: None) -> Backfill:
        """Wait until it is done, cancelled or paused; where nobody works on it, do that here.

        Args:
            backfill: Its id.
            told: Called with each change.
        """
        if is_worked_on(self._engine):
            return self._follow(backfill, told, lambda: None)
        from amber.engine.worker import SilentWatch, Worker

        jobs = self._catalog.backfill(backfill).concurrency
        worker = Worker(self._engine, SilentWatch(), jobs=jobs, idle=self._news.set)
        thread = threading.Thread(target=worker.run, name="amber-backfill", daemon=True)
        thread.start()
        driver = Driver(self._engine)
        try:
            return self._follow(backfill, told, lambda: driver.drive(backfill))
        finally:
            worker.hand_back()
            thread.join()

    def _follow(
        self, backfill: str, told: Callable[[Backfill], None], turn: Callable[[], object]
    ) -> Backfill:
        before = None
        while True:
            self._news.clear()
            began = time.monotonic()
            turn()
            now = self._catalog.backfill(backfill)
            if now != before:
                told(now)
            if now.state != "running":
                return now
            before = now
            self._news.wait(max(LOOK_SECONDS, _PART * (time.monotonic() - began)))


class Driver:
    """Lets backfills go on, those that no other process drives.

    Args:
        engine: Knows the algorithms.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._catalog = engine.store.catalog
        #: Backfill → when it was last looked at here.
        self._looked: dict[str, float] = {}

    def drive_all(self) -> bool:
        """One turn of each backfill that runs; whether any of them does."""
        running = [one.id for one in self._catalog.backfills() if one.state == "running"]
        for backfill in running:
            with suppress(NotFoundError, UsageError):  # not loaded here: it is left to who has
                self.drive(backfill)
        return bool(running)

    def drive(self, backfill: str) -> None:
        """One turn: note what became of what was asked for, and ask for more.

        Raises:
            NotFoundError, UsageError: Its algorithms are not loaded here.
        """
        dead = dead_owners(self._engine)
        if not self._catalog.take_duty(_DRIVEN + backfill, owner_name(), DRIVE_SECONDS, dead=dead):
            return
        now = time.monotonic()
        spent = min(now - self._looked.get(backfill, now), DRIVE_SECONDS)
        self._looked[backfill] = now
        _Turn(self._engine, self._catalog.backfill(backfill), spent).take()


class _Turn:
    """One look at a backfill; taken twice, it does the same as once."""

    def __init__(self, engine: "Engine", backfill: Backfill, spent_seconds: float) -> None:
        self._engine = engine
        self._catalog = engine.store.catalog
        self._backfill = backfill
        self._spent_seconds = spent_seconds
        self._next_at = backfill.next_at

    def take(self) -> None:
        self._settle(self._catalog.items(self._backfill.id, states=["asked"]))
        if self._backfill.state == "running" and self._may_go_on():
            self._ask_for_more()
        if not self._catalog.backfill(self._backfill.id).left:
            self._catalog.move_backfill(self._backfill.id, "done", of=["running"])

    def _settle(self, asked: Sequence[Item]) -> None:
        """Note what became of what was asked for."""
        keys = [item.key for item in asked]
        linked = self._catalog.linked_values(keys)
        jobs = self._catalog.find_jobs([key for key in keys if key not in linked])
        told = [after for item in asked if (after := settled(item, item.key in linked, jobs)) != item]
        if told or self._spent_seconds:
            self._catalog.tell_items(self._backfill.id, told, elapsed_seconds=self._spent_seconds)

    def _may_go_on(self) -> bool:
        """Whether there is no canary, or it is well, or still being asked for."""
        canary = self._backfill.canary
        if not canary:
            return True
        first = self._catalog.items(self._backfill.id, limit=canary)
        if any(item.state == "waiting" for item in first):
            return True
        if any(item.state == "asked" for item in first):
            return False
        failed = [item for item in first if item.state != "ready"]
        if failed:
            reason = f"{len(failed)} of the first {len(first)} failed: {failed[0].message or failed[0].state}"
            self._catalog.move_backfill(self._backfill.id, "paused", of=["running"], reason=reason)
        return not failed

    def _ask_for_more(self) -> None:
        free = self._backfill.concurrency - len(self._catalog.items(self._backfill.id, states=["asked"]))
        after = -1
        while free > 0 and self._is_due():
            waiting = self._catalog.items(self._backfill.id, states=["waiting"], after=after, limit=_BATCH)
            waiting = [item for item in waiting if item.position < self._border()]
            if not waiting:
                return
            seen = look(self._engine, self._backfill.wish, [item.asset for item in waiting])
            free -= self._ask_some(seen, waiting, free)
            after = waiting[-1].position

    def _border(self) -> int:
        """Behind this position nothing is asked for yet."""
        canary = self._backfill.canary
        if not canary:
            return 1 << 31
        first = self._catalog.items(self._backfill.id, limit=canary)
        is_over = all(item.state not in ("waiting", "asked") for item in first)
        return 1 << 31 if is_over else first[-1].position + 1

    def _ask_some(self, seen: Look, waiting: Sequence[Item], free: int) -> int:
        """Note those that are there already, and ask for so many of the others; how many."""
        told: list[Item] = []
        asked: list[str] = []
        for item in waiting:
            key = seen.keys[item.asset]
            if key in seen.ready:
                told.append(replace(item, state="ready", key=key, hit=True))
            elif len(asked) < free and self._is_due():
                self._spend()
                told.append(replace(item, state="asked", key=key))
                asked.append(item.asset)
        # First noted, then asked for: a death between the two leaves items without a job, which are asked for again.
        self._catalog.tell_items(self._backfill.id, told, next_at=self._next_at)
        ask_for(self._engine, seen, asked, asker(self._backfill.id), self._backfill.who)
        return len(asked)

    def _is_due(self) -> bool:
        return not self._backfill.rate or time.time() >= self._next_at

    def _spend(self) -> None:
        if self._backfill.rate:
            self._next_at = max(self._next_at, time.time() - LOOK_SECONDS) + 1.0 / self._backfill.rate


def settled(item: Item, is_linked: bool, jobs: Mapping[str, Job]) -> Item:
    """What became of an item that was asked for; the item itself while nothing has.

    Args:
        item: Its key is that of the job.
        is_linked: Whether the feature is there.
        jobs: The jobs that are known, by key.
    """
    job = jobs.get(item.key)
    if is_linked or (job is not None and job.state == "ready"):
        return replace(item, state="ready")
    if job is None:
        return replace(item, state="waiting")
    if job.state == "failed":
        return replace(item, state="failed", error=job.error, message=job.message)
    return replace(item, state="cancelled") if job.state == "cancelled" else item


def asker(backfill: str) -> str:
    """How a backfill is named among those that want a job."""
    return f"backfill|{backfill}"


def eta_seconds(backfill: Backfill) -> float | None:
    """Expected seconds until it is done, by its own pace so far, or by what it was expected to take; None: not known."""
    if backfill.is_ended or not backfill.left:
        return 0.0
    computed = backfill.counts.get("ready", 0) - backfill.hits + backfill.counts.get("failed", 0)
    if computed and backfill.elapsed_seconds:
        return backfill.elapsed_seconds / computed * backfill.left
    if backfill.expected_seconds:
        return backfill.expected_seconds / backfill.concurrency
    return None


def dead_owners(engine: "Engine") -> list[str]:
    """Processes of this machine that have ended with a duty in hand."""
    return [duty.owner for duty in engine.store.catalog.duties() if is_dead(duty.owner)]


def is_worked_on(engine: "Engine") -> bool:
    """Whether a worker runs, here or elsewhere."""
    duties = engine.store.catalog.duties()
    return any(duty.name.startswith(WORKING) and not is_dead(duty.owner) for duty in duties)
