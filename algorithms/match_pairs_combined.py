"""Pairs of shots that would make a match cut by several flavours together."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from algorithms.match_pairs_frame import FramePairs
from algorithms.match_pairs_motion import MotionPairs
from algorithms.pair_filters import require_positive
from algorithms.pair_table import MatchPairs
from amber.algorithm import algorithm, result
from amber.errors import SettingError

#: How much the very first ranks stand out: the constant of Cormack et al.
_SMOOTH = 60

#: What names a pair: asset and shot, twice.
Pair = tuple[str, int, str, int]


@result
class CombinedPairs(MatchPairs):
    """Pairs of shots by their ranks in three lists, best first.

    `score` is the sum over the lists of weight ÷ (60 + rank), times 61 ÷ the sum of weights: 1 for a pair that is the
    first of all three, 0 for none.
    """

    #: The place in the list of each flavour, from 1 on; 0 if it is not in it.
    rank_embedding: Int64[np.ndarray, " pair"]
    rank_frame: Int64[np.ndarray, " pair"]
    rank_motion: Int64[np.ndarray, " pair"]


@algorithm(version="1", libraries=("numpy",))
def match_pairs_combined(
    embedding: MatchPairs,
    frame: FramePairs,
    motion: MotionPairs,
    *,
    depth: int = 1000,
    embedding_weight: float = 1.0,
    frame_weight: float = 1.0,
    motion_weight: float = 1.0,
) -> CombinedPairs:
    """The `depth` best pairs by their ranks in the lists of all three flavours, of one title or of several.

    Scores of different flavours do not compare, ranks do: a pair that is high in two lists beats the first of one.
    Each list has the filters and the depth of its own flavour, given as `match_pairs_frame.apart_seconds=…`.

    Args:
        depth: How many pairs to keep.
        embedding_weight: How much the list of `match_pairs` counts.
        frame_weight: How much the list of `match_pairs_frame` counts.
        motion_weight: How much the list of `match_pairs_motion` counts.

    Raises:
        SettingError: `depth` is not positive, a weight is negative, or all are 0.

    Source: Cormack, Clarke and Büttcher, *Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods* (SIGIR 2009).

    Known limits: a pair counts only in the lists that it is in, so shallow lists make it coarse; two lists of the
    same length are trusted alike, however much their scores say.
    """
    require_positive(depth, "match_pairs_combined")
    weights = (embedding_weight, frame_weight, motion_weight)
    if min(weights) < 0 or not sum(weights):
        raise SettingError(
            f"weights of match_pairs_combined must be 0 or more, and not all 0; found {weights}"
        )
    lists: tuple[MatchPairs, MatchPairs, MatchPairs] = (embedding, frame, motion)
    places = [_places(pairs) for pairs in lists]
    # Of equal scores the pair first that comes first in order of assets and shots.
    names = sorted({pair for known in places for pair in known})
    ranks = np.array([[known.get(pair, (0, 0))[0] for known in places] for pair in names], np.int64).reshape(
        -1, 3
    )
    counts: Float64[np.ndarray, "pair 3"] = np.where(ranks > 0, np.array(weights) / (_SMOOTH + ranks), 0.0)
    scores = (counts.sum(axis=1) * (_SMOOTH + 1) / sum(weights)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0][:depth]
    return _table(lists, places, [names[one] for one in order], scores[order], ranks[order])


def _places(pairs: MatchPairs) -> dict[Pair, tuple[int, int]]:
    """Each pair of a list → its rank from 1 on, and its row."""
    named = zip(pairs.asset_a, pairs.shot_a.tolist(), pairs.asset_b, pairs.shot_b.tolist(), strict=True)
    return {pair: (row + 1, row) for row, pair in enumerate(named)}


def _table(
    lists: tuple[MatchPairs, MatchPairs, MatchPairs],
    places: list[dict[Pair, tuple[int, int]]],
    names: list[Pair],
    scores: np.ndarray,
    ranks: np.ndarray,
) -> CombinedPairs:
    spans = [_span(pair, lists, places) for pair in names]
    columns: Mapping[str, Int64[np.ndarray, " pair"]] = {
        name: np.array([span[number] for span in spans], np.int64)
        for number, name in enumerate(("start_a", "end_a", "start_b", "end_b"))
    }
    return CombinedPairs(
        asset_a=[pair[0] for pair in names],
        shot_a=np.array([pair[1] for pair in names], np.int64),
        asset_b=[pair[2] for pair in names],
        shot_b=np.array([pair[3] for pair in names], np.int64),
        score=scores,
        rank_embedding=ranks[:, 0].copy(),
        rank_frame=ranks[:, 1].copy(),
        rank_motion=ranks[:, 2].copy(),
        **columns,
    )


def _span(
    pair: Pair, lists: tuple[MatchPairs, MatchPairs, MatchPairs], places: list[dict[Pair, tuple[int, int]]]
) -> tuple[int, int, int, int]:
    """The frames of both shots, from a list that has the pair."""
    which = next(number for number, known in enumerate(places) if pair in known)
    found, row = lists[which], places[which][pair][1]
    return int(found.start_a[row]), int(found.end_a[row]), int(found.start_b[row]), int(found.end_b[row])
