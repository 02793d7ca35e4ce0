"""Quick algorithms for tests: shots of half a second each, and their pairs in a known order; no model is loaded."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Int64

from algorithms.standard import Standard
from amber.algorithm import Pair, algorithm, result


@result
class Pairs:
    """As `match_pairs` has them."""

    asset_a: list[str]
    shot_a: Int64[np.ndarray, " pair"]
    asset_b: list[str]
    shot_b: Int64[np.ndarray, " pair"]
    start_a: Int64[np.ndarray, " pair"]
    end_a: Int64[np.ndarray, " pair"]
    start_b: Int64[np.ndarray, " pair"]
    end_b: Int64[np.ndarray, " pair"]
    score: Float32[np.ndarray, " pair"]


def _merged(blocks: Sequence[Pairs], *, depth: int = 4) -> Pairs:
    rows = [row for block in blocks for row in _rows(block)]
    return _pairs(sorted(rows, key=lambda row: (-row[-1], row))[:depth])


@algorithm(version="1", merge=_merged)
def match_pairs(
    film: Pair[Standard], *, depth: int = 4, length: int = 12, shift: int = 0, apart_seconds: float = 0.0
) -> Pairs:
    """All pairs of shots of `length` frames, moved by `shift`; the closer together, the better."""
    first, second = (_shots(one.frame_count, length, shift) for one in (film.first, film.second))
    rows = []
    for a, (start_a, end_a) in enumerate(first):
        for b, (start_b, end_b) in enumerate(second):
            if not film.is_self or (a < b and start_b - end_a >= 24 * apart_seconds):
                score = 1 / (1 + abs(a - b) + a / 100)
                rows.append((film.assets[0], a, film.assets[1], b, start_a, end_a, start_b, end_b, score))
    return _pairs(sorted(rows, key=lambda row: (-row[-1], row))[:depth])


def _shots(frames: int, length: int, shift: int) -> list[tuple[int, int]]:
    edges = [0, *range(length + shift, frames, length), frames] if length < frames else [0, frames]
    return list(pairwise(edges))


def _rows(pairs: Pairs) -> list[tuple]:  # type: ignore[type-arg]
    return list(zip(*(list(column) for column in vars(pairs).values()), strict=True))


def _pairs(rows: Sequence[Sequence[object]]) -> Pairs:
    columns = list(zip(*rows, strict=True)) or [()] * 9
    numbers = [np.array(columns[at], dtype=np.int64) for at in (1, 3, 4, 5, 6, 7)]
    return Pairs(
        asset_a=[str(one) for one in columns[0]],
        asset_b=[str(one) for one in columns[2]],
        shot_a=numbers[0],
        shot_b=numbers[1],
        start_a=numbers[2],
        end_a=numbers[3],
        start_b=numbers[4],
        end_b=numbers[5],
        score=np.array(columns[8], dtype=np.float32),
    )
