"""The table of shots that fit some words, best first, and how it is made from the scores of several titles."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, Float64, Int64

from algorithms.shots import Shots
from amber.algorithm import Each, result
from amber.errors import SettingError


@result
class ShotMatches:
    """Shots of one title or of several, best first."""

    asset: list[str]
    #: Number of the shot.
    shot: Int64[np.ndarray, " match"]
    #: Frame indices, half-open.
    start: Int64[np.ndarray, " match"]
    end: Int64[np.ndarray, " match"]
    start_seconds: Float64[np.ndarray, " match"]
    end_seconds: Float64[np.ndarray, " match"]
    #: How well it fits: of one search alone, higher is better.
    score: Float32[np.ndarray, " match"]


Matches = TypeVar("Matches", bound=ShotMatches)
Scores = Float32[np.ndarray, " shot"]


def best_shots(
    scores: Mapping[str, Scores], depth: int, lowest: float = -np.inf
) -> list[tuple[str, int, float]]:
    """Asset, shot and score of the `depth` best of all titles that are above `lowest`; of equals in order of both."""
    titles = sorted(scores)
    all_scores = np.concatenate([np.zeros(0, np.float32), *(scores[title] for title in titles)])
    title = np.repeat(np.arange(len(titles)), [len(scores[title]) for title in titles])
    shot = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(scores[title])) for title in titles)])
    order = np.argsort(-all_scores, kind="stable")
    order = order[all_scores[order] > lowest][:depth]
    return [(titles[title[i]], int(shot[i]), float(all_scores[i])) for i in order]


def as_matches(
    kind: type[Matches], shots: Each[Shots], best: list[tuple[str, int, float]], **more: list[str]
) -> Matches:
    """The best shots as a table, with columns of its own."""

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(shots[asset], name)[shot] for asset, shot, _ in best], dtype=dtype)

    return kind(
        asset=[asset for asset, *_ in best],
        shot=np.array([shot for _, shot, _ in best], dtype=np.int64),
        start=column("start", np.int64),
        end=column("end", np.int64),
        start_seconds=column("start_seconds", np.float64),
        end_seconds=column("end_seconds", np.float64),
        score=np.array([score for *_, score in best], dtype=np.float32),
        **more,
    )


def check_search(algorithm: str, text: str, depth: int) -> None:
    """See that something is looked for.

    Raises:
        SettingError: `text` is empty, or `depth` is not positive.
    """
    if not text.strip():
        raise SettingError(f"setting 'text' of {algorithm} must say what to look for; it is empty")
    if depth < 1:
        raise SettingError(f"setting 'depth' of {algorithm} must be 1 or more; found {depth}")
