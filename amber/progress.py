"""What a running algorithm may say and use: progress, and a scratch folder. Neither changes its result."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

#: Receives (done, total, unit); a total of 0 is unknown.
Reporter = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Running:
    report: Reporter
    scratch: Path


_running: ContextVar[_Running | None] = ContextVar("amber_running", default=None)


def report(done: int, total: int, unit: str = "frames") -> None:
    """Say how far the running algorithm is; outside of Amber it does nothing."""
    running = _running.get()
    if running is not None:
        running.report(done, total, unit)


def scratch() -> Path:
    """A folder for files that the running algorithm writes; outside of Amber a new temporary one."""
    running = _running.get()
    return running.scratch if running is not None else Path(tempfile.mkdtemp(prefix="amber-"))


@contextmanager
def running(reporter: Reporter, folder: Path) -> Iterator[None]:
    """Make `report` and `scratch` of the algorithm called within lead here."""
    token = _running.set(_Running(reporter, folder))
    try:
        yield
    finally:
        _running.reset(token)
