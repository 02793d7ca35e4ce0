"""Each row has one position an epoch, and each position one consumer, whatever their number and wherever they go on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amber.datasets.order import Seen, State, left, merged, pieces, share, shuffled, within

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair))))
lengths = st.lists(st.integers(1, 9), max_size=8)


def positions(ranges: list[tuple[int, int]]) -> list[int]:
    return [at for start, stop in ranges for at in range(start, stop)]


@given(st.integers(0, 60), spans)
def test_what_is_seen_and_what_is_left_are_all(total: int, seen: list[tuple[int, int]]) -> None:
    rest = positions(left(total, seen))
    assert sorted({*rest, *(at for at in positions(merged(seen)) if at < total)}) == list(range(total))
    assert not set(rest) & set(positions(seen))


@given(st.integers(0, 60), spans, st.integers(1, 7))
def test_consumers_share_what_is_left_evenly(total: int, seen: list[tuple[int, int]], count: int) -> None:
    rest = left(total, seen)
    shares = [positions(share(rest, consumer, count)) for consumer in range(count)]
    assert [at for one in shares for at in one] == positions(rest)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(lengths, st.one_of(st.none(), st.integers(0, 5)), st.integers(0, 3), st.integers(1, 7))
def test_the_pieces_of_an_epoch_are_all_rows_once(
    lengths: list[int], seed: int | None, epoch: int, most: int
) -> None:
    order = shuffled(lengths, seed, epoch).tolist()
    rows, at = [], 0
    for batch in pieces(lengths, order, [(0, sum(lengths))], most):
        assert batch[0][3] == at and sum(last - first for _, first, last, _ in batch) <= most
        for block, first, last, _ in batch:
            rows += [(block, int(row)) for row in within(lengths[block], seed, epoch, block)[first:last]]
            at += last - first
    assert sorted(rows) == [(block, row) for block, length in enumerate(lengths) for row in range(length)]
    if seed is None:
        assert rows == sorted(rows)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(shuffled([1] * 50, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4
    assert np.array_equal(shuffled([1] * 50, 3, 4), shuffled([1] * 50, 3, 4))


def test_what_a_loop_has_seen_is_kept_as_ranges_and_ends_with_the_epoch() -> None:
    def batch(epoch: int, start: int, stop: int) -> dict[str, object]:
        return {"position": {"epoch": epoch, "seed": 0, "dataset": "d", "start": start, "stop": stop}}

    seen = Seen()
    assert seen.state() is None
    for start, stop in ((0, 4), (10, 14), (4, 8)):
        seen.note(batch(0, start, stop))
    state = State(epoch=0, seed=0, dataset="d", seen=[[0, 8], [10, 14]])
    assert seen.state() == state
    again = Seen(state)
    again.note(batch(0, 8, 10))
    assert again.state() == State(epoch=0, seed=0, dataset="d", seen=[[0, 14]])
    again.note(batch(1, 0, 2))
    assert again.state() == State(epoch=1, seed=0, dataset="d", seen=[[0, 2]])
