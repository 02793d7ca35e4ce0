"""Pairs of shots that would make a match cut, by how they move."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

from algorithms.best_pairs import Cosines, best_pairs
from algorithms.duplicate_groups import DuplicateGroups
from algorithms.motion import Motion
from algorithms.pair_filters import PairFilters, require_positive
from algorithms.pair_table import MatchPairs, as_table, merge_tables
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from amber.algorithm import Pair, algorithm, result


@result
class MotionPairs(MatchPairs):
    """Pairs of shots by how they move, best first.

    `score` is the cosine of their grids of motion, 0 to 1: the same on every machine for the same grids.
    """


def merge_blocks(blocks: Sequence[MotionPairs], *, depth: int = 1000) -> MotionPairs:
    """The `depth` best pairs of several blocks, best first.

    Raises:
        SettingError: `depth` is not positive.
    """
    require_positive(depth, "match_pairs_motion")
    return merge_tables(MotionPairs, blocks, depth)


@algorithm(version="1", cpus=2, merge=merge_blocks, libraries=("numpy",))
def match_pairs_motion(
    shots: Pair[Shots],
    embeddings: Pair[ShotEmbeddings],
    groups: Pair[DuplicateGroups],
    motion: Pair[Motion],
    *,
    depth: int = 1000,
    by: Literal["total", "camera", "residual"] = "total",
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    apart_seconds: float = 0.0,
    other_title_only: bool = False,
    duplicate_cosine: float | None = 0.8,
) -> MotionPairs:
    """The `depth` pairs of shots that move the most alike.

    Shots in which nothing moves stand in no pair; of two shots with the same directions in the same places it does
    not matter which is faster. Within one title a pair is listed once, the earlier shot first.

    Args:
        by: All motion as it is seen, the same move of the camera, or the same action whatever the camera does.
        depth: How many pairs to keep, of each two titles and of several titles merged.
        min_seconds: Shots that last less stand in no pair, beside those that are marked `is_short`.
        max_seconds: Shots that last longer stand in no pair.
        apart_seconds: Between two shots of one title at least this much lies.
        other_title_only: Leave out pairs within one title.
        duplicate_cosine: Leave out pairs, of two titles too, whose middle frames are this similar: near-duplicates.

    Raises:
        SettingError: `depth` is not positive, or another setting contradicts itself.

    Source: Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023), the motion flavour (cosine of mean flow); the grid of
    directions, and the camera apart from the rest, are ours; in blocks, with a running best `depth`.

    Known limits: those of `motion`; a mean over the shot knows no order, so to and fro is as fro and to.
    """
    filters = PairFilters(depth, min_seconds, max_seconds, apart_seconds, other_title_only, duplicate_cosine)
    filters.check("match_pairs_motion")
    a, rows_a = _moving(motion.first, by, filters.eligible(shots.first, groups.first))
    b, rows_b = a, rows_a
    if not shots.is_self:
        b, rows_b = _moving(motion.second, by, filters.eligible(shots.second, groups.second))
    elif other_title_only:
        a, rows_a = b, rows_b = a[:0], rows_a[:0]
    barred = filters.barred(shots, embeddings, a, b)
    return as_table(
        MotionPairs,
        shots,
        a,
        b,
        best_pairs(Cosines(rows_a, rows_b), depth, upper=shots.is_self, barred=barred),
    )


def _moving(
    found: Motion, by: str, eligible: Int64[np.ndarray, " eligible"]
) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, "n 320"]]:
    """The eligible shots in which something moves, and their grids at length 1."""
    grids = {"total": found.total, "camera": found.camera, "residual": found.residual}[by][eligible]
    lengths = np.sqrt(np.square(grids, dtype=np.float64).sum(axis=1))
    moves = lengths > 0
    unit: Float32[np.ndarray, "n 320"] = (grids[moves] / lengths[moves, None]).astype(np.float32)
    return eligible[moves], unit
