"""Similarities are the same bits everywhere."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.cosine import cosines, exact_rows
from tests.algorithms.features import unit


def _vectors(count: int, width: int, seed: int) -> np.ndarray:
    return unit(np.abs(np.random.default_rng(seed).normal(size=(count, width))))


@given(seed=st.integers(0, 10_000), block=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_a_score_does_not_depend_on_the_block_it_is_computed_in(seed: int, block: int) -> None:
    rows = exact_rows(_vectors(40, 1280, seed))
    whole = cosines(rows, rows)
    pieces = np.vstack([cosines(rows[start : start + block], rows) for start in range(0, 40, block)])
    assert whole.tobytes() == pieces.tobytes()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_score_does_not_depend_on_the_order_of_addition(seed: int) -> None:
    rows = exact_rows(_vectors(6, 1280, seed))
    shuffled = rows[:, np.random.default_rng(seed).permutation(1280)]
    assert cosines(rows, rows).tobytes() == cosines(shuffled, shuffled).tobytes()


def test_a_product_is_exact_before_it_is_rounded_to_float32() -> None:
    a, b = exact_rows(_vectors(2, 1280, 7))
    exact = sum((Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0))
    assert Fraction(float(a @ b)) == exact


def test_scores_are_cosines() -> None:
    rows = exact_rows(unit([[1, 0], [1, 1], [0, 1], [0, 0]]))
    assert cosines(rows, rows)[0].tolist() == pytest.approx([1.0, 0.5**0.5, 0.0, 0.0], abs=1e-6)
