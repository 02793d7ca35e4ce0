"""A network on several pictures at once, each by one thread: its bytes may depend on the number of threads in a call."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

#: Calls that run at once: threads within a call would wait for each other, and badly so on a busy machine.
_WORKERS = 2
#: Calls that may wait for their turn.
_AHEAD = 4


def side_by_side(
    function: Callable[[Item], Made],
    items: Iterable[Item],
    each_thread: Callable[[], object] = lambda: None,
) -> Iterator[Made]:
    """What the function makes of each item, in order; items are taken as it gets to them, so a decoder may give them.

    Args:
        each_thread: Is called once in each thread before the function is.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(_WORKERS, initializer=each_thread) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def torch_side_by_side(function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """The same of a function that calls torch, whose number of threads is afterwards what it was."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield from side_by_side(function, items, lambda: torch.set_num_threads(1))
    finally:
        torch.set_num_threads(threads)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items, so many at a time, the last of them perhaps fewer."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
