"""The filter "keep shots with people"."""

import numpy as np

from algorithms.duplicate_groups import DuplicateGroups
from algorithms.near_duplicates import first_similar
from algorithms.people import People
from algorithms.shot_embeddings import ShotEmbeddings
from amber.algorithm import algorithm, result


@result
class PeopleGroups(DuplicateGroups):
    """As `DuplicateGroups`, among the shots that show somebody; -1 for a shot that shows nobody, and is not kept."""


@algorithm(version="1", libraries=("numpy",))
def people_groups(
    embeddings: ShotEmbeddings, people: People, *, min_cosine: float = 0.8, min_person_score: float = 0.5
) -> PeopleGroups:
    """Keep the shots that show a person and repeat no earlier one that does.

    Bind it with `--use DuplicateGroups=people_groups` to have any flavour of pairs made of shots with people alone.

    Args:
        min_cosine: From which likeness of their middle frames on shots are near-duplicates, as for `duplicate_groups`.
        min_person_score: How sure it has to be that somebody is there, 0 to 1.

    Source: ours; the step "keep shots with people" of Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023).

    Known limits: those of `people` and of `duplicate_groups`.
    """
    shown = np.unique(people.shot[people.score >= np.float32(min_person_score)])
    first_shot = np.full(len(embeddings.vectors), -1, dtype=np.int32)
    first_shot[shown] = shown[first_similar(embeddings.vectors[shown], min_cosine)]
    return PeopleGroups(first_shot=first_shot)
