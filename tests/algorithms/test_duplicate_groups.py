"""Near-duplicate shots are linked to the earliest kept one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms import near_duplicates
from algorithms.cosine import cosines, exact_rows
from algorithms.duplicate_groups import duplicate_groups
from tests.algorithms.features import embeddings_of, unit

RED, GREEN, BLUE = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def _at(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return unit(np.stack([np.cos(radians), np.sin(radians)], axis=1))


def _first_shots(vectors: np.ndarray, min_cosine: float) -> list[int]:
    found = duplicate_groups(embeddings_of(vectors), min_cosine=min_cosine).first_shot
    assert found.dtype == np.int32
    return [int(first) for first in found]


def _by_definition(vectors: np.ndarray, min_cosine: float) -> list[int]:
    rows = exact_rows(vectors)
    scores = cosines(rows, rows)
    firsts: list[int] = []
    for shot in range(len(rows)):
        kept = [k for k in range(shot) if firsts[k] == k and scores[k, shot] >= np.float32(min_cosine)]
        firsts.append(kept[0] if kept else shot)
    return firsts


def test_a_conversation_cut_back_and_forth_leaves_one_shot_of_each_side() -> None:
    assert _first_shots(unit([RED, GREEN, RED, GREEN, BLUE, RED]), 0.9) == [0, 1, 0, 1, 4, 0]


def test_the_earliest_kept_shot_is_named_not_the_most_similar() -> None:
    assert _first_shots(_at(0, 20, 14), 0.95) == [0, 1, 0]


def test_similarity_is_not_handed_on_along_a_slow_change() -> None:
    assert _first_shots(_at(0, 15, 30, 45), 0.95) == [0, 0, 2, 2]


def test_a_shot_exactly_at_the_threshold_is_a_duplicate() -> None:
    assert _first_shots(unit([[1, 0], [3, 4]]), 0.6) == [0, 0]
    assert _first_shots(unit([[1, 0], [3, 4]]), 0.6001) == [0, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_a_film_of_no_or_one_shot_has_no_duplicates(count: int) -> None:
    assert _first_shots(np.ones((count, 1), np.float32), 0.9) == list(range(count))


def test_shots_without_content_are_not_duplicates_of_each_other() -> None:
    assert _first_shots(unit([[0.0, 0.0], [0.0, 0.0]]), 0.9) == [0, 1]


@given(
    degrees=st.lists(st.integers(0, 90), max_size=60),
    min_cosine=st.sampled_from([0.5, 0.8, 0.9, 0.97, 0.999]),
    block=st.integers(1, 12),
)
@settings(max_examples=200, deadline=None)
def test_blocks_of_any_size_give_what_the_definition_says(
    degrees: list[int], min_cosine: float, block: int
) -> None:
    vectors = _at(*degrees) if degrees else np.zeros((0, 2), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_BLOCK", block)
        assert _first_shots(vectors, min_cosine) == _by_definition(vectors, min_cosine)


@given(degrees=st.lists(st.floats(0, 90), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_kept_shots_differ_and_the_others_resemble_the_shot_they_name(degrees: list[float]) -> None:
    vectors = _at(*degrees)
    firsts = np.array(_first_shots(vectors, 0.9))
    rows = exact_rows(vectors)
    similar = cosines(rows, rows) >= np.float32(0.9)
    kept = np.flatnonzero(firsts == np.arange(len(firsts)))
    assert not np.triu(similar[np.ix_(kept, kept)], 1).any()
    assert similar[np.arange(len(firsts)), firsts].all()
    assert (firsts[firsts] == firsts).all()
