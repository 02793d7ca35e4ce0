"""Boundaries, masks and flow against truth."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from amber.errors import EvaluationError
from amber.evaluation.files import read_boundaries, read_flow, read_mask, read_ranking
from amber.evaluation.geometry import boundary_scores, endpoint_error, mask_iou

FRAMES = st.lists(st.integers(0, 12), unique=True, max_size=3)


def test_boundaries_are_found_within_the_tolerance() -> None:
    scores = boundary_scores([10, 50, 90], [12, 47, 90, 91], tolerance=2)
    assert (scores.matched, scores.missed, scores.spurious) == (2, 1, 2)
    assert (scores.precision, scores.recall) == (0.5, pytest.approx(2 / 3))
    assert scores.f1 == pytest.approx(4 / 7)
    assert boundary_scores([10, 50, 90], [12, 47, 90, 91], tolerance=0).matched == 1
    assert boundary_scores([], [], tolerance=0).f1 == 1
    assert boundary_scores([], [3], tolerance=0).f1 == boundary_scores([3], [], tolerance=0).f1 == 0
    with pytest.raises(EvaluationError):
        boundary_scores([1], [1], tolerance=-1)


@given(FRAMES, FRAMES, st.integers(0, 3))
def test_as_many_boundaries_match_as_can(truth: list[int], found: list[int], tolerance: int) -> None:
    most = max(
        sum(abs(a - b) <= tolerance for a, b in zip(truth, order, strict=False))
        for order in itertools.permutations([*found, *([10**6] * len(truth))], len(truth))
    )
    assert boundary_scores(truth, found, tolerance=tolerance).matched == most


def test_masks_overlap_by_pixels() -> None:
    one, other = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    one[:2, :4] = other[1:3, 2:6] = True
    assert mask_iou(one, other) == pytest.approx(2 / 14)
    assert mask_iou(one, one) == 1
    assert mask_iou(one, ~one) == 0
    assert mask_iou(one & False, one & False) == 1
    with pytest.raises(EvaluationError, match=r"\(4, 6\) and \(6, 4\)"):
        mask_iou(one, other.T)


def test_the_end_point_error_is_a_distance_in_pixels() -> None:
    truth, found = np.zeros((2, 3, 2), np.float32), np.zeros((2, 3, 2), np.float32)
    found[0, 0] = (3, 4)
    assert endpoint_error(truth, found) == pytest.approx(5 / 6)
    truth[1] = np.nan
    assert endpoint_error(truth, found) == pytest.approx(5 / 3), "where the truth is known"
    valid = np.zeros((2, 3), bool)
    valid[0, 1:] = True
    assert endpoint_error(truth, found, valid) == 0
    found[0, 1] = np.nan
    for wrong in ((truth, found, valid), (truth, found[:1], None), (truth, found, valid & False)):
        with pytest.raises(EvaluationError):
            endpoint_error(*wrong)


def test_boundaries_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "cuts.csv"
    path.write_text("frame,seconds\n30,1.25\n\n180,7.5\n")
    assert read_boundaries(path) == [30, 180]
    path.write_text("30\nx\n")
    with pytest.raises(EvaluationError, match="'x', which is no frame index"):
        read_boundaries(path)
    with pytest.raises(EvaluationError, match="nowhere"):
        read_boundaries(tmp_path / "nowhere")


def test_rankings_are_read_by_column(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("a,is_match,score\nx,true,0.5\ny,0,-1\n")
    labels, scores = read_ranking(path, "is_match", "score")
    assert (labels.tolist(), scores.tolist()) == ([True, False], [0.5, -1.0])
    with pytest.raises(EvaluationError, match="no column 'label'; it has: a, is_match, score"):
        read_ranking(path, "label", "score")
    path.write_text("is_match,score\nmaybe,0.5\n")
    with pytest.raises(EvaluationError, match="maybe"):
        read_ranking(path, "is_match", "score")


def test_masks_are_pictures_of_one_channel(tmp_path: Path) -> None:
    pixels = np.array([[0, 1], [2, 0]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[False, True], [True, False]]
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "colour.png")
    for name in ("colour.png", "nowhere.png"):
        with pytest.raises(EvaluationError):
            read_mask(tmp_path / name)


def test_flow_is_read_as_middlebury_writes_it(tmp_path: Path) -> None:
    flow = np.arange(12, dtype="<f4").reshape(2, 3, 2)
    flow[1, 2] = 1.7e9
    header = np.float32(202021.25).tobytes() + np.array([3, 2], "<i4").tobytes()
    (tmp_path / "a.flo").write_bytes(header + flow.tobytes())
    np.save(tmp_path / "a.npy", flow)
    for name in ("a.flo", "a.npy"):
        found = read_flow(tmp_path / name)
        assert found[0].tolist() == flow[0].tolist()
        assert np.isnan(found[1, 2]).all()
    (tmp_path / "b.flo").write_bytes(b"no flow at all, sorry")
    with pytest.raises(EvaluationError, match="no optical flow"):
        read_flow(tmp_path / "b.flo")
