"""Which pairs may stand in a list of match cuts; the others are left out before the best are chosen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from algorithms.cosine import cosines, exact_rows
from algorithms.duplicate_groups import DuplicateGroups
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from amber.algorithm import Pair
from amber.errors import SettingError


@dataclass(frozen=True)
class PairFilters:
    """The settings by which pairs are left out, beside shots that are short or repeat another."""

    depth: int
    min_seconds: float = 0.0
    max_seconds: float | None = None
    apart_seconds: float = 0.0
    other_title_only: bool = False
    duplicate_cosine: float | None = None

    def check(self, algorithm: str) -> None:
        """See that they make sense.

        Raises:
            SettingError: One of them does not; the message names the algorithm.
        """
        require_positive(self.depth, algorithm)
        for name, value in (("min_seconds", self.min_seconds), ("apart_seconds", self.apart_seconds)):
            if value < 0:
                raise SettingError(f"setting {name!r} of {algorithm} must not be negative; found {value}")
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            raise SettingError(
                f"settings of {algorithm}: no shot lasts at least {self.min_seconds} s and at most {self.max_seconds} s"
            )

    def eligible(self, shots: Shots, groups: DuplicateGroups) -> Int64[np.ndarray, " eligible"]:
        """The shots that may stand in a pair: kept by the groups, not marked as short, and of a length that is wanted."""
        lasts = shots.end_seconds - shots.start_seconds
        is_kept = groups.first_shot == np.arange(len(groups.first_shot))
        fits = is_kept & ~shots.is_short & (lasts >= self.min_seconds)
        if self.max_seconds is not None:
            fits &= lasts <= self.max_seconds
        return np.flatnonzero(fits)

    def barred(
        self,
        shots: Pair[Shots],
        embeddings: Pair[ShotEmbeddings],
        a: Int64[np.ndarray, " n"],
        b: Int64[np.ndarray, " m"],
    ) -> "Bars | None":
        """Which pairs of these shots of two titles (or of one) may not stand; None if all may."""
        apart = self.apart_seconds if shots.is_self else 0.0
        if apart <= 0 and self.duplicate_cosine is None:
            return None
        return Bars(
            ends=shots.first.end_seconds[a],
            starts=shots.second.start_seconds[b],
            apart_seconds=apart,
            rows_a=None if self.duplicate_cosine is None else exact_rows(embeddings.first.vectors[a]),
            rows_b=None if self.duplicate_cosine is None else exact_rows(embeddings.second.vectors[b]),
            duplicate_cosine=np.float32(self.duplicate_cosine or 0),
        )


@dataclass(frozen=True)
class Bars:
    """What bars a pair."""

    ends: Float64[np.ndarray, " n"]
    starts: Float64[np.ndarray, " m"]
    apart_seconds: float
    rows_a: Float64[np.ndarray, "n d"] | None
    rows_b: Float64[np.ndarray, "m d"] | None
    duplicate_cosine: np.float32

    def __call__(self, rows: slice, columns: slice) -> Bool[np.ndarray, "rows columns"]:
        """The pairs of two runs of shots that are too near in time, or near-duplicates."""
        barred: Bool[np.ndarray, "rows columns"] = (
            self.starts[None, columns] - self.ends[rows, None] < self.apart_seconds
        )
        if self.apart_seconds <= 0:
            barred[:] = False
        if self.rows_a is not None and self.rows_b is not None:
            likeness: Float32[np.ndarray, "rows columns"] = cosines(self.rows_a[rows], self.rows_b[columns])
            barred |= likeness >= self.duplicate_cosine
        return barred

    def of_pairs(
        self, a: Int64[np.ndarray, " pair"], b: Int64[np.ndarray, " pair"]
    ) -> Bool[np.ndarray, " pair"]:
        """The same of pairs of rows and columns."""
        barred = np.zeros(len(a), np.bool_)
        if self.apart_seconds > 0:
            barred |= self.starts[b] - self.ends[a] < self.apart_seconds
        if self.rows_a is not None and self.rows_b is not None:
            likeness = np.einsum("pd,pd->p", self.rows_a[a], self.rows_b[b]).astype(np.float32)
            barred |= likeness >= self.duplicate_cosine
        return barred


def require_positive(depth: int, algorithm: str) -> None:
    """See that at least one pair is wanted.

    Raises:
        SettingError: It is not.
    """
    if depth < 1:
        raise SettingError(f"setting 'depth' of {algorithm} must be 1 or more; found {depth}")
