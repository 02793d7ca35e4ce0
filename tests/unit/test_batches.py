"""Calls of a model are shared by threads: everybody gets its own rows, whatever others do, and nobody waits for ever."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.batches import Batches

PATIENCE_SECONDS = 30.0


class Doubling:
    """A model: twice of each number; a call goes on once it is let. Numbers below zero are an error."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.may_go_on = threading.Semaphore(1_000_000 if is_open else 0)
        self.has_begun = threading.Semaphore(0)
        self.calls: list[list[int]] = []
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, numbers: list[int]) -> list[int]:
        self.calls.append(list(numbers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.has_begun.release()
        assert self.may_go_on.acquire(timeout=PATIENCE_SECONDS)
        self.at_once -= 1
        if min(numbers) < 0:
            raise ValueError(f"{min(numbers)} is below zero")
        return [2 * number for number in numbers]

    def wait_begun(self) -> None:
        """Until one more call has begun."""
        assert self.has_begun.acquire(timeout=PATIENCE_SECONDS)

    def let_go_on(self, calls: int = 1_000_000) -> None:
        """Let so many calls go on."""
        self.may_go_on.release(calls)


class Handing:
    """Gives numbers, and tells how many were taken."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self.taken = 0
        self.all_taken = threading.Event()

    def __iter__(self) -> Iterator[int]:
        for number in self._numbers:
            self.taken += 1
            yield number
        self.all_taken.set()

    def wait_taken(self) -> None:
        """Until all were taken."""
        assert self.all_taken.wait(PATIENCE_SECONDS)


@given(
    st.lists(st.lists(st.integers(-3, 1000), max_size=12), min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(st.integers(0, 12), min_size=5, max_size=5),
)
def test_each_caller_gets_what_it_gets_alone(
    callers: list[list[int]], size: int, kinds: int, patience: list[int]
) -> None:
    """Threads hand in numbers at once; some stop early, and for some the model fails."""
    model = Doubling()
    batches = Batches(model, size, alike=lambda number: number % kinds)
    together = threading.Barrier(len(callers))

    def ask(numbers: list[int], most: int) -> tuple[list[int], str]:
        together.wait(PATIENCE_SECONDS)
        found: list[int] = []
        try:
            for one in batches.each(numbers):
                found.append(one)
                if len(found) == most:
                    break
        except ValueError as error:
            return found, str(error)
        return found, ""

    with ThreadPoolExecutor(len(callers)) as pool:
        asked = [pool.submit(ask, *one) for one in zip(callers, patience, strict=False)]
        answers = [one.result(PATIENCE_SECONDS) for one in asked]
    for numbers, most, (found, error) in zip(callers, patience, answers, strict=False):
        assert found == [2 * number for number in numbers[: len(found)]]
        wanted = min(most, len(numbers)) if most else len(numbers)
        if error:
            assert min(numbers) < 0 and error.removesuffix(" is below zero") in map(str, numbers)
        else:
            assert len(found) == wanted
        if not numbers or min(numbers) >= 0:
            assert not error, "only whoever handed in what the model refuses hears of it"
    assert all(len(call) <= size and len({number % kinds for number in call}) == 1 for call in model.calls)
    assert model.most_at_once <= 1


def test_what_waits_while_the_model_works_goes_into_its_next_call_whoever_handed_it_in() -> None:
    model = Doubling(is_open=False)
    batches = Batches(model, 8)
    first, others = Handing([1]), [Handing([10, 11, 12]), Handing([20, 21])]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(list, batches.each(first))]
        model.wait_begun()
        for one in others:
            asked.append(pool.submit(list, batches.each(one)))
            one.wait_taken()
        model.let_go_on()
        assert [one.result(PATIENCE_SECONDS) for one in asked] == [[2], [20, 22, 24], [40, 42]]
    assert [sorted(call) for call in model.calls] == [[1], [10, 11, 12, 20, 21]]


def test_one_item_alone_is_not_kept_waiting_for_others() -> None:
    model = Doubling()
    assert list(Batches(model, 64).each([7])) == [14]
    assert model.calls == [[7]]


def test_a_decoder_that_is_quicker_than_the_model_waits_for_it() -> None:
    model = Doubling(is_open=False)
    handing = Handing(range(100))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(list, Batches(model, 4).each(handing))
        for calls in range(1, 5):
            model.wait_begun()
            assert handing.taken <= 4 * calls + 8
            model.let_go_on(1)
        model.let_go_on()
        assert asked.result(PATIENCE_SECONDS) == [2 * number for number in range(100)]


def test_what_an_error_of_one_caller_stood_beside_is_computed_without_it() -> None:
    model = Doubling(is_open=False)
    batches = Batches(model, 8)
    good, bad = Handing([1, 2]), Handing([3, -1])
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(list, batches.each([0]))]
        model.wait_begun()
        for one in (good, bad):
            asked.append(pool.submit(list, batches.each(one)))
            one.wait_taken()
        model.let_go_on()
        assert asked[1].result(PATIENCE_SECONDS) == [2, 4]
        with pytest.raises(ValueError, match="-1 is below zero"):
            asked[2].result(PATIENCE_SECONDS)
    assert [sorted(call) for call in model.calls[1:]] == [[-1, 1, 2, 3], [1, 2], [-1, 3]] or [
        sorted(call) for call in model.calls[1:]
    ] == [[-1, 1, 2, 3], [-1, 3], [1, 2]]


def test_who_stops_takes_back_what_waits_and_others_go_on() -> None:
    model = Doubling(is_open=False)
    batches = Batches(model, 4)

    def failing() -> Iterator[int]:
        yield from (100, 101)
        stands.set()
        assert may_fail.wait(PATIENCE_SECONDS)
        raise EOFError("the film ends here")

    stands, may_fail, other = threading.Event(), threading.Event(), Handing([1, 2])
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(list, batches.each([0]))
        model.wait_begun()
        stopped = pool.submit(list, batches.each(failing()))
        assert stands.wait(PATIENCE_SECONDS)
        stays = pool.submit(list, batches.each(other))
        other.wait_taken()
        may_fail.set()
        with pytest.raises(EOFError, match="ends here"):
            stopped.result(PATIENCE_SECONDS)
        model.let_go_on()
        assert first.result(PATIENCE_SECONDS) == [0]
        assert stays.result(PATIENCE_SECONDS) == [2, 4]
    assert model.calls == [[0], [1, 2]], "nobody computes what nobody waits for"


def test_what_nobody_reads_to_its_end_is_taken_back_too() -> None:
    model = Doubling(is_open=False)
    batches = Batches(model, 2)
    model.let_go_on(1)
    left = batches.each(range(100))
    assert next(left) == 0
    left.close()  # type: ignore[attr-defined]
    model.let_go_on()
    assert list(batches.each([5])) == [10]
    assert sum(len(call) for call in model.calls) < 10


def test_a_model_that_ends_its_thread_ends_nobody_elses() -> None:
    def leaves(numbers: list[int]) -> list[int]:
        raise SystemExit(3)

    batches = Batches(leaves, 4)
    for _ in range(2):
        with pytest.raises(SystemExit):
            list(batches.each([1, 2]))


def test_a_model_that_makes_too_little_is_an_error_and_not_a_shift() -> None:
    with pytest.raises(ValueError, match=r"a model made 0 results of \d items; wanted is one of each"):
        list(Batches(lambda numbers: numbers[:0], 2).each([1, 2]))


def test_the_thread_ends_when_nothing_waits_and_another_one_begins() -> None:
    threads: list[threading.Thread] = []

    def noted(numbers: list[int]) -> list[int]:
        threads.append(threading.current_thread())
        return numbers

    batches = Batches(noted, 4)
    for number in range(3):
        assert list(batches.each([number])) == [number]
        threads[-1].join(PATIENCE_SECONDS)
        assert not threads[-1].is_alive()
    assert {thread.name for thread in threads} == {"amber-model"}


def test_rows_of_arrays_come_back_as_rows() -> None:
    batches = Batches(lambda rows: np.stack(rows) * 2.0, 3)
    found = np.stack(list(batches.each(np.arange(20.0).reshape(10, 2))))
    assert np.array_equal(found, np.arange(20.0).reshape(10, 2) * 2.0)


def test_a_batch_has_at_least_one_item() -> None:
    with pytest.raises(ValueError, match="at least one item; found a size of 0"):
        Batches(Doubling(), 0)
