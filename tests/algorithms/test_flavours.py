"""Pairs by outline, by motion and by all three flavours: exact, whatever the blocks and the filters."""

import os
import tracemalloc
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms import best_pairs
from algorithms.approximate_pairs import approximate_pairs
from algorithms.best_pairs import Cosines, Overlaps
from algorithms.cosine import cosines, exact_rows
from algorithms.mask_grid import packed
from algorithms.match_pairs import match_pairs
from algorithms.match_pairs_combined import match_pairs_combined
from algorithms.match_pairs_frame import FramePairs, match_pairs_frame, merge_blocks
from algorithms.match_pairs_motion import MotionPairs, match_pairs_motion
from algorithms.motion import Motion
from algorithms.pair_table import MatchPairs
from algorithms.shots import Shots
from algorithms.silhouettes import Silhouettes
from amber.algorithm import Pair
from amber.errors import SettingError
from tests.algorithms.features import embeddings_of, groups_of, rows, shots_of, unit

Row = tuple[str, int, str, int, float]


class Title:
    """A title with a mask, a motion and a vector a shot; shots are of several lengths, with gaps between them."""

    def __init__(self, asset: str, seed: int, count: int, empty: tuple[int, ...] = ()) -> None:
        random = np.random.default_rng(seed)
        self.asset = asset
        base = shots_of(count)
        lasts = random.choice([0.6, 1.0, 2.0, 4.0], size=count)
        starts = np.cumsum(lasts) - lasts
        self.shots = Shots(base.start, base.end, starts, starts + lasts, random.random(count) < 0.15)
        self.groups = groups_of(count, repeats={s: 0 for s in range(1, count) if random.random() < 0.15})
        degrees = np.radians(random.choice([0, 20, 30, 45, 80], size=count))
        self.embeddings = embeddings_of(
            unit(np.stack([np.cos(degrees), np.sin(degrees)], axis=1))
            if count
            else np.zeros((0, 2), np.float32)
        )
        # Large rectangles of few kinds, so that many scores are equal.
        self.masks = np.zeros((count, 54, 96), np.bool_)
        for mask in self.masks:
            top, left = random.integers(0, 4, size=2) * (9, 16)
            mask[top : top + 27, left : left + 48] = True
        self.masks[list(empty)] = False
        grids = random.integers(0, 3, size=(count, 320)).astype(np.float32) * (
            random.random((count, 320)) < 0.02
        )
        grids[list(empty)] = 0
        none = np.zeros_like(grids)
        self.motion = Motion(grids, none, none, np.zeros((count, 4), np.float32), np.ones(count, np.int64))
        shown = np.flatnonzero(self.masks.any(axis=(1, 2)))
        self.silhouettes = Silhouettes(
            shot=np.repeat(shown, 2),
            person=np.tile([-1, 0], len(shown)),
            cells=np.repeat(self.masks[shown].sum(axis=(1, 2)), 2),
            bits=packed(np.repeat(self.masks[shown], 2, axis=0)),
        )


def _inputs(one: Title, other: Title) -> tuple[Pair[Any], Pair[Any], Pair[Any]]:
    assets = (one.asset, other.asset)
    names = ("shots", "embeddings", "groups")
    found = [Pair(assets, getattr(one, name), getattr(other, name)) for name in names]
    return found[0], found[1], found[2]


def frame(one: Title, other: Title, **given_settings: Any) -> FramePairs:
    masks = Pair((one.asset, other.asset), one.silhouettes, other.silhouettes)
    return match_pairs_frame(*_inputs(one, other), masks, **given_settings)


def motion(one: Title, other: Title, **given_settings: Any) -> MotionPairs:
    grids = Pair((one.asset, other.asset), one.motion, other.motion)
    return match_pairs_motion(*_inputs(one, other), grids, **given_settings)


