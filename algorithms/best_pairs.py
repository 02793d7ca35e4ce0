"""The best pairs of rows: in blocks, so that memory is a block, with a running best; every flavour of pairs uses it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from algorithms.cosine import exact_rows

#: Rows of either side that are scored at once; memory is one block of this many by this many scores.
BLOCK = 1024

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
        # What `exact_rows` gives has 24 bits, so single precision holds it.
        self._a = exact_rows(a).astype(np.float32)
        self._b = self._a if b is a else exact_rows(b).astype(np.float32)
        lengths = [float(np.linalg.norm(rows, axis=1).max(initial=0)) for rows in (self._a, self._b)]
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
    best = Best(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    for rows, columns in _blocks(len(scorer), scorer.columns, upper=upper):
        scores = scorer.screen(rows, columns)
        if upper and rows == columns:
            scores[np.tril_indices(len(scores))] = -np.inf
        if barred is not None:
            scores[barred(rows, columns)] = -np.inf
        found_a, found_b = np.nonzero(scores >= _floor(scores, best, depth, scorer.margin))
        a, b = found_a + rows.start, found_b + columns.start
        exact = scores[found_a, found_b] if scorer.margin == 0 else scorer.exact(a, b)
        best = _merged(best, Best(a, b, exact), depth)
    return best


def _blocks(rows: int, columns: int, *, upper: bool) -> Iterator[tuple[slice, slice]]:
    for start in range(0, rows, BLOCK):
        for column in range(start if upper else 0, columns, BLOCK):
            yield slice(start, min(start + BLOCK, rows)), slice(column, min(column + BLOCK, columns))


def _floor(scores: Scores, best: Best, depth: int, margin: np.float32) -> np.float32:
    """A screened score below which nothing of this block can be among the best."""
    kept = best.scores[-1] - margin if len(best.scores) == depth else np.finfo(np.float32).min
    if scores.size <= depth or (len(best.scores) == depth and _few(scores, kept, depth)):
        return np.float32(kept)
    own = np.partition(scores, scores.size - depth, axis=None)[scores.size - depth]
    # Both sides of the comparison are screened, so each may be off.
    return np.float32(max(kept, own - 2 * margin, np.finfo(np.float32).min))


def _few(scores: Scores, floor: np.float32, depth: int) -> bool:
    """Whether so few scores are above the floor that it costs less to look at all of them than to choose."""
    return int(np.count_nonzero(scores >= floor)) <= 4 * depth


def _merged(best: Best, more: Best, depth: int) -> Best:
    scores = np.concatenate([best.scores, more.scores])
    a, b = np.concatenate([best.a, more.a]), np.concatenate([best.b, more.b])
    order = np.lexsort((b, a, -scores))[:depth]
    return Best(a[order], b[order], scores[order])
