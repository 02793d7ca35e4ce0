"""In which order rows are seen, and by whom: each row once an epoch, whatever the number of ranks and workers. No I/O.

The rows of an epoch have positions in one shuffled sequence; a consumer has a range of what is left of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Int64

#: A half-open range of positions.
Span = tuple[int, int]


class State(TypedDict):
    """How far an epoch is; plain data, for a checkpoint."""

    epoch: int
    seed: int | None
    #: Digest of the manifest.
    dataset: str
    #: Positions of rows that were seen, as half-open ranges.
    seen: list[list[int]]


class Seen:
    """Keeps which rows of an epoch a training loop has seen, batch by batch.

    Args:
        state: Of an earlier run that it goes on from.
    """

    def __init__(self, state: State | None = None) -> None:
        self._state = state
        self._spans: list[Span] = [(a, b) for a, b in state["seen"]] if state else []

    def note(self, batch: Mapping[str, Any]) -> None:
        """Count a batch as seen; one of another epoch begins anew."""
        where = batch["position"]
        if self._state is None or self._state["epoch"] != where["epoch"]:
            self._spans = []
        self._state = State(epoch=where["epoch"], seed=where["seed"], dataset=where["dataset"], seen=[])
        self._spans = merged([*self._spans, (where["start"], where["stop"])])

    def state(self) -> State | None:
        """What a checkpoint keeps; None before the first batch."""
        if self._state is None:
            return None
        return State(**{**self._state, "seen": [list(span) for span in self._spans]})


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same positions in sorted ranges that do not touch."""
    found: list[Span] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def left(total: int, seen: Iterable[Span]) -> list[Span]:
    """The positions below `total` that are not seen."""
    found, at = [], 0
    for start, stop in [*merged(seen), (total, total)]:
        if at < min(start, total):
            found.append((at, min(start, total)))
        at = max(at, stop)
    return found


def share(spans: Sequence[Span], consumer: int, consumers: int) -> list[Span]:
    """What one of several consumers sees of these positions; their shares differ by one row at most."""
    count = sum(stop - start for start, stop in spans)
    first, last = count * consumer // consumers, count * (consumer + 1) // consumers
    found, passed = [], 0
    for start, stop in spans:
        a = max(start, start + first - passed)
        b = min(stop, start + last - passed)
        if a < b:
            found.append((a, b))
        passed += stop - start
    return found


def shuffled(lengths: Sequence[int], seed: int | None, epoch: int) -> Int64[np.ndarray, " block"]:
    """The order of the blocks in an epoch; as they are stored without a seed."""
    if seed is None:
        return np.arange(len(lengths), dtype=np.int64)
    return np.random.default_rng([seed, epoch]).permutation(len(lengths)).astype(np.int64)


def within(length: int, seed: int | None, epoch: int, block: int) -> Int64[np.ndarray, " row"]:
    """The order of a block's rows in an epoch."""
    if seed is None:
        return np.arange(length, dtype=np.int64)
    return np.random.default_rng([seed, epoch, block]).permutation(length).astype(np.int64)


def pieces(
    lengths: Sequence[int], order: Sequence[int], spans: Iterable[Span], most: int
) -> Iterator[list[tuple[int, int, int, int]]]:
    """Batches of at most `most` rows with consecutive positions: (block, first row, last row + 1, position) for each piece."""
    ends = np.cumsum([lengths[block] for block in order])
    for start, stop in spans:
        at = start
        while at < stop:
            end, batch = min(stop, at + most), []
            while at < end:
                place = int(np.searchsorted(ends, at, side="right"))
                block = int(order[place])
                begins = int(ends[place]) - lengths[block]
                until = min(end, int(ends[place]))
                batch.append((block, at - begins, until - begins, at))
                at = until
            yield batch
