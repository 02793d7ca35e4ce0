"""Calls of a model that several threads share: what one of them hands in stands in a batch beside what others do."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(eq=False)
class _Handed(Generic[Item, Made]):
    """An item that somebody handed in."""

    item: Item
    #: Whoever handed it in.
    caller: object
    kind: Hashable
    future: "Future[Made]" = field(default_factory=Future)


def _all_alike(item: object) -> Hashable:
    return None


class Batches(Generic[Item, Made]):
    """The calls of one model, for all the steps that a process computes at once.

    A step hands in items (pictures, say) and goes on reading the next ones while the model works.
    When the model is free, all that waits goes into its next call, up to `size` items, whoever handed them in.
    Nothing waits for a batch to be full, so batches are as large as the model makes others wait, and one item alone is not delayed.
    One call goes on at a time, in a thread that ends when nothing waits any more.

    Args:
        call: The model: from some items, at least one and at most `size`, to what it makes of each, in their order.
            What it makes of one must not depend on what stands beside it; whoever needs batches of one shape fills them up.
        size: The most items of one call.
        alike: Items for which it gives the same may stand in one call, such as pictures of one shape; all may, unless given.
    """

    def __init__(
        self,
        call: Callable[[list[Item]], Iterable[Made]],
        size: int,
        *,
        alike: Callable[[Item], Hashable] = _all_alike,
    ) -> None:
        if size < 1:
            raise ValueError(f"a batch has at least one item; found a size of {size}")
        self._call = call
        self._size = size
        self._alike = alike
        self._lock = threading.Lock()
        self._waiting: list[_Handed[Item, Made]] = []
        self._is_served = False

    def each(self, items: Iterable[Item]) -> Iterator[Made]:
        """What the model makes of each item, in order.

        Items are taken in the thread that asks, so they may come from a decoder.
        They are taken ahead, but never so far that more than two batches of them wait or are in a call: a decoder that
        is quicker than the model waits for it.
        Whoever stops asking, by an error of its own or otherwise, takes back what it handed in.

        Raises:
            Exception: What the model raises when it is given items of this caller alone.
        """
        handed: deque[Future[Made]] = deque()
        caller = object()
        try:
            for item in items:
                handed.append(self._hand_in(item, caller))
                while handed and (handed[0].done() or len(handed) >= 2 * self._size):
                    yield handed.popleft().result()
            while handed:
                yield handed.popleft().result()
        finally:
            for future in handed:
                future.cancel()

    def _hand_in(self, item: Item, caller: object) -> "Future[Made]":
        one: _Handed[Item, Made] = _Handed(item, caller, self._alike(item))
        with self._lock:
            if not self._is_served:
                threading.Thread(target=self._serve, name="amber-model", daemon=True).start()
                self._is_served = True
            self._waiting.append(one)
        return one.future

    def _serve(self) -> None:
        """Call the model for as long as something waits."""
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> list[_Handed[Item, Made]]:
        """What goes into the next call: the first that waits, and others like it; empty at the end of this thread."""
        batch: list[_Handed[Item, Made]] = []
        left: list[_Handed[Item, Made]] = []
        with self._lock:
            for one in self._waiting:
                if len(batch) == self._size or (batch and one.kind != batch[0].kind):
                    left.append(one)
                elif one.future.set_running_or_notify_cancel():
                    batch.append(one)
            self._waiting = left
            self._is_served = bool(batch)
        return batch

    def _answer(self, batch: Sequence[_Handed[Item, Made]]) -> None:
        """Give each its result; after an error each caller has its items tried without those of others."""
        try:
            made = self._called([one.item for one in batch])
        except BaseException as error:  # noqa: BLE001 - whoever handed it in raises it
            callers = dict.fromkeys(one.caller for one in batch)
            for caller in callers:
                own = [one for one in batch if one.caller is caller]
                if len(callers) > 1:
                    self._answer(own)
                    continue
                for one in own:
                    one.future.set_exception(error)
        else:
            for one, found in zip(batch, made, strict=True):
                one.future.set_result(found)

    def _called(self, items: list[Item]) -> list[Made]:
        made = list(self._call(items))
        if len(made) != len(items):
            raise ValueError(f"a model made {len(made)} results of {len(items)} items; wanted is one of each")
        return made
