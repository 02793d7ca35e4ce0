"""Media work in a thread of its own, so that Ctrl-C is not lost: media libraries swallow it in their callbacks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


class _LeftError(Exception):
    """Nobody waits for the work any more."""


class Apart:
    """A thread beside the one that waits; use it as a context manager."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "media")
        self._left = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._left.set()
        self._thread.shutdown()

    def do(self, work: Callable[Arguments, Made], *args: Arguments.args, **named: Arguments.kwargs) -> Made:
        """Do the work and wait for what comes of it; whatever interrupts the waiting is raised here."""
        return self._thread.submit(work, *args, **named).result()

    def progress(self, done: int, total: int) -> None:
        """Given to work as its progress callback, ends it soon after nobody waits any more."""
        if self._left.is_set():
            raise _LeftError
