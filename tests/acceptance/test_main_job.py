"""The main job: shots, embeddings, near-duplicates and pairs of a film, computed once."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Command, names

JOB = ["standard", "shots", "shot_embeddings", "duplicate_groups", "match_pairs"]


def test_the_first_ask_computes_the_standard_form_and_the_four_algorithms(first_answer: Any) -> None:
    assert names(first_answer["computed"]) == JOB
    assert (first_answer["state"], first_answer["hit"]) == ("ready", False)
    assert all(step["assets"] == first_answer["key"]["assets"] for step in first_answer["computed"])


def test_the_pairs_are_of_the_long_shots_that_repeat_no_other_best_first(first_answer: Any) -> None:
    pairs = first_answer["rows"]
    assert {(row["start_a"], row["end_a"]) for row in pairs} == {(0, 30), (30, 54), (54, 78)}
    assert {(row["start_b"], row["end_b"]) for row in pairs} == {(30, 54), (54, 78), (96, 120)}
    assert len(pairs) == 6
    scores = [row["score"] for row in pairs]
    assert scores == sorted(scores, reverse=True)
    assert list(pairs[0]) == [
        "asset_a",
        "shot_a",
        "asset_b",
        "shot_b",
        "start_a",
        "end_a",
        "start_b",
        "end_b",
        "score",
    ]


def test_shots_are_where_the_film_was_cut(warm: Command, clip: Path) -> None:
    rows = warm("get", "shots", clip)["rows"]
    assert [(row["start"], row["end"]) for row in rows] == [(0, 30), (30, 54), (54, 78), (78, 96), (96, 120)]
    assert [row["end_seconds"] for row in rows] == [1.25, 2.25, 3.25, 4.0, 5.0]
    groups = warm("get", "duplicate_groups", clip)["rows"]
    assert [row["first_shot"] for row in groups] == [0, 1, 2, 0, 4]


def test_the_second_ask_computes_nothing_and_gives_the_same_bytes(
    warm: Command, clip: Path, first_answer: Any, tmp_path: Path
) -> None:
    again = warm("get", "match_pairs", clip)
    assert (again["computed"], again["hit"]) == ([], True)
    assert {name: again[name] for name in ("feature", "key", "value", "rows")} == {
        name: first_answer[name] for name in ("feature", "key", "value", "rows")
    }
    assert (
        warm.run("get", "match_pairs", clip, "--format", "arrow", "--out", tmp_path / "pairs.arrow").code == 0
    )
    data = (tmp_path / "pairs.arrow").read_bytes()
    assert hashlib.sha256(data).hexdigest() == first_answer["value"]["sha256"]


@pytest.mark.parametrize("step", JOB)
def test_each_step_is_there_for_everyone_who_asks_for_it(warm: Command, clip: Path, step: str) -> None:
    answer = warm("get", step, clip)
    assert (answer["computed"], answer["hit"]) == ([], True)


def test_a_plan_says_before_what_the_ask_computes(amber: Command, clip: Path) -> None:
    amber("ingest", clip)
    planned = amber("plan", "match_pairs", clip)["steps"]
    assert [(step["algorithm"], step["mark"]) for step in planned] == [(name, "miss") for name in JOB]
    computed = amber("get", "match_pairs", clip)["computed"]
    assert _asked(computed) == _asked(planned)
    after = amber("plan", "match_pairs", clip)
    assert [(step["algorithm"], step["mark"]) for step in after["steps"]] == [("match_pairs", "hit")]
    assert after["seconds"] == 0


def test_a_setting_computes_only_its_algorithm_and_what_follows(warm: Command, clip: Path) -> None:
    given = ("match_pairs", clip, "--set", "duplicate_groups.min_cosine=0.99999")
    planned = warm("plan", *given)["steps"]
    assert {step["algorithm"]: step["mark"] for step in planned} == {
        "shots": "hit",
        "shot_embeddings": "hit",
        "duplicate_groups": "miss",
        "match_pairs": "depends",
    }
    answer = warm("get", *given)
    assert names(answer["computed"]) == ["duplicate_groups", "match_pairs"]
    assert answer["key"]["settings"]["duplicate_groups.min_cosine"] == 0.99999
    assert len(answer["rows"]) == 10, "five shots, none of them a duplicate any more"
    assert warm("get", *given)["computed"] == []


def test_what_depends_on_an_equal_result_is_linked(warm: Command, clip: Path, first_answer: Any) -> None:
    given = ("match_pairs", clip, "--set", "min_cosine=0.89")
    answer = warm("get", *given)
    assert names(answer["computed"]) == ["duplicate_groups"]
    assert (answer["feature"], answer["hit"]) == (first_answer["feature"], False)
    marks = {step["algorithm"]: step["mark"] for step in warm("plan", *given)["steps"]}
    assert marks == {"match_pairs": "hit"}


def test_a_setting_of_an_upstream_is_in_the_key(warm: Command, clip: Path, first_answer: Any) -> None:
    answer = warm("get", "match_pairs", clip, "--set", "shots.short_seconds=0.8")
    assert names(answer["computed"])[0] == "shots"
    assert "standard" not in names(answer["computed"])
    assert answer["feature"] != first_answer["feature"]
    assert answer["key"]["settings"]["shots.short_seconds"] == 0.8
    assert warm("get", "match_pairs", clip)["feature"] == first_answer["feature"]


def _asked(steps: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(step["algorithm"], step["assets"]) for step in steps]
