"""Pairs of shots that would make a match cut, by the likeness of their middle frames."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64

from algorithms.cosine import cosines, exact_rows
from algorithms.duplicate_groups import DuplicateGroups
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from amber.algorithm import Pair, algorithm, result
from amber.errors import SettingError

#: Shots of either side that are scored at once; memory is one block of this many by this many scores.
_BLOCK = 1024


@result
class MatchPairs:
    """Pairs of shots, best first; of equal scores, the earlier shots (then assets in the order of their hashes)."""

    asset_a: list[str]
    shot_a: Int64[np.ndarray, " pair"]
    asset_b: list[str]
    shot_b: Int64[np.ndarray, " pair"]
    #: Frame indices, half-open.
    start_a: Int64[np.ndarray, " pair"]
    end_a: Int64[np.ndarray, " pair"]
    start_b: Int64[np.ndarray, " pair"]
    end_b: Int64[np.ndarray, " pair"]
    #: Cosine similarity, -1 to 1; the same on every machine for the same embeddings.
    score: Float32[np.ndarray, " pair"]


def merge_blocks(blocks: Sequence[MatchPairs], *, depth: int = 1000) -> MatchPairs:
    """The `depth` best pairs of several blocks, best first.

    Raises:
        SettingError: `depth` is not positive.
    """
    _require_positive(depth)
    scores = np.concatenate([np.zeros(0, np.float32), *(block.score for block in blocks)])
    asset_a = [asset for block in blocks for asset in block.asset_a]
    asset_b = [asset for block in blocks for asset in block.asset_b]
    columns = {
        name: np.concatenate([np.zeros(0, np.int64), *(getattr(block, name) for block in blocks)])
        for name in ("shot_a", "shot_b", "start_a", "end_a", "start_b", "end_b")
    }
    ranks = {asset: rank for rank, asset in enumerate(sorted({*asset_a, *asset_b}))}
    rank_a = np.array([ranks[asset] for asset in asset_a], dtype=np.int64)
    rank_b = np.array([ranks[asset] for asset in asset_b], dtype=np.int64)
    order = np.lexsort((columns["shot_b"], rank_b, columns["shot_a"], rank_a, -scores))[:depth]
    return MatchPairs(
        asset_a=[asset_a[i] for i in order],
        asset_b=[asset_b[i] for i in order],
        score=scores[order],
        **{name: column[order] for name, column in columns.items()},
    )


@algorithm(version="1", merge=merge_blocks, libraries=("numpy",))
def match_pairs(
    shots: Pair[Shots], embeddings: Pair[ShotEmbeddings], groups: Pair[DuplicateGroups], *, depth: int = 1000
) -> MatchPairs:
    """The `depth` most similar pairs of shots that are long enough and repeat no other shot.

    Shots are left out before pairs are ranked, so there are `depth` pairs wherever that many exist.
    Within one title a pair is listed once, the earlier shot first.

    Args:
        depth: How many pairs to keep, of each two titles and of several titles merged.

    Raises:
        SettingError: `depth` is not positive.

    Source: Chen, Ziai, Tucker and Xie, *Match Cutting: Finding Cuts with Smooth Visual Transitions Using Machine
    Learning* (WACV 2023), the embedding flavour; scored by plain cosine, in blocks with a running best `depth`.

    Known limits: the middle frame stands for the shot, so motion plays no part; likeness is of content more than of
    outline; two set-ups of one scene that `duplicate_groups` keeps apart rank high.
    """
    _require_positive(depth)
    eligible_a = _eligible(shots.first, groups.first)
    eligible_b = _eligible(shots.second, groups.second)
    rows_a = exact_rows(embeddings.first.vectors[eligible_a])
    rows_b = rows_a if shots.is_self else exact_rows(embeddings.second.vectors[eligible_b])
    best = _Best(depth)
    for start_a, start_b, scores in _blocks(rows_a, rows_b, upper=shots.is_self):
        best.add(start_a, start_b, scores)
    a, b = eligible_a[best.a], eligible_b[best.b]
    return MatchPairs(
        asset_a=[shots.assets[0]] * len(a),
        asset_b=[shots.assets[1]] * len(b),
        shot_a=a,
        shot_b=b,
        start_a=shots.first.start[a],
        end_a=shots.first.end[a],
        start_b=shots.second.start[b],
        end_b=shots.second.end[b],
        score=best.scores,
    )


def _require_positive(depth: int) -> None:
    if depth < 1:
        raise SettingError(f"setting 'depth' of match_pairs must be 1 or more; found {depth}")


def _eligible(shots: Shots, groups: DuplicateGroups) -> Int64[np.ndarray, " eligible"]:
    """The shots that may stand in a pair: long enough, and kept by `duplicate_groups`."""
    is_kept = groups.first_shot == np.arange(len(groups.first_shot))
    return np.flatnonzero(is_kept & ~shots.is_short)


def _blocks(
    a: Float64[np.ndarray, " n d"], b: Float64[np.ndarray, " m d"], *, upper: bool
) -> Iterator[tuple[int, int, Float32[np.ndarray, " rows columns"]]]:
    """The scores of all rows of `a` with all of `b`, block by block, each with its first row and column.

    With `upper`, `a` is `b`, and scores on and below the diagonal are -inf.
    """
    for start_a in range(0, len(a), _BLOCK):
        for start_b in range(start_a if upper else 0, len(b), _BLOCK):
            scores = cosines(a[start_a : start_a + _BLOCK], b[start_b : start_b + _BLOCK])
            if upper and start_a == start_b:
                scores[np.tril_indices(len(scores))] = -np.inf
            yield start_a, start_b, scores


class _Best:
    """The best `depth` scores seen so far, best first; of equal ones the lower row, then the lower column."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.scores: Float32[np.ndarray, " pair"] = np.zeros(0, np.float32)
        self.a: Int64[np.ndarray, " pair"] = np.zeros(0, np.int64)
        self.b: Int64[np.ndarray, " pair"] = np.zeros(0, np.int64)

    def add(self, start_a: int, start_b: int, scores: Float32[np.ndarray, " rows columns"]) -> None:
        """Take in a block of scores whose first row and column are `start_a` and `start_b`."""
        rows, columns = np.nonzero(scores >= self._floor(scores))
        merged = np.concatenate([self.scores, scores[rows, columns]])
        a = np.concatenate([self.a, rows + start_a])
        b = np.concatenate([self.b, columns + start_b])
        order = np.lexsort((b, a, -merged))[: self._depth]
        self.scores, self.a, self.b = merged[order], a[order], b[order]

    def _floor(self, scores: Float32[np.ndarray, " rows columns"]) -> np.float32:
        """A score below which nothing of this block can be among the best."""
        full = len(self.scores) == self._depth
        kept = self.scores[-1] if full else np.finfo(np.float32).min
        if scores.size <= self._depth:
            return np.float32(kept)
        own = np.partition(scores, scores.size - self._depth, axis=None)[scores.size - self._depth]
        return np.float32(max(kept, own))
