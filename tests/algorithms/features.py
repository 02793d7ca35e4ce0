"""Small features made by hand."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from algorithms.duplicate_groups import DuplicateGroups
from algorithms.match_pairs import MatchPairs
from algorithms.shot_embeddings import ShotEmbeddings
from algorithms.shots import Shots


def unit(rows: Sequence[Sequence[float]] | np.ndarray) -> Float32[np.ndarray, "n d"]:
    """Rows scaled to length 1."""
    array = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    return np.asarray(array / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def shots_of(count: int, *, short: Sequence[int] = (), length: int = 24) -> Shots:
    """`count` shots of `length` frames at 24 frames a second; those in `short` are marked as too short."""
    start = np.arange(count, dtype=np.int64) * length
    return Shots(
        start=start,
        end=start + length,
        start_seconds=start / 24,
        end_seconds=(start + length) / 24,
        is_short=np.isin(np.arange(count), short),
    )


def embeddings_of(vectors: Float32[np.ndarray, "n d"]) -> ShotEmbeddings:
    """Embeddings of shots as `shots_of` makes them."""
    return ShotEmbeddings(vectors=vectors, middle=np.arange(len(vectors), dtype=np.int64) * 24 + 12)


def groups_of(count: int, *, repeats: dict[int, int] | None = None) -> DuplicateGroups:
    """Groups in which the shots named in `repeats` repeat the shot given there, and all others are kept."""
    first_shot = np.arange(count, dtype=np.int32)
    for shot, first in (repeats or {}).items():
        first_shot[shot] = first
    return DuplicateGroups(first_shot=first_shot)


def rows(pairs: MatchPairs) -> list[tuple[str, int, str, int, float]]:
    """Asset, shot, asset, shot and score of each pair."""
    columns = (
        pairs.asset_a,
        pairs.shot_a.tolist(),
        pairs.asset_b,
        pairs.shot_b.tolist(),
        pairs.score.tolist(),
    )
    return list(zip(*columns, strict=True))
