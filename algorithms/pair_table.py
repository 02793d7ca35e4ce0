"""Pairs of shots as a table, and several tables as one."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, Int64

from algorithms.best_pairs import Best
from algorithms.shots import Shots
from amber.algorithm import Pair, result


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


Pairs = TypeVar("Pairs", bound=MatchPairs)


def as_table(
    kind: type[Pairs],
    shots: Pair[Shots],
    a: Int64[np.ndarray, " n"],
    b: Int64[np.ndarray, " m"],
    best: Best,
) -> Pairs:
    """The best pairs of rows as pairs of shots: row `i` is shot `a[i]`, column `j` is shot `b[j]`."""
    first, second = a[best.a], b[best.b]
    return kind(
        asset_a=[shots.assets[0]] * len(first),
        asset_b=[shots.assets[1]] * len(second),
        shot_a=first,
        shot_b=second,
        start_a=shots.first.start[first],
        end_a=shots.first.end[first],
        start_b=shots.second.start[second],
        end_b=shots.second.end[second],
        score=best.scores,
    )


def merge_tables(kind: type[Pairs], blocks: Sequence[Pairs], depth: int) -> Pairs:
    """The `depth` best pairs of several tables, best first."""
    scores: Float32[np.ndarray, " pair"] = np.concatenate(
        [np.zeros(0, np.float32), *(block.score for block in blocks)]
    )
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
    return kind(
        asset_a=[asset_a[i] for i in order],
        asset_b=[asset_b[i] for i in order],
        score=scores[order],
        **{name: column[order] for name, column in columns.items()},
    )
