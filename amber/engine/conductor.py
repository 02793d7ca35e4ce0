"""Lets many runs go on in one thread, and brings what they ask at once to the store in one set.

A run is a coroutine. Where it asks something of the store it says so (`ask`), where it waits it says for what (`until`), and
where several things can be done at once it says which (`together`); all else is plain code, written as if it were alone.
"""

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

#: Questions in one set; the store does nothing else of this thread meanwhile.
MOST_TOGETHER = 500
#: A set of questions → the answer to each, in their order; an answer that is an error is raised where it was asked.
Desk = Callable[[Sequence[A]], Sequence[B | BaseException]]


class _Question:
    """Something that is asked of the store."""

    __slots__ = ("desk", "what")

    def __init__(self, desk: Desk[Any, Any], what: Any) -> None:
        self.desk = desk
        self.what = what

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self)


class _Wait:
    """A wait for a future, or for some seconds."""

    __slots__ = ("future", "seconds")

    def __init__(self, future: "Future[Any]", seconds: float | None) -> None:
        self.future = future
        self.seconds = seconds

    def __await__(self) -> Generator[Any, Any, bool]:
        if not self.future.done():
            yield self
        return self.future.done()


class _Group:
    """Coroutines that go on at once."""

    __slots__ = ("is_over", "left", "members", "waiting")

    def __init__(self, coroutines: "Sequence[Coroutine[Any, Any, Any]]") -> None:
        self.members = [_Member(coroutine, self) for coroutine in coroutines]
        #: Whoever waits for them, once it does.
        self.waiting: _Member | None = None
        self.left = len(self.members)
        self.is_over = not self.members

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        if self.members:
            yield self
        for member in self.members:
            if member.error is not None:
                raise member.error
        return [member.value for member in self.members]


class _Member:
    """A coroutine that goes on."""

    __slots__ = ("coroutine", "error", "group", "is_over", "turn", "value")

    def __init__(self, coroutine: "Coroutine[Any, Any, Any]", group: "_Group | None") -> None:
        self.coroutine = coroutine
        self.group = group
        self.is_over = False
        self.value: Any = None
        self.error: BaseException | None = None
        #: Rises whenever it goes on, so that what would wake it later does not.
        self.turn = 0


async def ask(desk: "Callable[[Sequence[A]], Sequence[B | BaseException]]", what: A) -> B:
    """The answer of a desk; what others ask of the same one meanwhile is asked together with it."""
    answer: B = await _Question(desk, what)
    return answer


async def until(future: "Future[Any]", seconds: float | None = None) -> bool:
    """Wait until a future is done, or for so many seconds at most; whether it is done."""
    return await _Wait(future, seconds)


async def pause(seconds: float) -> None:
    """Wait for so many seconds."""
    await until(Future(), seconds)


async def together(coroutines: "Sequence[Coroutine[Any, Any, T]]") -> list[T]:
    """What several coroutines return that go on at once; the first error ends the others, and is raised."""
    group = _Group(coroutines)
    try:
        return await group
    finally:
        for member in group.members:
            _close(member)