def embedding(one: Title, other: Title, **given_settings: Any) -> MatchPairs:
    return match_pairs(*_inputs(one, other), **given_settings)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union, cell by cell."""
    both = either = 0
    for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        both += x and y
        either += x or y
    return float(np.float32(both / either))


def _by_overlap(one: Title, a: int, other: Title, b: int) -> float | None:
    shared = int((one.masks[a] & other.masks[b]).sum())
    either = int((one.masks[a] | other.masks[b]).sum())
    shown = one.masks[a].any() and other.masks[b].any()
    return float(np.float32(shared / either)) if shown else None


def _by_motion(one: Title, a: int, other: Title, b: int) -> float | None:
    if not one.motion.total[a].any() or not other.motion.total[b].any():
        return None
    return float(
        cosines(exact_rows(unit([one.motion.total[a]])), exact_rows(unit([other.motion.total[b]])))[0, 0]
    )


def _by_vector(one: Title, a: int, other: Title, b: int) -> float:
    pair = exact_rows(one.embeddings.vectors[[a]]), exact_rows(other.embeddings.vectors[[b]])
    return float(cosines(*pair)[0, 0])


def _brute_force(
    one: Title,
    other: Title,
    score: Callable[[Title, int, Title, int], float | None],
    given_settings: Mapping[str, Any],
) -> list[Row]:
    """Every pair by itself, as the settings' descriptions say."""
    lowest, highest = given_settings["min_seconds"], given_settings["max_seconds"]

    def fits(title: Title, shot: int) -> bool:
        lasts = title.shots.end_seconds[shot] - title.shots.start_seconds[shot]
        kept = title.groups.first_shot[shot] == shot and not title.shots.is_short[shot]
        return bool(kept and lasts >= lowest and (highest is None or lasts <= highest))

    found: list[Row] = []
    for a, b in product(range(len(one.masks)), range(len(other.masks))):
        if one is other and (a >= b or given_settings["other_title_only"]):
            continue
        between = other.shots.start_seconds[b] - one.shots.end_seconds[a]
        if one is other and between < (given_settings["apart_seconds"] or -np.inf):
            continue
        like = given_settings["duplicate_cosine"]
        if like is not None and _by_vector(one, a, other, b) >= np.float32(like):
            continue
        value = score(one, a, other, b)
        if fits(one, a) and fits(other, b) and value is not None:
            found.append((one.asset, a, other.asset, b, value))
    return sorted(found, key=lambda row: (-row[4], row[1], row[3]))


