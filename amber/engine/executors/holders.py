"""Processes of a cluster that hold an accelerator, and the models that were loaded onto it, from one step to the next."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from amber.engine.executors.admission import Resources
from amber.engine.executors.node import compute_all
from amber.engine.executors.wire import Commission, Deployment, Report
from amber.errors import JobCancelledError

#: Steps that one of them has at hand: while one is on the accelerator, the next is read and decoded.
AT_HAND = 2
#: One that has nothing to do gives its accelerator back after so many seconds.
IDLE_SECONDS = 60.0
#: How often Ray computes again what was on a process or machine that was lost.
RETRIES = 5


@dataclass(eq=False)
class _Holder:
    """One process, as whoever asks knows it."""

    #: Algorithm and version.
    name: tuple[str, str]
    wants: Resources
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
        self._lock = threading.Lock()

    def submit(self, sent: Sequence[Commission], wants: Resources, board: Any) -> tuple[Any, _Holder]:
        """Have steps computed by one that has their algorithm's model; what names their results, and who has them."""
        with self._lock:
            holder = self._chosen((sent[0].name, sent[0].version), wants)
            holder.at_hand += 1
        return holder.actor.compute.remote(self._deployment, list(sent), board), holder

    def done(self, holder: _Holder) -> None:
        """Note that a step of one has ended, and let those go that have nothing to do."""
        with self._lock:
            holder.at_hand -= 1
            holder.used_at = time.monotonic()
            for one in list(self._there):
                if not one.at_hand and holder.used_at - one.used_at > IDLE_SECONDS:
                    self._end(one)

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for one in list(self._there):
                self._end(one)

    def _chosen(self, name: tuple[str, str], wants: Resources) -> _Holder:
        """The one with the least to do; a new one while all have enough and there is an accelerator for it."""
        own = [one for one in self._there if (one.name, one.wants) == (name, wants)]
        least = min(own, key=lambda one: one.at_hand, default=None)
        if least is not None and (least.at_hand < AT_HAND or not self._has_room(wants)):
            return least
        if least is None and not self._has_room(wants):
            for one in sorted(self._there, key=lambda one: one.used_at):
                if not one.at_hand:  # has the accelerator of which another algorithm has use now
                    self._end(one)
                    break
        made = _Holder(name, wants, self._started(name, wants))
        self._there.append(made)
        return made

    def _has_room(self, wants: Resources) -> bool:
        free = self._ray.available_resources()
        return bool(free.get("GPU", 0.0) >= wants.gpus and free.get("CPU", 0.0) >= wants.cpus)

    def _started(self, name: tuple[str, str], wants: Resources) -> Any:
        options = {
            "num_cpus": wants.cpus,
            "num_gpus": wants.gpus,
            "memory": AT_HAND * wants.memory_bytes or None,
            "max_restarts": -1,
            "max_task_retries": RETRIES,
            "max_concurrency": AT_HAND,
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
