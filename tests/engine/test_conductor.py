"""Many coroutines in one thread: their questions meet, their waits do not hold each other up, and an end reaches all."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing

import pytest

from amber.engine.conductor import MOST_TOGETHER, Conductor, ask, conduct, pause, together, until


class Desk:
    """Answers with squares, and remembers what was asked together."""

    def __init__(self) -> None:
        self.sets: list[list[int]] = []

    def squares(self, numbers: Sequence[int]) -> list[int | BaseException]:
        self.sets.append(list(numbers))
        return [number * number if number >= 0 else ValueError(f"{number} is refused") for number in numbers]

    def broken(self, numbers: Sequence[int]) -> list[int]:
        raise ConnectionError("away")


async def chain(desk: Desk, number: int) -> int:
    """Asks twice, the second time with the first answer."""
    return await ask(desk.squares, await ask(desk.squares, number))


def test_what_is_asked_at_once_is_asked_together() -> None:
    desk = Desk()
    assert conduct(together([chain(desk, number) for number in (1, 2, 3)])) == [1, 16, 81]
    assert desk.sets == [[1, 2, 3], [1, 4, 9]]


def test_a_set_is_no_larger_than_it_may_be() -> None:
    desk = Desk()
    conduct(together([ask(desk.squares, number) for number in range(MOST_TOGETHER + 1)]))
    assert [len(one) for one in desk.sets] == [MOST_TOGETHER, 1]


def test_an_answer_that_is_an_error_is_raised_where_it_was_asked_alone() -> None:
    desk = Desk()

    async def asked(number: int) -> object:
        try:
            return await ask(desk.squares, number)
        except ValueError as error:
            return str(error)

    assert conduct(together([asked(number) for number in (2, -1, 3)])) == [4, "-1 is refused", 9]
    assert len(desk.sets) == 1


def test_a_desk_that_fails_fails_for_all_who_asked() -> None:
    desk = Desk()

    async def asked(number: int) -> str:
        with pytest.raises(ConnectionError, match="away"):
            await ask(desk.broken, number)
        return "told"

    assert conduct(together([asked(1), asked(2)])) == ["told", "told"]


def test_who_waits_keeps_nobody_else() -> None:
    over: Future[None] = Future()

    async def waits() -> bool:
        return await until(over, 30.0)

    async def ends() -> bool:
        await pause(0.001)
        over.set_result(None)
        return True

    assert conduct(together([waits(), ends()])) == [True, True]


def test_a_wait_ends_when_its_time_is_over_or_another_thread_says_so() -> None:
    async def both() -> tuple[bool, bool]:
        told: Future[None] = Future()
        late = await until(Future(), 0.001)
        threading.Timer(0.01, told.set_result, [None]).start()
        return late, await until(told, 30.0)

    assert conduct(both()) == (False, True)


def test_the_first_error_ends_the_others_where_they_are() -> None:
    left: list[str] = []

    async def stays(name: str) -> None:
        try:
            await until(Future())
        finally:
            left.append(name)

    async def fails() -> None:
        await pause(0.001)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        conduct(together([together([stays("a"), stays("b")]), fails()]))
    assert sorted(left) == ["a", "b"]


def test_an_interruption_ends_all_of_them() -> None:
    left: list[str] = []

    async def stays() -> None:
        try:
            await until(Future())
        finally:
            left.append("stays")

    async def interrupted() -> None:
        raise KeyboardInterrupt

    with closing(Conductor()) as conductor:
        conductor.add(stays())
        conductor.add(interrupted())
        with pytest.raises(KeyboardInterrupt):
            conductor.turn()
        assert conductor.live == 1 and left == []
    assert left == ["stays"]


def test_a_conductor_takes_more_while_others_go_on() -> None:
    desk, told = Desk(), []

    async def told_later(number: int) -> None:
        told.append(await ask(desk.squares, number))

    with closing(Conductor()) as conductor:
        over: Future[None] = Future()
        conductor.add(until(over))
        conductor.turn()
        conductor.add(told_later(3))
        conductor.turn()
        assert told == [9] and conductor.live == 1
        threading.Timer(0.01, conductor.wake).start()
        conductor.turn(30.0)
        assert conductor.live == 1, "who is woken by others looks for work"
        over.set_result(None)
        conductor.turn(30.0)
        assert conductor.live == 0


def test_nothing_together_is_nothing() -> None:
    assert conduct(together([])) == []
