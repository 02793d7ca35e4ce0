"""Processes of a cluster that hold an accelerator, and the models that were loaded onto it, from one step to the next."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from amber.engine.executors.admission import Resources
from amber.engine.executors.node import compute_all
from amber.engine.executors.wire import Commission, Deployment, Report
from amber.errors import JobCancelledError

#: Steps that one of them has at hand, at least and at most: while the model works for some, others are read and decoded.
FEWEST_AT_HAND, MOST_AT_HAND = 2, 8
#: The share of its machine that one takes at most, for that.
SHARE = 0.5
#: One that has nothing to do gives its accelerator back after so many seconds; sooner where no processor is free.
IDLE_SECONDS, SOON_SECONDS = 60.0, 5.0
#: How often Ray computes again what was on a process or machine that was lost.
RETRIES = 5


def machines(ray: Any) -> list[Resources]:
    """What each machine of the cluster has in all."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [
        Resources(float(has.get("CPU", 0.0)), float(has.get("GPU", 0.0)), int(has.get("memory", 0.0)))
        for has in alive
    ]


def at_hand(wants: Resources, there: Sequence[Resources]) -> int:
    """How many steps whoever holds an accelerator has at hand, of which each wants this.

    As many as read for the model with half of the processors that the machine has for this accelerator, and one more,
    whose pictures the model has; and no more than half of the memory holds. The machine is the one with the fewest.
    """

    def of(machine: Resources) -> float:
        share = SHARE * wants.gpus / machine.gpus
        reading = share * machine.cpus / wants.cpus if wants.cpus else MOST_AT_HAND
        held = share * machine.memory_bytes / wants.memory_bytes if wants.memory_bytes else MOST_AT_HAND
        return min(1 + reading, held)

    found = min((of(one) for one in there if 0 < wants.gpus <= one.gpus), default=FEWEST_AT_HAND)
    return max(FEWEST_AT_HAND, min(MOST_AT_HAND, int(found)))


def _taken(wants: Resources, most: int) -> Resources:
    """What a process takes that has so many steps at hand, one of which waits for the model."""
    return Resources((most - 1) * wants.cpus, wants.gpus, most * wants.memory_bytes)


@dataclass(eq=False)
class _Holder:
    """One process, as whoever asks knows it."""

    #: Algorithm and version.
    name: tuple[str, str]
    wants: Resources
    #: How many steps it has at hand at once.
    most: int
    actor: Any
    at_hand: int = 0
    used_at: float = field(default_factory=time.monotonic)


class Holders:
    """The processes with accelerators of one deployment: as many of an algorithm as have something to do.

    Args:
        ray: Ray, connected.
        deployment: What they open.
        is_cancelled: Called there: whether the step at hand is not wanted any more.
    """

    def __init__(self, ray: Any, deployment: Deployment, is_cancelled: Callable[[], bool]) -> None:
        self._ray = ray
        self._deployment = deployment
        self._is_cancelled = is_cancelled
        self._there: list[_Holder] = []
        self._later: threading.Timer | None = None
        self._lock = threading.Lock()

    def submit(self, sent: Sequence[Commission], wants: Resources, board: Any) -> tuple[Any, _Holder]:
        """Have steps computed by one that has their algorithm's model; what names their results, and who has them."""
        with self._lock:
            holder = self._chosen((sent[0].name, sent[0].version), wants)
            holder.at_hand += 1
        return holder.actor.compute.remote(self._deployment, list(sent), board), holder

    def done(self, holder: _Holder) -> None:
        """Note that a step of one has ended."""
        with self._lock:
            holder.at_hand -= 1
            holder.used_at = time.monotonic()
            self._tidy_later()

    def tidy(self) -> None:
        """Let those go that have nothing to do; while others may wait for the processors that they keep, soon."""
        with self._lock:
            now = time.monotonic()
            idle = [one for one in self._there if not one.at_hand and now - one.used_at > SOON_SECONDS]
            if not idle:
                return
            is_short = self._ray.available_resources().get("CPU", 0.0) < 1.0
            for one in idle:
                if now - one.used_at > IDLE_SECONDS or (is_short and one.wants.cpus):
                    self._end(one)

    def _tidy_later(self) -> None:
        """Look again, though nobody may come any more."""
        if self._later is None and any(not one.at_hand for one in self._there):
            self._later = threading.Timer(IDLE_SECONDS + SOON_SECONDS, self._is_later)
            self._later.daemon = True
            self._later.start()

    def _is_later(self) -> None:
        with suppress(Exception):  # the connection may be no more
            self.tidy()
        with self._lock:
            self._later = None
            self._tidy_later()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for one in list(self._there):
                self._end(one)
            if self._later is not None:
                self._later.cancel()

    def _chosen(self, name: tuple[str, str], wants: Resources) -> _Holder:
        """The one with the least to do; a new one while all have enough and there is an accelerator for it."""
        own = [one for one in self._there if (one.name, one.wants) == (name, wants)]
        least = min(own, key=lambda one: one.at_hand, default=None)
        most = at_hand(wants, machines(self._ray)) if least is None else least.most
        takes = _taken(wants, most)
        if least is not None and (least.at_hand < least.most or not self._has_room(takes)):
            return least
        if least is None and not self._has_room(takes):
            for one in sorted(self._there, key=lambda one: one.used_at):
                if not one.at_hand:  # has the accelerator of which another algorithm has use now
                    self._end(one)
                    break
        made = _Holder(name, wants, most, self._started(name, takes, most))
        self._there.append(made)
        return made

    def _has_room(self, takes: Resources) -> bool:
        free = self._ray.available_resources()
        return bool(free.get("GPU", 0.0) >= takes.gpus and free.get("CPU", 0.0) >= takes.cpus)

    def _started(self, name: tuple[str, str], takes: Resources, most: int) -> Any:
        options = {
            "num_cpus": takes.cpus,
            "num_gpus": takes.gpus,
            "memory": takes.memory_bytes or None,
            "max_restarts": -1,
            "max_task_retries": RETRIES,
            "max_concurrency": most,
        }
        return (
            self._ray.remote(Holder).options(**options).remote(f"amber {' '.join(name)}", self._is_cancelled)
        )

    def _end(self, one: _Holder) -> None:
        self._there.remove(one)
        self._ray.kill(one.actor)


class Holder:
    """What such a process does: models that it opened stay where they are.

    Args:
        title: For those who look at the cluster.
        is_cancelled: Whether whoever asked for the step at hand does not want it any more.
    """

    def __init__(self, title: str, is_cancelled: Callable[[], bool]) -> None:
        self._title = title
        self._is_cancelled = is_cancelled

    def __repr__(self) -> str:
        return self._title

    def compute(self, deployment: Deployment, sent: Sequence[Commission], board: Any) -> list[Report]:
        """Compute steps; several calls at once share the models."""

        def tell(name: str, done: int, total: int, unit: str) -> None:
            board.tell.remote(name, done, total, unit)
            if self._is_cancelled():
                raise JobCancelledError

        return compute_all(deployment, sent, tell)
