"""The algorithms that come with Amber; a deployment names what it loads (`AMBER_ALGORITHMS`)."""

from algorithms.black_runs import black_runs
from algorithms.clip_embeddings import clip_embeddings
from algorithms.duplicate_groups import duplicate_groups
from algorithms.match_pairs import match_pairs
from algorithms.match_pairs_combined import match_pairs_combined
from algorithms.match_pairs_frame import match_pairs_frame
from algorithms.match_pairs_motion import match_pairs_motion
from algorithms.motion import motion
from algorithms.people import people
from algorithms.people_groups import people_groups
from algorithms.search_clip import search_clip
from algorithms.search_labels import search_labels
from algorithms.shot_embeddings import shot_embeddings
from algorithms.shot_labels import shot_labels
from algorithms.shots import shots
from algorithms.shots_transnet import shots_transnet
from algorithms.silhouettes import silhouettes
from algorithms.standard import standard

ALGORITHMS = (
    standard,
    shots,
    shot_embeddings,
    duplicate_groups,
    match_pairs,
    shots_transnet,
    black_runs,
    motion,
    people,
    people_groups,
    silhouettes,
    match_pairs_frame,
    match_pairs_motion,
    match_pairs_combined,
    shot_labels,
    search_labels,
    clip_embeddings,
    search_clip,
)

__all__ = ["ALGORITHMS"]
