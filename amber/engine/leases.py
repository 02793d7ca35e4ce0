"""Leases of this process: taken on recipes, kept alive by a heartbeat, taken over from holders known dead."""

import os
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from amber.errors import AmberError, StoreError, StoreUnavailableError
from amber.store.jobs import Job
from amber.store.protocol import Catalog, Lease, LeaseAsk

#: How long a lease lasts without a heartbeat.
LEASE_SECONDS = 30.0


@cache
def host_name() -> str:
    """Names the running kernel and its process numbers, so that a pid means the same on both sides."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _started(pid: int, *, but_in: str = "ZX") -> str | None:
    """When the process began, in the kernel's ticks; None if there is none of that number, or it is in one of these states."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _started_without_proc(pid)
    return None if state in but_in else fields[18]


def _started_without_proc(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "running"
    return "running"


def owner_name() -> str:
    """This process, as owners of leases and jobs are written: `host|pid|start`."""
    return f"{host_name()}|{os.getpid()}|{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether an owner is a process of this machine that has ended; False where that cannot be known."""
    return _is_gone(owner, "ZX")


def is_dead_or_stopped(owner: str) -> bool:
    """The same, or that it was stopped, and does nothing until it is woken."""
    return _is_gone(owner, "ZXTt")


def _is_gone(owner: str, states: str) -> bool:
    host, _, process = owner.partition("|")
    pid, _, started = process.partition("|")
    return host == host_name() and pid.isdecimal() and _started(int(pid), but_in=states) != started


class Claimed(Protocol):
    """Work on a job, which is told when somebody else has it."""

    #: As it was claimed.
    job: Job

    def lose(self) -> None:
        """Learn that the claim no longer stands."""


class LeaseKeeper:
    """Takes leases and claims jobs for this process, and renews both in the background while they are held.

    Args:
        catalog: Where leases are.
        seconds: How long a lease lasts without a heartbeat.
    """

    def __init__(self, catalog: Catalog, seconds: float = LEASE_SECONDS) -> None:
        self._catalog = catalog
        #: How long a lease lasts without a heartbeat.
        self.seconds = seconds
        self._held: dict[str, Lease] = {}
        self._claims: dict[str, Claimed] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, asked: Sequence[LeaseAsk]) -> list[Lease | AmberError | None]:
        """The leases on recipes; None where a living worker holds it, and the error that `take_leases` answers."""
        owner = owner_name()
        answers = self._catalog.take_leases(asked, owner, self.seconds)
        again: dict[int, LeaseAsk] = {}
        for at, one in enumerate(asked):
            holder = self._catalog.holder(one.recipe) if answers[at] is None else None
            if holder is not None and is_dead(holder.owner):
                again[at] = replace(one, despite_fence=holder.fence)
        if again:
            late = self._catalog.take_leases(list(again.values()), owner, self.seconds)
            answers = [*answers]
            for at, answer in zip(again, late, strict=True):
                answers[at] = answer
        return answers

    def claim(self, most: int = 1, **which: Any) -> list[Job]:
        """Jobs that can be claimed, or whose worker has died; see `JobCatalog.claim_jobs`."""
        dead = self.dead_owners()
        return self._catalog.claim_jobs(owner_name(), self.seconds, most=most, dead=dead, **which)

    def dead_owners(self) -> list[str]:
        """Processes of this machine that have ended with a job in hand."""
        return [owner for owner in self._catalog.job_owners() if owner and is_dead(owner)]

    @contextmanager
    def held(self, lease: Lease) -> Iterator[None]:
        """Keep a lease alive within, and give it back at the end, unless it has `ended`."""
        with self._lock:
            self._held[lease.recipe] = lease
            self._start()
        try:
            yield
        finally:
            with self._lock:
                is_held = self._held.pop(lease.recipe, None) is not None
            if is_held:
                with suppress(StoreUnavailableError):  # then it ends by itself, in its time
                    self._catalog.release_lease(lease)

    def ended(self, lease: Lease) -> None:
        """Note that a commit has ended a lease."""
        with self._lock:
            self._held.pop(lease.recipe, None)

    @contextmanager
    def claimed(self, claim: Claimed | None) -> Iterator[None]:
        """Keep a claim on a job alive within; it is told if it no longer stands."""
        if claim is None:
            yield
            return
        with self._lock:
            self._claims[claim.job.key] = claim
            self._start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.pop(claim.job.key, None)

    def release_all(self) -> None:
        """Give back every lease, as the last thing that this process does."""
        with self._lock:
            leases = list(self._held.values())
        for lease in leases:
            with suppress(StoreUnavailableError):
                self._catalog.release_lease(lease)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="amber-leases", daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        while not self._wake.wait(self.seconds / 3):
            with self._lock:
                leases, claims = list(self._held.values()), list(self._claims.values())
            try:
                if leases:
                    self._catalog.renew_leases(leases, self.seconds)
                if claims:
                    standing = self._catalog.renew_jobs([claim.job for claim in claims], self.seconds)
                    for claim in claims:
                        if claim.job.key not in standing:
                            claim.lose()
            except StoreError:
                continue  # the next beat tries again; a lease that ends meanwhile is refused at commit

    def close(self) -> None:
        """Stop the heartbeat."""
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
