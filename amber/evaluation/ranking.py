"""How good an order of scored things is, and how sure that is; no I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from amber.errors import EvaluationError

#: Resamples of a bootstrap.
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a bootstrap."""

    low: float
    high: float


def average_precision(labels: Bool[np.ndarray, " item"], scores: Float64[np.ndarray, " item"]) -> float:
    """The mean precision at each rise of recall, 0 to 1; equal scores are one threshold, so their order cannot matter.

    Raises:
        EvaluationError: Lengths differ, no item is positive, or a score is NaN.

    Source: the step-wise sum Σ (Rₙ - Rₙ₋₁) Pₙ, as scikit-learn's `average_precision_score` has it.
    """
    hits, ranked = _thresholds(labels, scores)
    if not hits[-1]:
        raise EvaluationError(f"none of {len(labels)} items is positive, so there is no average precision")
    return float(np.sum(np.diff(hits, prepend=0) * hits / ranked) / hits[-1])


def precision_at(labels: Bool[np.ndarray, " item"], scores: Float64[np.ndarray, " item"], k: int) -> float:
    """The share of positives among the `k` best, 0 to 1; fewer than `k` items count as if negatives followed.

    Where equal scores straddle place `k`, the mean over all their orders.

    Raises:
        EvaluationError: Lengths differ, there is no item, a score is NaN, or `k` is not positive.
    """
    if k < 1:
        raise EvaluationError(f"precision at {k} is not defined; k is 1 or more")
    hits, ranked = _thresholds(labels, scores)
    group = int(np.searchsorted(ranked, min(k, len(labels))))
    above, before = (int(hits[group - 1]), int(ranked[group - 1])) if group else (0, 0)
    share = (hits[group] - above) / (ranked[group] - before)
    return float((above + share * (min(k, len(labels)) - before)) / k)


def _thresholds(
    labels: Bool[np.ndarray, " item"], scores: Float64[np.ndarray, " item"]
) -> tuple[Int64[np.ndarray, " score"], Int64[np.ndarray, " score"]]:
    """For each distinct score, best first: the positives, and the items, that have it or a better one."""
    if len(labels) != len(scores) or not len(labels):
        raise EvaluationError(
            f"{len(labels)} labels and {len(scores)} scores: give as many, and at least one"
        )
    if np.isnan(scores).any():
        raise EvaluationError(
            f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN, which has no rank"
        )
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return np.cumsum(labels[order].astype(np.int64))[last], last + 1


def title_bootstrap(
    titles: Sequence[str],
    statistic: Callable[[Int64[np.ndarray, " drawn"]], float],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Float64[np.ndarray, " resample"]:
    """The statistic on titles drawn anew with replacement: items of one title stand or fall together.

    A paired comparison gives the difference of two scores as its statistic, so both see the same titles.

    Args:
        titles: The title of each item.
        statistic: Of the items with these indices; an item of a title that was drawn twice comes twice.
        resamples: How many draws.
        seed: Of the draws.

    Raises:
        EvaluationError: What the statistic raises, if no title has what it needs; single draws without are drawn again.

    Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), percentile intervals, clusters as units.
    """
    names, codes = np.unique(np.asarray(titles), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(len(names))]
    statistic(np.arange(len(codes)))
    random = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < resamples:
        drawn = np.concatenate([members[code] for code in random.integers(len(names), size=len(names))])
        try:
            found.append(statistic(drawn))
        except EvaluationError:
            continue
    return np.array(found)


def interval(draws: Float64[np.ndarray, " resample"]) -> Interval:
    """From the 2.5th to the 97.5th percentile."""
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(low), float(high))
