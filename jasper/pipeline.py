"""One thread that takes items through a short queue, so that two steps of a pass overlap."""

import queue
import threading
from collections.abc import Callable, Iterator
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


def read_ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items, fetched in a thread up to `depth` ahead; an error in fetching is raised where it came.

    Closing the iterator early stops the thread and closes `items`.
    """
    fetched: queue.Queue[Item | _End] = queue.Queue(depth)
    is_stopping = threading.Event()

    def fetch() -> None:
        end = _End(None)
        try:
            for item in items:
                if not _offer_until(fetched, item, is_stopping):
                    break
        except BaseException as error:  # noqa: BLE001 - handed to the thread that reads
            end = _End(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        _offer_until(fetched, end, is_stopping)

    thread = threading.Thread(target=fetch, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := fetched.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_stopping.set()
        thread.join()


class _End:
    """What comes after the last item."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _offer_until(target: "queue.Queue[Item]", item: Item, is_stopping: threading.Event) -> bool:
    """Put the item, unless told to stop before there is room."""
    while not is_stopping.is_set():
        try:
            target.put(item, timeout=_LOOK_SECONDS)
            return True
        except queue.Full:
            continue
    return False
