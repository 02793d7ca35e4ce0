"""The best pairs by an index that looks at a part of them: for catalogues of which all pairs are too many."""

import numpy as np
from jaxtyping import Float32

from algorithms.best_pairs import Best, Cosines
from algorithms.pair_filters import Bars

#: Rows that a cell of the index has, in the mean; neighbours that are asked of it for each row; cells that are searched.
_ROWS_A_CELL, _NEIGHBOURS, _SEARCHED = 64, 64, 16


def approximate_pairs(
    a: Float32[np.ndarray, "n d"],
    b: Float32[np.ndarray, "m d"],
    depth: int,
    *,
    upper: bool,
    bars: Bars | None,
) -> Best:
    """As `best_pairs` of `Cosines`, but of each row only the neighbours that an inverted file of faiss finds.

    Scores are exact, and what is barred is left out before the best are chosen; some of the best pairs may be missing.

    Raises:
        ImportError: faiss is not installed (`amber[index]`).
    """
    import faiss

    if not len(a) or not len(b):
        return Best(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    cells = max(len(b) // _ROWS_A_CELL, 1)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # what it finds shall not depend on how many there are
    try:
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(b.shape[1]), b.shape[1], cells, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.min_points_per_centroid = 1
        index.train(b)
        index.add(b)
        index.nprobe = _SEARCHED
        _, found = index.search(a, _NEIGHBOURS + upper)
    finally:
        faiss.omp_set_num_threads(threads)
    rows, columns = np.repeat(np.arange(len(a)), found.shape[1]), found.ravel()
    is_pair = columns >= 0
    pairs = np.stack([rows, columns], axis=1)[is_pair].astype(np.int64)
    if upper:
        pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    pairs = np.unique(pairs, axis=0)
    if bars is not None:
        pairs = pairs[~bars.of_pairs(pairs[:, 0], pairs[:, 1])]
    scores = Cosines(a, a if upper else b).exact(pairs[:, 0], pairs[:, 1])
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))[:depth]
    return Best(pairs[order, 0], pairs[order, 1], scores[order])
