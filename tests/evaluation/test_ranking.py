"""Orders are scored as others score them, whatever the order of equals."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.errors import EvaluationError
from amber.evaluation.ranking import average_precision, interval, precision_at, title_bootstrap
from tests.evaluation.reference import ranking

Ranking = list[tuple[bool, int]]
RANKINGS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30)


def _arrays(pairs: Ranking) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label for label, _ in pairs]), np.array([float(score) for _, score in pairs])


@pytest.mark.parametrize(
    ("seed", "items", "steps", "expected"),
    [
        (1, 50, 1000, 0.4092444721059849),
        (2, 200, 10, 0.4458201193972779),
        (3, 500, 3, 0.47361511376113397),
    ],
)
def test_average_precision_is_that_of_scikit_learn(
    seed: int, items: int, steps: int, expected: float
) -> None:
    assert average_precision(*ranking(seed, items, steps)) == pytest.approx(expected, abs=1e-12)


def test_a_perfect_order_has_1_and_equal_scores_have_the_share_of_positives() -> None:
    labels = np.array([True, True, False, False, False])
    assert average_precision(labels, np.array([5.0, 4, 3, 2, 1])) == 1
    assert average_precision(labels, np.zeros(5)) == pytest.approx(0.4)
    assert average_precision(labels, np.array([1.0, 2, 3, 4, 5])) == pytest.approx((1 / 4 + 2 / 5) / 2)


@given(RANKINGS.filter(lambda pairs: any(label for label, _ in pairs)), st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(pairs: Ranking, random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert average_precision(*_arrays(pairs)) == pytest.approx(average_precision(*_arrays(shuffled)))
    assert precision_at(*_arrays(pairs), 4) == pytest.approx(precision_at(*_arrays(shuffled), 4))


def test_precision_among_the_best_k() -> None:
    labels = np.array([True, False, True, True, False])
    scores = np.array([9.0, 8, 7, 6, 5])
    assert [precision_at(labels, scores, k) for k in (1, 2, 4, 5)] == [1, 0.5, 0.75, 0.6]
    assert precision_at(labels, scores, 10) == 0.3, "as if negatives followed"


@settings(max_examples=20, deadline=None)
@given(RANKINGS, st.integers(1, 40))
def test_precision_among_equals_is_the_mean_over_their_orders(pairs: Ranking, k: int) -> None:
    labels, scores = _arrays(pairs)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        order = np.lexsort((random.random(len(scores)), -scores))
        draws.append(labels[order][:k].sum() / k)
    assert precision_at(labels, scores, k) == pytest.approx(float(np.mean(draws)), abs=0.15)


@pytest.mark.parametrize(
    ("labels", "scores"), [([], []), ([True], [1.0, 2.0]), ([False, False], [1.0, 2.0]), ([True], [np.nan])]
)
def test_what_has_no_average_precision_is_refused(labels: list[bool], scores: list[float]) -> None:
    with pytest.raises(EvaluationError):
        average_precision(np.array(labels, dtype=bool), np.array(scores))
    with pytest.raises(EvaluationError):
        precision_at(np.ones(1, bool), np.ones(1), 0)


def test_items_of_a_title_stand_or_fall_together() -> None:
    """Ten titles of ten equal items: the mean over titles has the spread of 10 values, not of 100."""
    titles = [f"t{number // 10}" for number in range(100)]
    values = np.repeat(np.arange(10.0), 10)
    draws = title_bootstrap(titles, lambda drawn: float(values[drawn].mean()))
    assert draws.std() == pytest.approx(np.arange(10.0).std() / np.sqrt(10), rel=0.1)
    found = interval(draws)
    assert found.low < 4.5 < found.high
    again = title_bootstrap(titles, lambda drawn: float(values[drawn].mean()))
    assert np.array_equal(draws, again), "the seed decides"


def test_draws_without_any_positive_are_drawn_again() -> None:
    labels = np.array([True, False, False, False])
    draws = title_bootstrap(
        list("abcd"), lambda drawn: average_precision(labels[drawn], np.arange(4.0)[drawn])
    )
    assert len(draws) == 2000
    with pytest.raises(EvaluationError, match="none of 4 items is positive"):
        title_bootstrap(list("abcd"), lambda drawn: average_precision(~np.ones(4, bool)[drawn], np.zeros(4)))
