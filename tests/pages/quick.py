"""Quick algorithms for pages: shots of seven frames each, and all their pairs; no model is loaded."""

from collections.abc import Sequence

import numpy as np

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import Pair, algorithm
from tests.editing.pairs import Pairs

#: Frames of a shot.
LENGTH = 7


@algorithm(version="1")
def shots(film: Standard) -> Shots:
    """A shot every seven frames."""
    times = film.times()
    start = np.arange(0, film.frame_count, LENGTH, dtype=np.int64)
    end = np.minimum(start + LENGTH, film.frame_count)
    seconds = np.append(times.seconds, float(times.duration))
    return Shots(start, end, seconds[start], seconds[end], end - start < LENGTH)


def _merged(blocks: Sequence[Pairs]) -> Pairs:
    assert len(blocks) == 1, "these tests match one film with itself"
    return blocks[0]


@algorithm(version="1", merge=_merged)
def match_pairs(shots: Pair[Shots], *, depth: int = 1000) -> Pairs:
    """All pairs of two shots, the nearer the better."""
    count = len(shots.first.start)
    a, b = np.triu_indices(count, 1)
    order = np.lexsort((b, a, b - a))[:depth]
    a, b = a[order], b[order]
    asset = shots.assets[0]
    return Pairs(
        asset_a=[asset] * len(a),
        shot_a=a.astype(np.int64),
        asset_b=[asset] * len(a),
        shot_b=b.astype(np.int64),
        start_a=shots.first.start[a],
        end_a=shots.first.end[a],
        start_b=shots.first.start[b],
        end_b=shots.first.end[b],
        score=(1 / (b - a)).astype(np.float32),
    )
