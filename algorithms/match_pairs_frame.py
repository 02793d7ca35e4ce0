"""Pairs of shots that would make a match cut, by the outlines of the people in them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, UInt8

from algorithms.best_pairs import Overlaps, best_pairs
from algorithms.duplicate_groups import DuplicateGroups
from algorithms.pair_filters import PairFilters, require_positive
from algorithms.pair_table import MatchPairs, as_table, merge_tables
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from algorithms.silhouettes import Silhouettes
from amber.algorithm import Pair, algorithm, result


@result
class FramePairs(MatchPairs):
    """Pairs of shots by the outlines of people in their middle frames, best first.

    `score` is the intersection of all their masks over the union, 0 to 1: the same on every machine for the same masks.
    """


def merge_blocks(blocks: Sequence[FramePairs], *, depth: int = 1000) -> FramePairs:
    """The `depth` best pairs of several blocks, best first.

    Raises:
        SettingError: `depth` is not positive.
    """
    require_positive(depth, "match_pairs_frame")
    return merge_tables(FramePairs, blocks, depth)


@algorithm(version="1", cpus=2, merge=merge_blocks, libraries=("numpy",))
def match_pairs_frame(
    shots: Pair[Shots],
    embeddings: Pair[ShotEmbeddings],
    groups: Pair[DuplicateGroups],
    silhouettes: Pair[Silhouettes],
    *,
    depth: int = 1000,
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    apart_seconds: float = 0.0,
    other_title_only: bool = False,
    duplicate_cosine: float | None = 0.8,
) -> FramePairs:
    """The `depth` pairs of shots whose people fill the most alike parts of the picture.

    Shots without people stand in no pair; a film without people has an empty table.
    Within one title a pair is listed once, the earlier shot first.

    Args:
        depth: How many pairs to keep, of each two titles and of several titles merged.
        min_seconds: Shots that last less stand in no pair, beside those that are marked `is_short`.
        max_seconds: Shots that last longer stand in no pair.
        apart_seconds: Between two shots of one title at least this much lies.
        other_title_only: Leave out pairs within one title.
        duplicate_cosine: Leave out pairs, of two titles too, whose middle frames are this similar: near-duplicates.

    Raises:
        SettingError: `depth` is not positive, or another setting contradicts itself.

    Source: Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023), the frame flavour (instance IoU); in blocks, as a matrix
    product, with a running best `depth`.

    Known limits: those of `silhouettes`; two people who fill the picture match whatever they do; outlines that are the same
    but for their place do not match.
    """
    filters = PairFilters(depth, min_seconds, max_seconds, apart_seconds, other_title_only, duplicate_cosine)
    filters.check("match_pairs_frame")
    a, bits_a = _outlines(silhouettes.first, filters.eligible(shots.first, groups.first))
    b, bits_b = a, bits_a
    if not shots.is_self:
        b, bits_b = _outlines(silhouettes.second, filters.eligible(shots.second, groups.second))
    elif other_title_only:
        a, bits_a = b, bits_b = a[:0], bits_a[:0]
    barred = filters.barred(shots, embeddings, a, b)
    return as_table(
        FramePairs,
        shots,
        a,
        b,
        best_pairs(Overlaps(bits_a, bits_b), depth, upper=shots.is_self, barred=barred),
    )


def _outlines(
    found: Silhouettes, eligible: Int64[np.ndarray, " eligible"]
) -> tuple[Int64[np.ndarray, " n"], UInt8[np.ndarray, "n 648"]]:
    """The eligible shots with people, and the mask of all people of each."""
    of_all = np.flatnonzero((found.person < 0) & np.isin(found.shot, eligible))
    return found.shot[of_all], found.bits[of_all]
