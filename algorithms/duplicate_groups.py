"""Near-duplicate shots of one title."""

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from algorithms.cosine import cosines, exact_rows
from algorithms.shot_embeddings import ShotEmbeddings
from amber.algorithm import algorithm, result

#: Shots that are compared at once; memory is two blocks of this many shots.
_BLOCK = 1024


@result
class DuplicateGroups:
    """For each shot, the earliest kept shot that it repeats; itself if it repeats none, and is kept."""

    first_shot: Int32[np.ndarray, " shot"]


@algorithm(version="1", libraries=("numpy",))
def duplicate_groups(embeddings: ShotEmbeddings, *, min_cosine: float = 0.8) -> DuplicateGroups:
    """Link each shot to the earliest kept one with a cosine similarity of `min_cosine` or more.

    A shot is kept if no kept shot before it is that similar.
    So no two kept shots are near-duplicates, every other shot is similar to the very shot that it is linked to,
    and similarity is not handed on: a slow change from shot to shot does not drag distant shots into one group.

    Source: the second step of Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023); the rule of the kept shot
    and the default, measured in docs/adr/0010-duplicate-threshold.md, are ours.

    Known limits: looks at the middle frame alone, so a set-up that returns with another action in it, or after the
    camera moved, counts as new, and two flat pictures (title cards, black) count as one.
    """
    rows = exact_rows(embeddings.vectors)
    first_shot = np.arange(len(rows), dtype=np.int32)
    kept = np.zeros(0, dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        repeated = _earliest_similar(rows, kept, block, min_cosine)
        within = _link_within(cosines(block, block) >= np.float32(min_cosine), repeated < 0)
        links = np.where(repeated >= 0, repeated, within + start)
        first_shot[start : start + len(block)] = links
        kept = np.flatnonzero(first_shot[: start + len(block)] == np.arange(start + len(block)))
    return DuplicateGroups(first_shot=first_shot)


def _earliest_similar(
    rows: Float64[np.ndarray, " shot d"],
    kept: Int64[np.ndarray, " kept"],
    block: Float64[np.ndarray, " n d"],
    min_cosine: float,
) -> Int64[np.ndarray, " n"]:
    """For each row of `block` the earliest shot of `kept` that is similar to it, or -1."""
    earliest = np.full(len(block), -1, dtype=np.int64)
    for start in range(0, len(kept), _BLOCK):
        chunk = kept[start : start + _BLOCK]
        open_rows = np.flatnonzero(earliest < 0)
        similar = cosines(block[open_rows], rows[chunk]) >= np.float32(min_cosine)
        earliest[open_rows] = np.where(similar.any(axis=1), chunk[similar.argmax(axis=1)], -1)
    return earliest


def _link_within(
    similar: Bool[np.ndarray, " n n"], is_open: Bool[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Link the open rows of one block among themselves, in order; closed rows are neither linked nor linked to."""
    links = np.arange(len(similar), dtype=np.int64)
    is_kept = np.zeros(len(similar), dtype=np.bool_)
    for row in np.flatnonzero(is_open):
        candidates = np.flatnonzero(similar[row, :row] & is_kept[:row])
        if len(candidates):
            links[row] = candidates[0]
        else:
            is_kept[row] = True
    return links
