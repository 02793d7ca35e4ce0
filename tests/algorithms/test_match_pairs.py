"""The best pairs of shots, exactly, in little memory."""

import tracemalloc
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms import best_pairs
from algorithms.cosine import cosines, exact_rows
from algorithms.match_pairs import MatchPairs, match_pairs, merge_blocks
from amber.algorithm import Pair
from amber.errors import SettingError
from tests.algorithms.features import embeddings_of, groups_of, rows, shots_of, unit


class Title:
    """A title's features: vectors of its shots, which of them are short, and which repeat another."""

    def __init__(
        self,
        asset: str,
        vectors: np.ndarray,
        short: tuple[int, ...] = (),
        repeats: dict[int, int] | None = None,
    ) -> None:
        self.asset = asset
        self.embeddings = embeddings_of(vectors)
        self.shots = shots_of(len(vectors), short=short)
        self.groups = groups_of(len(vectors), repeats=repeats)
        self.eligible = [s for s in range(len(vectors)) if s not in short and s not in (repeats or {})]


def _pairs(one: Title, other: Title, depth: int = 1000) -> MatchPairs:
    assets = (one.asset, other.asset)
    return match_pairs(
        Pair(assets, one.shots, other.shots),
        Pair(assets, one.embeddings, other.embeddings),
        Pair(assets, one.groups, other.groups),
        depth=depth,
    )


def _brute_force(one: Title, other: Title) -> list[tuple[str, int, str, int, float]]:
    scores = cosines(exact_rows(one.embeddings.vectors), exact_rows(other.embeddings.vectors))
    found = [
        (one.asset, a, other.asset, b, float(scores[a, b]))
        for a in one.eligible
        for b in other.eligible
        if one is not other or a < b
    ]
    return sorted(found, key=lambda row: (-row[4], row[0], row[1], row[2], row[3]))


@st.composite
def titles(draw: st.DrawFn, asset: str) -> Title:
    """A title of few directions, so that many scores are equal."""
    count = draw(st.integers(0, 14))
    degrees = draw(st.lists(st.sampled_from([0, 10, 20, 45, 90]), min_size=count, max_size=count))
    short = tuple(s for s in range(count) if draw(st.integers(0, 4)) == 0)
    repeats = {s: 0 for s in range(1, count) if draw(st.integers(0, 4)) == 0}
    radians = np.radians(np.array(degrees, dtype=np.float64))
    return Title(asset, unit(np.stack([np.cos(radians), np.sin(radians)], axis=1)), short, repeats)


@given(
    one=titles("a"), other=titles("b"), depth=st.integers(1, 60), block=st.integers(1, 8), alone=st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_blocks_of_any_size_give_what_scoring_every_pair_gives(
    one: Title, other: Title, depth: int, block: int, alone: bool
) -> None:
    other = one if alone else other
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(best_pairs, "BLOCK", block)
        assert rows(_pairs(one, other, depth)) == _brute_force(one, other)[:depth]


@given(data=st.data(), depth=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_merged_blocks_are_the_best_pairs_of_all_titles(data: st.DataObject, depth: int) -> None:
    library = [data.draw(titles(asset)) for asset in ("a", "b", "c")]
    asks = list(combinations_with_replacement(library, 2))
    merged = merge_blocks([_pairs(one, other, depth) for one, other in asks], depth=depth)
    everything = [row for one, other in asks for row in _brute_force(one, other)]
    assert rows(merged) == sorted(everything, key=lambda r: (-r[4], *r[:4]))[:depth]


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_blocks_does_not_matter(data: st.DataObject) -> None:
    library = [data.draw(titles(asset)) for asset in ("a", "b")]
    blocks = [_pairs(one, other) for one, other in combinations_with_replacement(library, 2)]
    assert rows(merge_blocks(blocks, depth=20)) == rows(merge_blocks(blocks[::-1], depth=20))


def test_short_and_repeated_shots_do_not_use_up_the_depth() -> None:
    same = unit([[1.0, 0.0]] * 20 + [[1.0, 1.0], [0.0, 1.0], [1.0, 2.0]])
    title = Title("a", same, short=tuple(range(10)), repeats=dict.fromkeys(range(11, 20), 10))
    found = rows(_pairs(title, title, depth=6))
    assert len(found) == 6
    assert {shot for row in found for shot in (row[1], row[3])} == {10, 20, 21, 22}


def test_a_pair_names_the_frames_of_its_shots() -> None:
    one, other = Title("a", unit([[0, 1], [1, 0]])), Title("b", unit([[1, 0]]))
    best = _pairs(one, other, depth=1)
    assert rows(best) == [("a", 1, "b", 0, 1.0)]
    assert (best.start_a.tolist(), best.end_a.tolist()) == ([24], [48])
    assert (best.start_b.tolist(), best.end_b.tolist()) == ([0], [24])


def test_two_titles_pair_a_shot_with_the_shot_of_the_same_number() -> None:
    one, other = Title("a", unit([[1, 0]])), Title("b", unit([[1, 0]]))
    assert rows(_pairs(one, other)) == [("a", 0, "b", 0, 1.0)]


def test_a_title_without_pairs_gives_an_empty_table() -> None:
    title = Title("a", unit([[1, 0], [0, 1]]), short=(1,))
    found = _pairs(title, title)
    assert len(found.score) == len(found.asset_a) == len(found.start_b) == 0
    assert (found.score.dtype, found.shot_a.dtype) == (np.float32, np.int64)
    assert rows(merge_blocks([found], depth=5)) == []
    assert rows(merge_blocks([], depth=5)) == []


@pytest.mark.parametrize("depth", [0, -3])
def test_a_depth_below_one_is_refused(depth: int) -> None:
    title = Title("a", unit([[1, 0]]))
    with pytest.raises(SettingError, match=f"depth.*must be 1 or more; found {depth}"):
        _pairs(title, title, depth=depth)
    with pytest.raises(SettingError, match="depth"):
        merge_blocks([], depth=depth)


def test_memory_is_a_block_not_all_scores() -> None:
    title = Title("a", unit(np.random.default_rng(3).normal(size=(6000, 4))))
    tracemalloc.start()
    found = _pairs(title, title, depth=1000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.score) == 1000
    assert peak_bytes < 60e6 < 6000 * 6000 / 2 * 4
