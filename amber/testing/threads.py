"""Running things at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")
#: When a thread counts as hanging.
HANGING_SECONDS = 120.0


def at_once(functions: Sequence[Callable[[], T]]) -> list[T]:
    """The results of functions that start together, each in a thread of its own; the first error is raised."""
    gate = Barrier(len(functions))

    def start(function: Callable[[], T]) -> T:
        gate.wait(HANGING_SECONDS)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        started = [pool.submit(start, function) for function in functions]
        return [future.result(HANGING_SECONDS) for future in started]
