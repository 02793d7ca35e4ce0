"""`amber eval`: scores from files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.running import Ran


def test_boundaries_are_scored_with_a_stated_tolerance(amber: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text("30\n180\n")
    (tmp_path / "found.txt").write_text("31\n90\n")
    asked = ("eval", "boundaries", tmp_path / "truth.txt", tmp_path / "found.txt")
    assert amber(*asked).code == 2, "a tolerance must be said"
    assert amber(*asked, "--tolerance", 1, "--json").document == {
        "f1": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "matched": 1,
        "missed": 1,
        "spurious": 1,
        "tolerance_frames": 1,
    }
    shown = amber(*asked, "--tolerance", 0)
    assert shown.code == 0 and "f1" in shown.out


def test_rankings_masks_and_flow_are_scored(amber: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("label,score\n1,0.9\n0,0.8\n1,0.7\n")
    assert amber("eval", "ranking", tmp_path / "pairs.csv", "--at", 1, "--at", 2, "--json").document == {
        "items": 3,
        "positives": 2,
        "average_precision": pytest.approx((1 + 2 / 3) / 2),
        "precision_at_1": 1.0,
        "precision_at_2": 0.5,
    }
    for name, fill in (("a", [[1, 1], [0, 0]]), ("b", [[1, 0], [0, 0]])):
        Image.fromarray(np.array(fill, np.uint8)).save(tmp_path / f"{name}.png")
        np.save(tmp_path / f"{name}.npy", np.array(fill, np.float32)[..., None] * (3, 4))
    assert amber("eval", "masks", tmp_path / "a.png", tmp_path / "b.png", "--json").document == {"iou": 0.5}
    flow = amber("eval", "flow", tmp_path / "a.npy", tmp_path / "b.npy", "--json")
    assert flow.document == {"endpoint_error_pixels": 1.25}


def test_a_folder_without_the_released_tables_is_wrong_usage(
    amber: Callable[..., Ran], tmp_path: Path
) -> None:
    for what in ("heuristics", "reranker"):
        done = amber("eval", what, tmp_path, "--json")
        assert done.code == 2
        assert done.document["error"]["type"] == "EvaluationError"