FLAVOURS = {
    "frame": (frame, _by_overlap),
    "motion": (motion, _by_motion),
    "embedding": (embedding, _by_vector),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@given(
    seed=st.integers(0, 1000), sizes=st.tuples(st.integers(0, 12), st.integers(0, 12)), depth=st.integers(1, 40),
    block=st.integers(1, 8), alone=st.booleans(), min_seconds=st.sampled_from([0.0, 1.0]),
    max_seconds=st.sampled_from([None, 2.0]), apart_seconds=st.sampled_from([0.0, 1.5, 6.0]),
    other_title_only=st.booleans(), duplicate_cosine=st.sampled_from([None, 0.8, 0.95]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_filtered_pairs_are_those_of_scoring_every_pair_by_itself(
    flavour: str, seed: int, sizes: tuple[int, int], depth: int, block: int, alone: bool, **filters: Any
) -> None:
    found, score = FLAVOURS[flavour]
    one = Title("a", seed, sizes[0], empty=(1,) if sizes[0] > 1 else ())
    other = one if alone else Title("b", seed + 1, sizes[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(best_pairs, "BLOCK", block)
        assert (
            rows(found(one, other, depth=depth, **filters))
            == _brute_force(one, other, score, filters)[:depth]
        )


def test_overlaps_of_all_pairs_are_those_of_a_naive_double_loop() -> None:
    masks = np.random.default_rng(5).random((7, 54, 96)) < np.linspace(0.01, 0.9, 7)[:, None, None]
    scorer = Overlaps(packed(masks), packed(masks))
    expected = [[_overlap(a, b) for b in masks] for a in masks]
    assert scorer.screen(slice(0, 7), slice(0, 7)).tolist() == expected
    everything = np.indices((7, 7)).reshape(2, -1)
    assert scorer.exact(everything[0], everything[1]).reshape(7, 7).tolist() == expected


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_a_screened_cosine_is_never_further_off_than_is_said(seed: int, scale: float) -> None:
    vectors = (unit(np.random.default_rng(seed).normal(size=(30, 1280))) * scale).astype(np.float32)
    scorer = Cosines(vectors, vectors)
    everything = np.indices((30, 30)).reshape(2, -1)
    exact = scorer.exact(everything[0], everything[1]).reshape(30, 30)
    assert np.abs(scorer.screen(slice(0, 30), slice(0, 30)) - exact).max() <= scorer.margin
    assert exact.tobytes() == cosines(exact_rows(vectors), exact_rows(vectors)).tobytes()


def test_scores_that_differ_by_less_than_single_precision_are_ranked_right() -> None:
    close = unit([[1, 0, 0], [1, 1e-4, 0], [1, 2e-4, 0], [1, 3e-4, 1e-4], [1, 1.5e-4, 0]])
    scores = cosines(exact_rows(close), exact_rows(close))
    expected = sorted((-float(scores[a, b]), a, b) for a in range(5) for b in range(a + 1, 5))
    for depth in range(1, 11):
        best = best_pairs.best_pairs(Cosines(close, close), depth, upper=True)
        assert (
            list(zip((-best.scores).tolist(), best.a.tolist(), best.b.tolist(), strict=True))
            == expected[:depth]
        )


def test_blocks_of_several_titles_are_merged_into_their_own_type() -> None:
    library = [Title(asset, seed, 8) for seed, asset in enumerate(("a", "b", "c"))]
    blocks = [frame(one, other) for i, one in enumerate(library) for other in library[i:]]
    merged = merge_blocks(blocks, depth=15)
    assert type(merged) is FramePairs
    everything = [row for block in blocks for row in rows(block)]
    assert rows(merged) == sorted(everything, key=lambda r: (-r[4], *r[:4]))[:15]


def test_a_title_without_people_gives_an_empty_table() -> None:
    nobody = Title("a", 1, 5, empty=tuple(range(5)))
    assert rows(frame(nobody, nobody)) == [] == rows(motion(nobody, nobody))


@pytest.mark.parametrize("found", [frame, motion, embedding])
@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        ({"depth": 0}, "'depth' of match_pairs.* must be 1 or more; found 0"),
        ({"min_seconds": -1.0}, "'min_seconds' of match_pairs.* must not be negative"),
        ({"apart_seconds": -1.0}, "'apart_seconds' of match_pairs.* must not be negative"),
        ({"min_seconds": 2.0, "max_seconds": 1.0}, "no shot lasts at least 2.0 s and at most 1.0 s"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    found: Callable[..., MatchPairs], given_settings: dict[str, Any], said: str
) -> None:
    title = Title("a", 1, 3)
    with pytest.raises(SettingError, match=said):
        found(title, title, **given_settings)


def _pairs(kind: type[Any], *named: tuple[int, int]) -> Any:
    """A list of pairs of shots of one title, best first."""
    a, b = (np.array([pair[side] for pair in named], np.int64) for side in (0, 1))
    names = ["x"] * len(named)
    return kind(
        names,
        a,
        names,
        b,
        a * 10,
        a * 10 + 10,
        b * 10,
        b * 10 + 10,
        np.linspace(1, 0.5, len(named), dtype=np.float32),
    )


def test_a_pair_that_is_high_in_two_lists_beats_the_first_of_one() -> None:
    found = match_pairs_combined(
        _pairs(MatchPairs, (0, 1), (2, 3)), _pairs(FramePairs, (4, 5), (2, 3)), _pairs(MotionPairs, (0, 1))
    )
    assert [(a, b) for _, a, _, b, _ in rows(found)] == [(0, 1), (2, 3), (4, 5)]
    assert found.rank_embedding.tolist() == [1, 2, 0]
    assert found.rank_frame.tolist() == [0, 2, 1]
    assert found.rank_motion.tolist() == [1, 0, 0]
    assert found.score.tolist() == pytest.approx([2 / 3, 2 * 61 / 62 / 3, 1 / 3], abs=1e-6)
    assert (found.start_a.tolist(), found.end_b.tolist()) == ([0, 20, 40], [20, 40, 60])


def test_weights_decide_which_list_counts_and_depth_how_many_are_kept() -> None:
    lists = _pairs(MatchPairs, (0, 1)), _pairs(FramePairs, (2, 3)), _pairs(MotionPairs)
    found = match_pairs_combined(*lists, embedding_weight=0.0, motion_weight=0.0)
    assert [(a, b, score) for _, a, _, b, score in rows(found)] == [(2, 3, 1.0)]
    assert [a for _, a, *_ in rows(match_pairs_combined(*lists, depth=1, frame_weight=0.5))] == [0]
    assert rows(match_pairs_combined(_pairs(MatchPairs), _pairs(FramePairs), _pairs(MotionPairs))) == []
    for wrong in (
        {"frame_weight": -1.0},
        dict.fromkeys(("embedding_weight", "frame_weight", "motion_weight"), 0.0),
    ):
        with pytest.raises(SettingError, match="weights of match_pairs_combined"):
            match_pairs_combined(*lists, **wrong)


#: Shots of a large catalogue; what they take beside their vectors does not grow with them.
SHOTS, WIDTH = (200_000, 64) if os.environ.get("AMBER_SOAK") else (20_000, 64)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_catalogue_takes_a_fixed_memory_beside_its_vectors() -> None:
    vectors = unit(np.random.default_rng(0).standard_normal((SHOTS, WIDTH), dtype=np.float32))
    vectors[-1] = vectors[7]
    tracemalloc.start()
    scorer = Cosines(vectors, vectors)
    own_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    best = best_pairs.best_pairs(scorer, 1000, upper=True)
    peak_bytes = tracemalloc.get_traced_memory()[1] - own_bytes
    tracemalloc.stop()
    print(f"{SHOTS:,} shots: {peak_bytes / 1e6:.0f} MB beside the vectors")
    assert (best.a[0], best.b[0]) == (7, SHOTS - 1) and len(best.scores) == 1000
    assert peak_bytes < 40e6


@given(
    seed=st.integers(0, 1000),
    alone=st.booleans(),
    apart_seconds=st.sampled_from([0.0, 6.0]),
    like=st.sampled_from([None, 0.95]),
)
@settings(max_examples=15, deadline=None)
def test_an_index_that_sees_everything_finds_what_scoring_every_pair_finds(
    seed: int, alone: bool, apart_seconds: float, like: float | None
) -> None:
    one = Title("a", seed, 12)
    other = one if alone else Title("b", seed + 1, 9)
    filters = {"depth": 30, "apart_seconds": apart_seconds, "duplicate_cosine": like}
    assert rows(embedding(one, other, search="approximate", **filters)) == rows(
        embedding(one, other, **filters)
    )


def test_an_approximate_index_finds_most_of_the_best_pairs() -> None:
    random = np.random.default_rng(2)
    kinds = random.standard_normal((150, 256))
    vectors = unit(kinds[random.integers(0, 150, 3000)] + 0.7 * random.standard_normal((3000, 256)))
    exact = best_pairs.best_pairs(Cosines(vectors, vectors), 500, upper=True)
    found = approximate_pairs(vectors, vectors, 500, upper=True, bars=None)
    pairs = [set(zip(one.a.tolist(), one.b.tolist(), strict=True)) for one in (exact, found)]
    recall = len(pairs[0] & pairs[1]) / 500
    print(f"recall {recall:.3f}")
    assert recall >= 0.95
    assert (found.a < found.b).all()
