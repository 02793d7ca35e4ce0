"""The best pairs of rows: in blocks, so that memory is a block, with a running best; every flavour of pairs uses it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from algorithms.cosine import rounded_rows

#: Rows of either side that are scored at once; memory is one block of this many by this many scores.
BLOCK = 1024

#: Of the scores of a block, every so many are looked at to guess which of them are good.
_SAMPLED = 16
#: So many times as many scores as are wanted are let through; looking for fewer would take longer.
_MANY = 4

Scores = Float32[np.ndarray, "rows columns"]
#: Which pairs of two runs of rows may not stand: (rows, columns) → true where they may not.
Barred = Callable[[slice, slice], Bool[np.ndarray, "rows columns"]]


class Scorer(Protocol):
    """Scores the rows of two titles with each other."""

    def __len__(self) -> int:
        """How many rows the first has."""
        ...

    @property
    def columns(self) -> int:
        """How many rows the second has."""
        ...

    #: By how much a screened score may be off.
    margin: np.float32

    def screen(self, rows: slice, columns: slice) -> Scores:
        """The scores of a block, off by no more than `margin`: quick."""
        ...

    def exact(
        self, a: Int64[np.ndarray, " pair"], b: Int64[np.ndarray, " pair"]
    ) -> Float32[np.ndarray, " pair"]:
        """The scores of some pairs: the same bits on every machine, in every block."""
        ...


class Cosines:
    """Cosine similarity of vectors.

    Screened in single precision: `d` products, added up in any order, are off by no more than d · 2⁻²⁴ times the
    lengths of the two vectors (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, §3.1); twice that is
    allowed for, so no pair that belongs to the best is screened out.
    """

    def __init__(self, a: Float32[np.ndarray, "n d"], b: Float32[np.ndarray, "m d"]) -> None:
        self._a = rounded_rows(a)
        self._b = self._a if b is a else rounded_rows(b)
        lengths = [
            float(np.sqrt(np.einsum("nd,nd->n", rows, rows)).max(initial=0)) for rows in (self._a, self._b)
        ]
        self.margin = np.float32((a.shape[1] + 2) * 2.0**-23 * lengths[0] * lengths[1])

    def __len__(self) -> int:
        """How many rows the first has."""
        return len(self._a)

    @property
    def columns(self) -> int:
        """How many rows the second has."""
        return len(self._b)

    def screen(self, rows: slice, columns: slice) -> Scores:
        """The scores of a block, in single precision."""
        scores: Scores = self._a[rows] @ self._b[columns].T
        return scores

    def exact(
        self, a: Int64[np.ndarray, " pair"], b: Int64[np.ndarray, " pair"]
    ) -> Float32[np.ndarray, " pair"]:
        """The scores of some pairs, as `cosine.cosines` gives them."""
        return _by_pair(self._a, self._b, a, b)


def _by_pair(
    first: Float32[np.ndarray, "n d"],
    second: Float32[np.ndarray, "m d"],
    a: Int64[np.ndarray, " pair"],
    b: Int64[np.ndarray, " pair"],
) -> Float32[np.ndarray, " pair"]:
    """The cosines of pairs of rows; some thousand at once, as each takes two rows of its own."""
    parts = [np.zeros(0, np.float32)]
    for start in range(0, len(a), 4 * BLOCK):
        left, right = first[a[start : start + 4 * BLOCK]], second[b[start : start + 4 * BLOCK]]
        exact: Float64[np.ndarray, " pair"] = np.einsum("pd,pd->p", left, right, dtype=np.float64)
        parts.append(exact.astype(np.float32))
    return np.concatenate(parts)


class Overlaps:
    """Intersection over union of packed masks, as a matrix product: counts of cells, which single precision holds."""

    margin = np.float32(0)

    def __init__(self, a: UInt8[np.ndarray, "n bytes"], b: UInt8[np.ndarray, "m bytes"]) -> None:
        self._a, self._b = a, b
        self._areas_a = np.unpackbits(a, axis=1).sum(axis=1, dtype=np.int64)
        self._areas_b = np.unpackbits(b, axis=1).sum(axis=1, dtype=np.int64)

    def __len__(self) -> int:
        """How many rows the first has."""
        return len(self._a)

    @property
    def columns(self) -> int:
        """How many rows the second has."""
        return len(self._b)

    def screen(self, rows: slice, columns: slice) -> Scores:
        """The scores of a block; masks are unpacked for it alone."""
        shared = _cells(self._a[rows]) @ _cells(self._b[columns]).T
        return _over_union(
            shared.astype(np.float64), self._areas_a[rows, None] + self._areas_b[None, columns]
        )

    def exact(
        self, a: Int64[np.ndarray, " pair"], b: Int64[np.ndarray, " pair"]
    ) -> Float32[np.ndarray, " pair"]:
        """The scores of some pairs."""
        shared = np.unpackbits(self._a[a] & self._b[b], axis=1).sum(axis=1, dtype=np.int64)
        return _over_union(shared.astype(np.float64), self._areas_a[a] + self._areas_b[b])


def _cells(bits: UInt8[np.ndarray, "n bytes"]) -> Float32[np.ndarray, "n cells"]:
    return np.unpackbits(bits, axis=1).astype(np.float32)


def _over_union(
    shared: Float64[np.ndarray, "..."], areas: Int64[np.ndarray, "..."]
) -> Float32[np.ndarray, "..."]:
    union = areas - shared
    ratio = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.asarray(ratio, dtype=np.float32)


@dataclass(frozen=True)
class Best:
    """The best pairs, best first; of equal scores the lower row, then the lower column."""

    a: Int64[np.ndarray, " pair"]
    b: Int64[np.ndarray, " pair"]
    scores: Float32[np.ndarray, " pair"]


def best_pairs(scorer: Scorer, depth: int, *, upper: bool, barred: Barred | None = None) -> Best:
    """The `depth` best pairs of a row with a column, exactly.

    Args:
        scorer: Scores rows with columns.
        depth: How many pairs are kept, 1 or more.
        upper: Rows and columns are the same; a pair is counted once, the lower row first, and no row with itself.
        barred: Pairs that may not stand; they are left out before the best are chosen.
    """
    running = _Running(scorer, depth)
    for rows, columns in _blocks(len(scorer), scorer.columns, upper=upper):
        scores = scorer.screen(rows, columns)
        if upper and rows == columns:
            scores[np.tri(len(scores), dtype=np.bool_)] = -np.inf
        if barred is not None:
            scores[barred(rows, columns)] = -np.inf
        running.add(rows.start, columns.start, scores)
    return running.settled()


def _blocks(rows: int, columns: int, *, upper: bool) -> Iterator[tuple[slice, slice]]:
    for start in range(0, rows, BLOCK):
        for column in range(start if upper else 0, columns, BLOCK):
            yield slice(start, min(start + BLOCK, rows)), slice(column, min(column + BLOCK, columns))


class _Running:
    """All pairs so far that may be among the best: those that are screened within two margins of the last of them."""

    def __init__(self, scorer: Scorer, depth: int) -> None:
        self._scorer, self._depth = scorer, depth
        self._slack = 2 * scorer.margin
        self._kept = Best(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        #: A screened score below which nothing can be among the best.
        self._floor = np.finfo(np.float32).min

    def add(self, row: int, column: int, scores: Scores) -> None:
        """Take in a block of screened scores whose first row and column are these."""
        flat = scores.ravel()
        if len(self._kept.scores) < self._depth:
            self._floor = max(self._floor, _low_bar(flat, self._depth) - self._slack)
        hits = np.flatnonzero(flat >= self._floor)
        if not len(hits):
            return
        a, b = np.divmod(hits, scores.shape[1])
        kept = self._kept
        merged = Best(
            np.concatenate([kept.a, a + row]),
            np.concatenate([kept.b, b + column]),
            np.concatenate([kept.scores, flat[hits]]),
        )
        count = len(merged.scores)
        if count > self._depth:
            last = np.partition(merged.scores, count - self._depth)[count - self._depth]
            self._floor = max(self._floor, last - self._slack)
        stay = merged.scores >= self._floor
        self._kept = Best(merged.a[stay], merged.b[stay], merged.scores[stay])
        if len(self._kept.scores) > max(_MANY * self._depth, BLOCK):
            self._kept = self.settled()

    def settled(self) -> Best:
        """The best of them, by their exact scores."""
        a, b = self._kept.a, self._kept.b
        exact = self._scorer.exact(a, b) if self._slack else self._kept.scores
        order = np.lexsort((b, a, -exact))[: self._depth]
        return Best(a[order], b[order], exact[order])


def _low_bar(flat: Float32[np.ndarray, " score"], depth: int) -> np.float32:
    """A score that at least `depth` of a block reach, and not many more: told from a sample, if it is a good one."""
    lowest = np.finfo(np.float32).min
    if len(flat) <= depth:
        return lowest
    sample = flat[::_SAMPLED]
    wanted = 2 * depth // _SAMPLED + 1
    if wanted < len(sample):
        bar = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
        if depth <= int(np.count_nonzero(flat >= bar)) <= _MANY * depth:
            return np.float32(max(bar, lowest))
    return np.float32(max(np.partition(flat, len(flat) - depth)[len(flat) - depth], lowest))
