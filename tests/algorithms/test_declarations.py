"""What the package offers, and what it costs to import."""

import subprocess
import sys

from algorithms import ALGORITHMS


def test_importing_the_algorithms_loads_no_heavy_library() -> None:
    heavy = (
        "torch",
        "cv2",
        "av",
        "scenedetect",
        "torchvision",
        "ai_edge_litert",
        "google.protobuf",
        "faiss",
        "open_clip",
        "onnxruntime",
    )
    script = f"import sys, algorithms; print(*[name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []


def test_every_docstring_ends_with_its_source_and_its_limits() -> None:
    for algorithm in ALGORITHMS:
        text = algorithm.function.__doc__ or ""
        assert 0 < text.index("Source:") < text.index("Known limits:"), algorithm.name


def test_each_algorithm_reads_what_the_one_before_it_made() -> None:
    assert [algorithm.name for algorithm in ALGORITHMS] == [
        "standard",
        "shots",
        "shot_embeddings",
        "duplicate_groups",
        "match_pairs",
        "shots_transnet",
        "black_runs",
        "motion",
        "people",
        "people_groups",
        "silhouettes",
        "match_pairs_frame",
        "match_pairs_motion",
        "match_pairs_combined",
        "shot_labels",
        "search_labels",
        "clip_embeddings",
        "search_clip",
    ]
    assert {a.name: [i.type.__name__ for i in a.inputs] for a in ALGORITHMS} == {
        "standard": ["Source"],
        "shots": ["Standard"],
        "shot_embeddings": ["Standard", "Shots"],
        "duplicate_groups": ["ShotEmbeddings"],
        "match_pairs": ["Shots", "ShotEmbeddings", "DuplicateGroups"],
        "shots_transnet": ["Standard"],
        "black_runs": ["Standard"],
        "motion": ["Standard", "Shots"],
        "people": ["Standard", "Shots"],
        "people_groups": ["ShotEmbeddings", "People"],
        "silhouettes": ["Standard", "Shots", "People"],
        "match_pairs_frame": ["Shots", "ShotEmbeddings", "DuplicateGroups", "Silhouettes"],
        "match_pairs_motion": ["Shots", "ShotEmbeddings", "DuplicateGroups", "Motion"],
        "match_pairs_combined": ["MatchPairs", "FramePairs", "MotionPairs"],
        "shot_labels": ["Standard", "Shots"],
        "search_labels": ["Shots", "ShotLabels"],
        "clip_embeddings": ["Standard", "Shots"],
        "search_clip": ["Shots", "ClipEmbeddings"],
    }


def test_settings_have_their_documented_defaults() -> None:
    assert {f"{a.name}.{s.name}": s.default for a in ALGORITHMS for s in a.settings} == {
        "shots.adaptive_threshold": 3.0,
        "shots.min_content": 15.0,
        "shots.short_seconds": 0.5,
        "duplicate_groups.min_cosine": 0.8,
        "match_pairs.depth": 1000,
        "match_pairs.min_seconds": 0.0,
        "match_pairs.max_seconds": None,
        "match_pairs.apart_seconds": 0.0,
        "match_pairs.other_title_only": False,
        "match_pairs.duplicate_cosine": None,
        "match_pairs.search": "exact",
        "shots_transnet.threshold": 0.5,
        "shots_transnet.short_seconds": 0.5,
        "motion.flow": "dis",
        "motion.pairs_per_second": 3.0,
        "people.min_face_score": 0.6,
        "people.min_score": 0.3,
        "people_groups.min_cosine": 0.8,
        "people_groups.min_person_score": 0.5,
        "silhouettes.model": "selfie",
        "silhouettes.min_person_score": 0.5,
        "match_pairs_frame.depth": 1000,
        "match_pairs_frame.min_seconds": 0.0,
        "match_pairs_frame.max_seconds": None,
        "match_pairs_frame.apart_seconds": 0.0,
        "match_pairs_frame.other_title_only": False,
        "match_pairs_frame.duplicate_cosine": 0.8,
        "match_pairs_motion.depth": 1000,
        "match_pairs_motion.min_seconds": 0.0,
        "match_pairs_motion.max_seconds": None,
        "match_pairs_motion.apart_seconds": 0.0,
        "match_pairs_motion.other_title_only": False,
        "match_pairs_motion.duplicate_cosine": 0.8,
        "match_pairs_motion.by": "total",
        "match_pairs_combined.depth": 1000,
        "match_pairs_combined.embedding_weight": 1.0,
        "match_pairs_combined.frame_weight": 1.0,
        "match_pairs_combined.motion_weight": 1.0,
        "search_labels.text": "",
        "search_labels.depth": 100,
        "search_clip.text": "",
        "search_clip.depth": 100,
    }