class Conductor:
    """Coroutines that go on in the thread that calls `turn`."""

    def __init__(self) -> None:
        self._ready: deque[tuple[_Member, Any, BaseException | None]] = deque()
        self._asked: dict[Desk[Any, Any], list[tuple[_Member, Any]]] = {}
        self._woken: SimpleQueue[tuple[_Member, int] | None] = SimpleQueue()
        self._alarms: list[tuple[float, int, _Member, int]] = []
        self._numbers = itertools.count()
        self._live: list[_Member] = []

    @property
    def live(self) -> int:
        """How many coroutines were added and have not ended."""
        return len(self._live)

    def add(self, coroutine: "Coroutine[Any, Any, Any]") -> _Member:
        """Let a coroutine go on from the next turn; what it raises is raised by the turn in which it does."""
        member = _Member(coroutine, None)
        self._live.append(member)
        self._ready.append((member, None, None))
        return member

    def wake(self) -> None:
        """End the wait of a turn; from any thread."""
        self._woken.put(None)

    def turn(self, seconds: float | None = None) -> None:
        """Wait until somebody can go on, for so many seconds at most, and go on as far as can be without waiting.

        Raises:
            BaseException: What a coroutine that was added raises.
        """
        if not self._ready:
            self._wait(seconds)
        while self._ready or self._asked:
            while self._ready:
                self._go_on(*self._ready.popleft())
            asked, self._asked = self._asked, {}
            for desk, questions in asked.items():
                for at in range(0, len(questions), MOST_TOGETHER):
                    self._answer(desk, questions[at : at + MOST_TOGETHER])
            self._hear()

    def close(self) -> None:
        """End all of them where they are."""
        for member in self._live:
            _close(member)
        self._live.clear()

    def _answer(self, desk: Desk[Any, Any], questions: "list[tuple[_Member, Any]]") -> None:
        questions = [one for one in questions if not one[0].is_over]
        if not questions:
            return
        try:
            answers = desk([what for _, what in questions])
        except Exception as error:  # noqa: BLE001 - it is everybody's who asked
            answers = [error] * len(questions)
        for (member, _), answer in zip(questions, answers, strict=True):
            is_error = isinstance(answer, BaseException)
            self._ready.append((member, None, answer) if is_error else (member, answer, None))

    def _go_on(self, member: _Member, value: Any, error: BaseException | None) -> None:
        if member.is_over:
            return
        member.turn += 1
        try:
            wanted = member.coroutine.send(value) if error is None else member.coroutine.throw(error)
        except StopIteration as done:
            member.value = done.value
            self._ended(member)
        except BaseException as raised:  # noqa: BLE001 - whoever waits for it gets it
            member.error = raised
            self._ended(member)
        else:
            self._want(member, wanted)

    def _want(self, member: _Member, wanted: object) -> None:
        if isinstance(wanted, _Question):
            self._asked.setdefault(wanted.desk, []).append((member, wanted.what))
        elif isinstance(wanted, _Group):
            wanted.waiting = member
            self._ready.extend((one, None, None) for one in wanted.members)
        else:
            assert isinstance(wanted, _Wait), f"a run waits for {wanted!r}, which nobody here knows"
            turn = member.turn
            if wanted.seconds is not None:
                at = time.monotonic() + wanted.seconds
                heapq.heappush(self._alarms, (at, next(self._numbers), member, turn))
            wanted.future.add_done_callback(lambda _: self._woken.put((member, turn)))

    def _ended(self, member: _Member) -> None:
        member.is_over = True
        group = member.group
        if group is None:
            self._live.remove(member)
            if member.error is not None:
                raise member.error
            return
        group.left -= 1
        if not group.is_over and (member.error is not None or not group.left):
            group.is_over = True
            assert group.waiting is not None, "who goes on in a group is waited for"
            self._ready.append((group.waiting, None, None))

    def _wait(self, seconds: float | None) -> None:
        """Wait until somebody is woken."""
        now = time.monotonic()
        end = None if seconds is None else now + seconds
        while self._alarms and self._is_idle(self._alarms[0]):
            heapq.heappop(self._alarms)
        if self._alarms:
            end = self._alarms[0][0] if end is None else min(end, self._alarms[0][0])
        with suppress(Empty):
            self._rouse(self._woken.get(timeout=None if end is None else max(0.0, end - now)))
        self._hear()

    def _hear(self) -> None:
        """Let those go on that were woken meanwhile, and those whose time has come."""
        while not self._woken.empty():
            self._rouse(self._woken.get())
        now = time.monotonic()
        while self._alarms and self._alarms[0][0] <= now:
            _, _, member, turn = heapq.heappop(self._alarms)
            self._rouse((member, turn))

    def _rouse(self, woken: "tuple[_Member, int] | None") -> None:
        if woken is not None and not woken[0].is_over and woken[0].turn == woken[1]:
            woken[0].turn += 1  # once
            self._ready.append((woken[0], None, None))

    @staticmethod
    def _is_idle(alarm: "tuple[float, int, _Member, int]") -> bool:
        """Whether an alarm wakes nobody any more."""
        return alarm[2].is_over or alarm[2].turn != alarm[3]


def conduct(coroutine: "Coroutine[Any, Any, T]") -> T:
    """What a coroutine returns, alone in this thread."""
    conductor = Conductor()
    member = conductor.add(coroutine)
    try:
        while conductor.live:
            conductor.turn()
    finally:
        conductor.close()
    value: T = member.value
    return value


def _close(member: _Member) -> None:
    """End a coroutine where it is; those that it waits for are ended by `together`, on its way out."""
    if not member.is_over:
        member.is_over = True
        member.coroutine.close()
