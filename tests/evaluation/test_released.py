"""The published rows of the match-cutting paper, to the third decimal, and the re-ranker, on its released tables."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amber.errors import EvaluationError
from amber.evaluation.logistic import fit_logistic
from amber.evaluation.released import LabelledPair, heuristic_rows, read_released
from amber.evaluation.reranker import choose, inputs_of
from tests.cli.running import ran_apart
from tests.evaluation.reference import regression

FOLDER = Path(os.environ.get("AMBER_SHARED", Path(__file__).parents[2] / "../shared")) / "data" / "matchcut"
RELEASED = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="SKIPPED FOR WANT OF ../shared/data/matchcut: the published rows are not scored here",
)


@RELEASED
def test_the_five_published_rows_come_out_to_the_third_decimal() -> None:
    rows = {row.name: row for row in heuristic_rows(FOLDER)}
    assert {name: (row.pairs, round(row.average_precision, 3)) for name, row in rows.items()} == {
        "faces": (1000, 0.017),
        "instance": (1000, 0.207),
        "instance-IoU": (1996, 0.248),
        "Farneback flow": (1000, 0.163),
        "RAFT flow": (1000, 0.132),
    }
    assert all(row.published == round(row.average_precision, 3) for row in rows.values())
    assert rows["instance-IoU"].interval.low == pytest.approx(0.195, abs=0.01)
    assert rows["instance-IoU"].interval.high == pytest.approx(0.329, abs=0.01)


@RELEASED
def test_the_re_ranker_is_not_below_what_was_published() -> None:
    """By the command itself, in a process whose matrices are not shared among threads."""
    done = ran_apart(["eval", "reranker", FOLDER, "--json"])
    assert done.code == 0, done.err
    found = {one["kind"]: one for one in done.document}
    assert (found["frame"]["pairs"], found["motion"]["pairs"]) == (1996, 1826)
    for one in found.values():
        assert one["model"]["interval"][1] > one["published"]
        assert one["below_published"] < 0.95, "the bootstrap does not put it below"
    assert found["frame"]["difference"][0] > 0, "scores and ranks say more than timing alone"


def test_choosing_does_not_look_at_test_titles() -> None:
    random = np.random.default_rng(1)
    pairs = [
        LabelledPair(
            title=f"t{number % 20}",
            split="test" if number % 20 > 14 else "train",
            start_a=0.0,
            end_a=float(random.random() + 0.1),
            start_b=5.0,
            end_b=float(5 + random.random()),
            is_match=bool(random.random() < 0.3),
            proposals={},
            instance_iou=None,
        )
        for number in range(200)
    ]
    known = [pair for pair in pairs if pair.split != "test"]
    assert choose(pairs, "motion", "timing") == choose(known, "motion", "timing")


def test_a_folder_without_the_tables_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"train\.txt"):
        read_released(tmp_path, "frame")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Tables of the released form, of two titles."""
    for split, title in (("train", "one"), ("validation", "two"), ("test", "")):
        (tmp_path / f"{split}.txt").write_text(f"{title}\n")
    (tmp_path / "heuristic3-scores.csv").write_text("imdb_id,shot1_idx,shot2_idx,iiou_score\none,0,4,0.25\n")
    pair = {
        "imdb_id": "one",
        "clip1_index": 0,
        "clip1_start": 1.0,
        "clip1_end": 3.0,
        "clip2_index": 4,
        "clip2_start": 13.0,
        "clip2_end": 14.0,
        "majority_label": True,
        "source_info": [{"source_name": "heuristic 2", "rank": 1, "score": 0.75}],
    }
    (tmp_path / "dataset-frame.json").write_text(json.dumps([pair, {**pair, "imdb_id": "two"}]))
    return tmp_path


def test_what_the_re_ranker_sees_of_a_pair(small: Path) -> None:
    pairs = read_released(small, "frame")
    assert [(pair.split, pair.instance_iou) for pair in pairs] == [("train", 0.25), ("validation", None)]
    timing = [np.log(1.0), np.log(2.0), np.log1p(10.0)]
    signals = [0.0, np.log(51), 0.0, 0.75, 0.0, 1.0, 0.25]
    assert inputs_of(pairs[:1], "frame", "timing").tolist() == [pytest.approx(timing)]
    assert inputs_of(pairs[:1], "frame", "signals").tolist() == [pytest.approx(timing + signals)]


def test_tables_of_another_form_are_refused(small: Path) -> None:
    (small / "dataset-frame.json").write_text('[{"imdb_id": "three"}]')
    with pytest.raises(EvaluationError, match="not those that were released"):
        read_released(small, "frame")


@pytest.mark.parametrize(
    ("penalty", "coefficients", "intercept"),
    [
        (0.1, [0.929959, -2.160102, -0.013935, 0.0], -0.265881),
        (10.0, [0.511529, -1.279122, -0.056813, 0.0], -0.181055),
    ],
)
def test_the_regression_is_that_of_scikit_learn(
    penalty: float, coefficients: list[float], intercept: float
) -> None:
    inputs, labels = regression()
    model = fit_logistic(inputs, labels, penalty=penalty)
    assert model.coefficients == pytest.approx(coefficients, abs=2e-6)
    assert model.intercept == pytest.approx(intercept, abs=2e-6)
    scaled = (inputs - inputs.mean(axis=0)) / np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1)
    assert model.log_odds(inputs) == pytest.approx(scaled @ model.coefficients + model.intercept)
