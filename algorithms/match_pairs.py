"""Pairs of shots that would make a match cut, by the likeness of their middle frames."""

from collections.abc import Sequence
from typing import Literal

from algorithms.approximate_pairs import approximate_pairs
from algorithms.best_pairs import Cosines, best_pairs
from algorithms.duplicate_groups import DuplicateGroups
from algorithms.pair_filters import PairFilters, require_positive
from algorithms.pair_table import MatchPairs, as_table, merge_tables
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots
from amber.algorithm import Pair, algorithm

__all__ = ["MatchPairs", "match_pairs", "merge_blocks"]


def merge_blocks(blocks: Sequence[MatchPairs], *, depth: int = 1000) -> MatchPairs:
    """The `depth` best pairs of several blocks, best first.

    Raises:
        SettingError: `depth` is not positive.
    """
    require_positive(depth, "match_pairs")
    return merge_tables(MatchPairs, blocks, depth)


@algorithm(version="1", cpus=2, merge=merge_blocks, libraries=("numpy",))
def match_pairs(
    shots: Pair[Shots],
    embeddings: Pair[ShotEmbeddings],
    groups: Pair[DuplicateGroups],
    *,
    depth: int = 1000,
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    apart_seconds: float = 0.0,
    other_title_only: bool = False,
    duplicate_cosine: float | None = None,
    search: Literal["exact", "approximate"] = "exact",
) -> MatchPairs:
    """The `depth` most similar pairs of shots that are long enough and repeat no other shot.

    Shots and pairs are left out before pairs are ranked, so there are `depth` pairs wherever that many exist.
    Within one title a pair is listed once, the earlier shot first.

    Args:
        depth: How many pairs to keep, of each two titles and of several titles merged.
        min_seconds: Shots that last less stand in no pair, beside those that are marked `is_short`.
        max_seconds: Shots that last longer stand in no pair.
        apart_seconds: Between two shots of one title at least this much lies.
        other_title_only: Leave out pairs within one title.
        duplicate_cosine: Leave out pairs, of two titles too, whose middle frames are this similar: near-duplicates.
        search: `approximate` looks at the neighbours that an index finds, and needs faiss (`amber[index]`).

    Raises:
        SettingError: `depth` is not positive, or another setting contradicts itself.

    Source: Chen, Ziai, Tucker and Xie, *Match Cutting: Finding Cuts with Smooth Visual Transitions Using Machine
    Learning* (WACV 2023), the embedding flavour; scored by plain cosine, in blocks with a running best `depth`.

    Known limits: the middle frame stands for the shot, so motion plays no part; likeness is of content more than of
    outline; two set-ups of one scene that `duplicate_groups` keeps apart rank high.
    """
    filters = PairFilters(depth, min_seconds, max_seconds, apart_seconds, other_title_only, duplicate_cosine)
    filters.check("match_pairs")
    a = filters.eligible(shots.first, groups.first)
    b = a if shots.is_self else filters.eligible(shots.second, groups.second)
    if other_title_only and shots.is_self:
        a = b = a[:0]
    vectors = embeddings.first.vectors[a]
    others = vectors if shots.is_self else embeddings.second.vectors[b]
    bars = filters.barred(shots, embeddings, a, b)
    if search == "approximate":
        best = approximate_pairs(vectors, others, depth, upper=shots.is_self, bars=bars)
    else:
        best = best_pairs(Cosines(vectors, others), depth, upper=shots.is_self, barred=bars)
    return as_table(MatchPairs, shots, a, b, best)
