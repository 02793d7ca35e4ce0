"""Leases of this process: taken on recipes, kept alive by a heartbeat, taken over from holders known dead."""

import os
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from amber.errors import StoreError, StoreUnavailableError
from amber.store.protocol import Catalog, Lease

#: How long a lease lasts without a heartbeat.
LEASE_SECONDS = 30.0


@cache
def _host() -> str:
    """Names the running kernel and its process numbers, so that a pid means the same on both sides."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _started(pid: int) -> str | None:
    """When the process began, in the kernel's ticks; None if there is none of that number, or only its remains."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _started_without_proc(pid)
    return None if state in "ZX" else fields[18]


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
    return f"{_host()}|{os.getpid()}|{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether an owner is a process of this machine that has ended; False where that cannot be known."""
    host, pid, started = owner.rsplit("|", 2)
    return host == _host() and _started(int(pid)) != started


class LeaseKeeper:
    """Takes leases for this process and renews them in the background while they are held.

    Args:
        catalog: Where leases are.
        seconds: How long a lease lasts without a heartbeat.
    """

    def __init__(self, catalog: Catalog, seconds: float = LEASE_SECONDS) -> None:
        self._catalog = catalog
        #: How long a lease lasts without a heartbeat.
        self.seconds = seconds
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, recipe: str, assets: Sequence[str] = ()) -> Lease | None:
        """The lease on a recipe of these assets, or None while a living worker holds it.

        Raises:
            AssetForgottenError: One of the assets was taken down.
        """
        owner = owner_name()
        lease = self._catalog.take_lease(recipe, owner, self.seconds, assets=assets)
        if lease is None:
            holder = self._catalog.holder(recipe)
            if holder is not None and is_dead(holder.owner):
                lease = self._catalog.take_lease(
                    recipe, owner, self.seconds, assets=assets, despite_fence=holder.fence
                )
        return lease

    @contextmanager
    def held(self, lease: Lease) -> Iterator[None]:
        """Keep a lease alive within, and give it back at the end (a commit has ended it already)."""
        with self._lock:
            self._held[lease.recipe] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="amber-leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(lease.recipe, None)
            with suppress(StoreUnavailableError):  # then it ends by itself, in its time
                self._catalog.release_lease(lease)

    def _beat(self) -> None:
        while not self._wake.wait(self.seconds / 3):
            with self._lock:
                leases = list(self._held.values())
            if leases:
                try:
                    self._catalog.renew_leases(leases, self.seconds)
                except StoreError:
                    continue  # the next beat tries again; a lease that ends meanwhile is refused at commit

    def close(self) -> None:
        """Stop the heartbeat."""
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
