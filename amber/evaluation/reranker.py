"""A re-ranker of proposed pairs that sees no pixels: released scores and ranks, durations, and the time between.

Every choice is made by cross-validation over the titles of train and validation; test is scored once, at the end.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64

from amber.evaluation.logistic import fit_logistic
from amber.evaluation.ranking import Interval, average_precision, interval, title_bootstrap
from amber.evaluation.released import SOURCES, Kind, LabelledPair, labels, read_released

#: What a regression on these signals, and one on durations and the time between alone, reached where it was published.
PUBLISHED: dict[Kind, tuple[float, float]] = {"frame": (0.268, 0.181), "motion": (0.174, 0.157)}
FOLDS = 5
_PENALTIES = (0.1, 1.0, 10.0, 100.0)
_DEGREES = (1, 2)
#: The shortest shot and the least gap that a logarithm is taken of, in seconds.
_SHORTEST_SECONDS = 0.04
#: The rank of a pair that a heuristic did not propose: behind its list of 50.
_UNRANKED = 51


@dataclass(frozen=True)
class Choice:
    """A model that might be used."""

    #: `timing` (durations and the time between), or `signals` (those, scores and ranks).
    inputs: str
    #: 1: as they are; 2: with their squares and products.
    degree: int
    penalty: float

    def __str__(self) -> str:
        return f"{self.inputs}, degree {self.degree}, penalty {self.penalty:g}"


@dataclass(frozen=True)
class Scored:
    """A model and what it reached."""

    choice: Choice
    #: Mean over the folds of train and validation.
    cross_validated: float
    #: On the test split.
    average_precision: float
    interval: Interval


@dataclass(frozen=True)
class Reranked:
    """The re-ranker of a kind on the test split, beside the same model without scores and ranks."""

    kind: Kind
    pairs: int
    positives: int
    model: Scored
    timing: Scored
    #: Of the difference of both, over the same drawn titles.
    difference: Interval
    published: float
    timing_published: float
    #: The share of draws in which the model is below what was published.
    below_published: float


def rerank(folder: Path, kind: Kind) -> Reranked:
    """Choose and fit the re-ranker of a kind on train and validation, and score test once.

    Raises:
        EvaluationError: The folder does not hold the released tables.
    """
    pairs = read_released(folder, kind)
    known = np.array([pair.split != "test" for pair in pairs])
    truth, titles = labels(pairs), np.array([pair.title for pair in pairs])
    test = np.flatnonzero(~known)
    scores, chosen = {}, {}
    for inputs in ("signals", "timing"):
        best = choose(pairs, kind, inputs)
        plain = inputs_of(pairs, kind, inputs)
        table = expanded(plain[known], plain[known], best.choice.degree)
        model = fit_logistic(table, truth[known], penalty=best.choice.penalty)
        scores[inputs] = model.log_odds(expanded(plain[test], plain[known], best.choice.degree))
        chosen[inputs] = best
    wanted = truth[test]

    def precision(inputs: str, drawn: Int64[np.ndarray, " drawn"]) -> float:
        return average_precision(wanted[drawn], scores[inputs][drawn])

    drawn_titles = titles[test].tolist()
    draws = title_bootstrap(drawn_titles, lambda drawn: precision("signals", drawn))
    timing_draws = title_bootstrap(drawn_titles, lambda drawn: precision("timing", drawn))
    everything = np.arange(len(test))
    done = {
        inputs: Scored(
            chosen[inputs].choice, chosen[inputs].cross_validated, precision(inputs, everything), of
        )
        for inputs, of in (("signals", interval(draws)), ("timing", interval(timing_draws)))
    }
    return Reranked(
        kind=kind,
        pairs=len(test),
        positives=int(wanted.sum()),
        model=done["signals"],
        timing=done["timing"],
        difference=interval(draws - timing_draws),
        published=PUBLISHED[kind][0],
        timing_published=PUBLISHED[kind][1],
        below_published=float(np.mean(draws < PUBLISHED[kind][0])),
    )


@dataclass(frozen=True)
class Chosen:
    """The best model of some inputs, before test was looked at."""

    choice: Choice
    cross_validated: float


def choose(pairs: Sequence[LabelledPair], kind: Kind, inputs: str) -> Chosen:
    """The choice with the best average precision over held-out titles of train and validation; test is not read."""
    known = [pair for pair in pairs if pair.split != "test"]
    truth, folds = labels(known), _folds([pair.title for pair in known])
    plain = inputs_of(known, kind, inputs)
    best: Chosen | None = None
    for degree, penalty in itertools.product(_DEGREES, _PENALTIES):
        reached = _cross_validated(expanded(plain, plain, degree), truth, folds, penalty)
        if best is None or reached > best.cross_validated:
            best = Chosen(Choice(inputs, degree, penalty), reached)
    assert best is not None, "there are choices"
    return best


def _cross_validated(
    table: Float64[np.ndarray, "pair input"],
    truth: Bool[np.ndarray, " pair"],
    folds: Int64[np.ndarray, " pair"],
    penalty: float,
) -> float:
    held_out = np.zeros(len(truth))
    for fold in range(FOLDS):
        mine = folds == fold
        model = fit_logistic(table[~mine], truth[~mine], penalty=penalty)
        held_out[mine] = model.log_odds(table[mine])
    return average_precision(truth, held_out)


def _folds(titles: Sequence[str]) -> Int64[np.ndarray, " pair"]:
    """The fold of each pair; a title is in one fold."""
    fold = {title: number % FOLDS for number, title in enumerate(sorted(set(titles)))}
    return np.array([fold[title] for title in titles], dtype=np.int64)


def inputs_of(pairs: Sequence[LabelledPair], kind: Kind, inputs: str) -> Float64[np.ndarray, "pair input"]:
    """What a model sees of pairs, as numbers."""
    timing = np.array([_timing(pair) for pair in pairs])
    if inputs == "timing":
        return timing
    return np.column_stack([timing, np.array([_signals(pair, kind) for pair in pairs])])


def _timing(pair: LabelledPair) -> list[float]:
    shorter, longer = sorted((pair.end_a - pair.start_a, pair.end_b - pair.start_b))
    short, long = (float(np.log(max(seconds, _SHORTEST_SECONDS))) for seconds in (shorter, longer))
    gap = float(np.log1p(max(pair.start_b - pair.end_a, 0.0)))
    return [short, long, gap]


def _signals(pair: LabelledPair, kind: Kind) -> list[float]:
    found: list[float] = []
    for source in SOURCES[kind]:
        proposal = pair.proposals.get(source)
        found += (
            [proposal.score, float(np.log(proposal.rank))] if proposal else [0.0, float(np.log(_UNRANKED))]
        )
        found.append(float(proposal is not None))
    if kind == "frame":
        found.append(pair.instance_iou or 0.0)
    return found


def expanded(
    table: Float64[np.ndarray, "pair input"], known: Float64[np.ndarray, "known input"], degree: int
) -> Float64[np.ndarray, "pair term"]:
    """The inputs, and for degree 2 their squares and products, scaled as makes the `known` ones mean 0 and variance 1."""
    deviation = known.std(axis=0)
    scaled: Float64[np.ndarray, "pair term"] = (table - known.mean(axis=0)) / np.where(
        deviation > 0, deviation, 1.0
    )
    if degree == 1:
        return scaled
    first, second = np.triu_indices(table.shape[1])
    return np.column_stack([scaled, scaled[:, first] * scaled[:, second]])
