"""Near-duplicate shots of one title."""

import numpy as np
from jaxtyping import Int32

from algorithms.near_duplicates import first_similar
from algorithms.shot_embeddings import ShotEmbeddings
from amber.algorithm import algorithm, result


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
    return DuplicateGroups(first_shot=first_similar(embeddings.vectors, min_cosine))
