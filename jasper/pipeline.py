"""One thread that takes items through a short queue, so that two steps of a pass overlap."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: How long a blocked `put` waits before it looks whether the worker still lives.
_LOOK_SECONDS = 0.05


class Worker(Generic[Item]):
    """Calls a function with each item, in order, in a thread of its own.

    Its first error stops it and is raised from the next `put`, or from `finish`.
    """

    def __init__(self, name: str, work: Callable[[Item], None], depth: int) -> None:
        """Start.

        Args:
            name: The thread's name.
            work: Called with each item.
            depth: Items that may wait.
        """
        self._queue: queue.Queue[Item | None] = queue.Queue(depth)
        self._work = work
        self._error: BaseException | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None and not self._is_stopping.is_set():
                self._work(item)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            self._error = error

    def put(self, item: Item) -> None:
        """Hand over an item; waits while the queue is full.

        Raises:
            BaseException: The error that stopped the worker.
        """
        self._offer(item)

    def _offer(self, item: Item | None) -> None:
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._queue.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue

    def finish(self) -> None:
        """Wait until every item is done.

        Raises:
            BaseException: The error that stopped the worker.
        """
        self._offer(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Stop after the item in hand and wait for that; does nothing after `finish`."""
        self._is_stopping.set()
        while self._thread.is_alive():
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    continue
            self._thread.join(_LOOK_SECONDS)
