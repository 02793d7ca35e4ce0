"""What the package offers, and what it costs to import."""

import subprocess
import sys

from algorithms import ALGORITHMS


def test_importing_the_algorithms_loads_no_heavy_library() -> None:
    heavy = ("torch", "cv2", "av", "scenedetect", "torchvision", "ai_edge_litert", "google.protobuf", "faiss")
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
        "motion",
        "people",
        "people_groups",
    ]
    assert {a.name: [i.type.__name__ for i in a.inputs] for a in ALGORITHMS} == {
        "standard": ["Source"],
        "shots": ["Standard"],
        "shot_embeddings": ["Standard", "Shots"],
        "duplicate_groups": ["ShotEmbeddings"],
        "match_pairs": ["Shots", "ShotEmbeddings", "DuplicateGroups"],
        "shots_transnet": ["Standard"],
        "motion": ["Standard", "Shots"],
        "people": ["Standard", "Shots"],
        "people_groups": ["ShotEmbeddings", "People"],
    }


def test_settings_have_their_documented_defaults() -> None:
    assert {f"{a.name}.{s.name}": s.default for a in ALGORITHMS for s in a.settings} == {
        "shots.adaptive_threshold": 3.0,
        "shots.min_content": 15.0,
        "shots.short_seconds": 0.5,
        "duplicate_groups.min_cosine": 0.8,
        "match_pairs.depth": 1000,
        "shots_transnet.threshold": 0.5,
        "shots_transnet.short_seconds": 0.5,
        "motion.flow": "dis",
        "motion.pairs_per_second": 3.0,
        "people.min_score": 0.3,
        "people_groups.min_cosine": 0.8,
        "people_groups.min_person_score": 0.5,
    }
