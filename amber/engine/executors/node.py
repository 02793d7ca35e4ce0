"""What a process of a cluster does: opens the stores once, computes what is sent to it, and stores the values itself."""

import platform
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from amber.engine.compute import compute
from amber.engine.executors.wire import Commission, Deployment, Report, failed, task_of
from amber.engine.leases import host_name
from amber.engine.values import Values
from amber.errors import ConfigurationError
from amber.registry import Registry, load_algorithms
from amber.settings import Settings
from amber.store.open import open_store
from amber.store.protocol import Store

#: Seconds between two words on how far a step is.
TELL_SECONDS = 0.5
#: Takes the id of a commission and how far it is: done, total, unit.
Tell = Callable[[str, int, int, str], None]

_opening = threading.Lock()


@dataclass(frozen=True)
class Bench:
    """What a process computes with."""

    store: Store
    values: Values
    registry: Registry


def compute_all(deployment: Deployment, sent: Sequence[Commission], tell: Tell) -> list[Report]:
    """Compute steps one after the other; each has its report, whatever happens to the others."""
    return [_computed(deployment, one, tell) for one in sent]


def machine_name() -> str:
    """How this machine is called in reports and metrics."""
    return platform.node() or "unnamed"


def _computed(deployment: Deployment, sent: Commission, tell: Tell) -> Report:
    machine = machine_name()
    try:
        with _opening:  # threads of one process open the stores once
            bench = _bench(deployment)
        task = task_of(sent, bench.registry, machine)
        made = compute(task, bench.store, bench.values, _reporter(sent.id, tell))
    except Exception as error:  # noqa: BLE001 - it is sent back, whatever it is
        return failed(sent, machine, error)
    return Report(sent.id, machine, made)


@cache
def _bench(deployment: Deployment) -> Bench:
    """The stores and algorithms of a deployment, opened for as long as this process lives."""
    store = open_store(
        _home(deployment),
        deployment.database_url,
        blobs_url=deployment.blobs_url,
        redis_url=deployment.redis_url,
        copies_bytes=deployment.copies_bytes,
    )
    registry = Registry(load_algorithms(deployment.algorithms), dict(deployment.bindings))
    return Bench(store, Values(store.blobs), registry)


def _home(deployment: Deployment) -> Path:
    """The folder of what is on this machine.

    Raises:
        ConfigurationError: What is asked for is in files of another machine.
    """
    if deployment.host == host_name():
        return Path(deployment.home)
    if deployment.database_url is None or not deployment.blobs_url:
        what = "catalogue" if deployment.database_url is None else "blobs"
        setting = "AMBER_DATABASE_URL" if deployment.database_url is None else "AMBER_BLOBS_URL"
        raise ConfigurationError(
            f"{machine_name()} computes for {deployment.home} on another machine and cannot reach its {what}; "
            f"set {setting}, so that all machines of the cluster share them"
        )
    return Settings.read().home


def _reporter(name: str, tell: Tell) -> Callable[[int, int, str], None]:
    told_at = 0.0

    def report(done: int, total: int, unit: str) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= TELL_SECONDS:
            told_at = now
            tell(name, done, total, unit)

    return report


class Board:
    """Where processes of a cluster write how far they are, and whoever asked reads it."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, int, str]] = {}

    def tell(self, name: str, done: int, total: int, unit: str) -> None:
        """Note how far a step is."""
        self._told[name] = (done, total, unit)

    def read(self) -> dict[str, tuple[int, int, str]]:
        """What was told since the last look."""
        told, self._told = self._told, {}
        return told
