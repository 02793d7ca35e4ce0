"""Which of a row of vectors repeat an earlier one."""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from algorithms.cosine import cosines, exact_rows

#: Vectors that are compared at once; memory is two blocks of this many.
_BLOCK = 1024


def first_similar(vectors: Float32[np.ndarray, "n d"], min_cosine: float) -> Int32[np.ndarray, " n"]:
    """For each vector the earliest kept one with a cosine of `min_cosine` or more; itself if there is none, and is kept."""
    rows = exact_rows(vectors)
    first_shot = np.arange(len(rows), dtype=np.int32)
    kept = np.zeros(0, dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        repeated = _earliest_similar(rows, kept, block, min_cosine)
        within = _link_within(cosines(block, block) >= np.float32(min_cosine), repeated < 0)
        links = np.where(repeated >= 0, repeated, within + start)
        first_shot[start : start + len(block)] = links
        kept = np.flatnonzero(first_shot[: start + len(block)] == np.arange(start + len(block)))
    return first_shot


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
