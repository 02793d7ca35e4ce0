"""A quick search for tests: shots of half a second each, the nearer to the number that is looked for the better."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int64

from algorithms.standard import Standard
from amber.algorithm import Each, algorithm, result


@result
class Listed:
    """As `search_labels` has them."""

    asset: list[str]
    shot: Int64[np.ndarray, " match"]
    start: Int64[np.ndarray, " match"]
    end: Int64[np.ndarray, " match"]
    start_seconds: Float64[np.ndarray, " match"]
    end_seconds: Float64[np.ndarray, " match"]
    score: Float32[np.ndarray, " match"]
    label: list[str]


@algorithm(version="1")
def search_labels(films: Each[Standard], *, text: str = "", depth: int = 100) -> Listed:
    """The shots whose number is nearest to `text`; shots further than 10 are not listed."""
    rows = [
        (1 - abs(shot - float(text)) / 10, asset, shot, start, end)
        for asset, film in films.items()
        for shot, (start, end) in enumerate(pairwise([*range(0, film.frame_count, 12), film.frame_count]))
        if abs(shot - float(text)) < 10
    ]
    rows = sorted(rows, key=lambda row: (-row[0], *row[1:]))[:depth]
    start, end = (np.array([row[at] for row in rows], dtype=np.int64) for at in (3, 4))
    return Listed(
        asset=[row[1] for row in rows],
        shot=np.array([row[2] for row in rows], dtype=np.int64),
        start=start,
        end=end,
        start_seconds=start / 24,
        end_seconds=end / 24,
        score=np.array([row[0] for row in rows], dtype=np.float32),
        label=[f"number {row[2]}" for row in rows],
    )
