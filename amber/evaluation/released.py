"""The released tables of the match-cutting paper, read from a folder, and its heuristic rows scored again.

Source: Chen, Ziai, Tucker and Xie, *Match Cutting: Finding Cuts with Smooth Visual Transitions Using Machine Learning*
(WACV 2023), and the tables published with it.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from amber.errors import EvaluationError
from amber.evaluation.ranking import Interval, average_precision, interval, title_bootstrap

Kind = Literal["frame", "motion"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
KINDS: tuple[Kind, ...] = ("frame", "motion")
#: The heuristics that proposed pairs, by what they are called in the tables.
SOURCES: Mapping[Kind, tuple[str, str]] = {
    "frame": ("heuristic 1", "heuristic 2"),
    "motion": ("heuristic 4", "heuristic 5"),
}
#: Row of the paper → where it stands, the heuristic, and its average precision on the test split.
PUBLISHED: Mapping[str, tuple[Kind, str, float]] = {
    "faces": ("frame", "heuristic 1", 0.017),
    "instance": ("frame", "heuristic 2", 0.207),
    "instance-IoU": ("frame", "", 0.248),
    "Farneback flow": ("motion", "heuristic 4", 0.163),
    "RAFT flow": ("motion", "heuristic 5", 0.132),
}


@dataclass(frozen=True)
class Proposal:
    """That a heuristic proposed a pair."""

    #: Its place in the heuristic's list of the title, from 1.
    rank: int
    score: float


@dataclass(frozen=True)
class LabelledPair:
    """Two shots of a title, and whether people took them for a match cut."""

    title: str
    split: Split
    #: In seconds.
    start_a: float
    end_a: float
    start_b: float
    end_b: float
    is_match: bool
    proposals: Mapping[str, Proposal]
    #: Intersection over union of the middle frames' instances; None where it was not released.
    instance_iou: float | None


@dataclass(frozen=True)
class HeuristicRow:
    """A heuristic of the paper, scored by us on the test split."""

    name: str
    kind: Kind
    pairs: int
    positives: int
    average_precision: float
    interval: Interval
    published: float


def read_released(folder: Path, kind: Kind) -> list[LabelledPair]:
    """The labelled pairs of a kind, in the order of their file.

    Args:
        folder: Holds `dataset-frame.json`, `dataset-motion.json`, `heuristic3-scores.csv` and `train.txt`,
            `validation.txt`, `test.txt`, as they were released.
        kind: Pairs proposed for their frames, or for their motion.

    Raises:
        EvaluationError: A file is missing, or is not what was released.
    """
    try:
        splits: dict[str, Split] = {
            title: split for split in SPLITS for title in (folder / f"{split}.txt").read_text().split()
        }
        overlaps = _instance_ious(folder) if kind == "frame" else {}
        entries = json.loads((folder / f"dataset-{kind}.json").read_text())
        return [_pair(entry, splits, overlaps) for entry in entries]
    except OSError as error:
        raise EvaluationError(
            f"{str(folder)!r} holds no released match-cutting tables: {error.strerror} ({error.filename}); name the folder "
            "that holds dataset-frame.json, dataset-motion.json, heuristic3-scores.csv and the lists of splits"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(
            f"the match-cutting tables in {str(folder)!r} are not those that were released: {error!r}"
        ) from error


def _instance_ious(folder: Path) -> dict[tuple[str, int, int], float]:
    with (folder / "heuristic3-scores.csv").open(newline="") as file:
        return {
            (row["imdb_id"], int(row["shot1_idx"]), int(row["shot2_idx"])): float(row["iiou_score"])
            for row in csv.DictReader(file)
        }


def _pair(
    entry: Mapping[str, Any], splits: Mapping[str, Split], overlaps: Mapping[tuple[str, int, int], float]
) -> LabelledPair:
    title = str(entry["imdb_id"])
    return LabelledPair(
        title=title,
        split=splits[title],
        start_a=float(entry["clip1_start"]),
        end_a=float(entry["clip1_end"]),
        start_b=float(entry["clip2_start"]),
        end_b=float(entry["clip2_end"]),
        is_match=bool(entry["majority_label"]),
        proposals={
            source["source_name"]: Proposal(int(source["rank"]), float(source["score"]))
            for source in entry["source_info"]
        },
        instance_iou=overlaps.get((title, int(entry["clip1_index"]), int(entry["clip2_index"]))),
    )


def labels(pairs: list[LabelledPair]) -> Bool[np.ndarray, " pair"]:
    """Which of the pairs are match cuts."""
    return np.array([pair.is_match for pair in pairs], dtype=np.bool_)


def heuristic_rows(folder: Path) -> list[HeuristicRow]:
    """The five heuristic rows of the paper, each over the test pairs that its heuristic scored.

    Raises:
        EvaluationError: The folder does not hold the released tables.
    """
    test = {kind: [p for p in read_released(folder, kind) if p.split == "test"] for kind in KINDS}
    rows = []
    for name, (kind, source, published) in PUBLISHED.items():
        scored = [(pair, score) for pair in test[kind] if (score := _score(pair, source)) is not None]
        pairs = [pair for pair, _ in scored]
        truth, scores = labels(pairs), np.array([score for _, score in scored])
        draws = title_bootstrap([pair.title for pair in pairs], _of_drawn(truth, scores))
        rows.append(
            HeuristicRow(
                name=name,
                kind=kind,
                pairs=len(pairs),
                positives=int(truth.sum()),
                average_precision=average_precision(truth, scores),
                interval=interval(draws),
                published=published,
            )
        )
    return rows


def _score(pair: LabelledPair, source: str) -> float | None:
    if not source:
        return pair.instance_iou
    return pair.proposals[source].score if source in pair.proposals else None


def _of_drawn(truth: Bool[np.ndarray, " pair"], scores: Float64[np.ndarray, " pair"]) -> Any:
    return lambda drawn: average_precision(truth[drawn], scores[drawn])
