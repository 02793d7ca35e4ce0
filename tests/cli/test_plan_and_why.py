"""`amber plan` and `amber why`: before and after."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import Ran

Amber = Callable[..., Ran]


def test_a_plan_has_the_fixed_shape_and_does_nothing(amber: Amber, clip: Path) -> None:
    (asset,) = [entry["asset"] for entry in amber("ingest", clip, "--json").document]
    planned = amber("plan", "scaled", clip, "--json").document
    assert planned == {
        "steps": [
            {
                "algorithm": name,
                "assets": [asset],
                "mark": "miss",
                "reason": f"{name} 1 was never computed for this asset",
                "seconds": None,
            }
            for name in ("first_bytes", "scaled")
        ],
        "seconds": 0.0,
    }
    assert amber("show", asset, "--json").document["features"] == []


def test_a_plan_marks_hits_misses_and_what_depends(amber: Amber, clip: Path) -> None:
    amber("get", "scaled", clip)
    after = amber("plan", "scaled", clip, "--json").document
    assert [(step["algorithm"], step["mark"], step["seconds"]) for step in after["steps"]] == [
        ("scaled", "hit", 0.0)
    ]
    changed = amber("plan", "scaled", clip, "--set", "rows=2", "--json").document
    assert [(step["algorithm"], step["mark"]) for step in changed["steps"]] == [
        ("first_bytes", "miss"),
        ("scaled", "depends"),
    ]
    assert changed["seconds"] > 0


def test_the_view_of_a_plan(amber: Amber, clip: Path, other_clip: Path) -> None:
    amber("get", "scaled", clip)
    ran = amber("plan", "scaled", clip, "--set", "rows=2")
    lines = [re.sub(r"\d+ ms", "1 ms", line).rstrip() for line in ran.out.splitlines()]
    assert [re.split(r" {2,}", line) for line in (lines[0], *lines[2:])] == [
        ["step", "mark", "reason", "expected"],
        ["first_bytes", "miss", "nothing is stored that was made with these settings and inputs", "1 ms"],
        ["scaled", "depends", "computed only if first_bytes comes out different from before", "1 ms"],
    ]
    assert re.fullmatch(r"1 step to compute, 1 that depends; about \d+ ms\n", ran.err)
    assert amber("plan", "scaled", clip).err == "nothing to compute\n"
    two = amber("plan", "together", clip, other_clip)
    assert "plain clip + other clip" in two.out or "other clip + plain clip" in two.out
    assert "never measured" in two.err


def test_why_shows_lineage_both_ways(amber: Amber, clip: Path) -> None:
    feature = amber("get", "scaled", clip, "--json").document["feature"]
    amber("get", "together", clip)
    amber("get", "summary", clip)
    document = amber("why", feature[:10], "--json").document
    assert document["feature"] == feature
    assert document["reason"] == "scaled 1 was never computed for this asset"
    assert [(entry["parameter"], entry["algorithm"]) for entry in document["made_from"]] == [
        ("data", "first_bytes")
    ]
    assert sorted(user["algorithm"] for user in document["used_by"]) == ["summary", "together"]
    assert document["cost"]["seconds"] >= 0
    source = amber("why", document["made_from"][0]["feature"], "--json").document
    assert [(entry["feature"], entry["algorithm"]) for entry in source["made_from"]] == [(None, None)]
    assert source["made_from"][0]["assets"] == document["assets"]


def test_the_view_of_lineage(amber: Amber, clip: Path) -> None:
    asset = amber("ingest", clip, "--json").document[0]["asset"]
    amber("get", "together", clip)
    feature = amber("get", "scaled", clip, "--json").document["feature"]
    shown = amber("why", feature).out
    plain = re.sub(r"\d+ ms", "1 ms", re.sub(r"\([0-9a-f]{12}\)", "(id)", shown)).replace(asset[:12], "ASSET")
    assert plain.partition("\n\n")[2] == (
        "scaled 1 was made from\n"
        "└── data: first_bytes 1 (id), took 1 ms, just now\n"
        "    └── source: the asset ASSET itself\n"
        "\n"
        "scaled 1 was used by\n"
        "└── together 1 (id), took 1 ms, just now\n"
    )
    assert "computed  just now, because: scaled 1 was never computed for this asset" in plain
    assert "factor=0.5" in plain


def test_an_unknown_feature_is_not_found(amber: Amber) -> None:
    ran = amber("why", "abcdef012345")
    assert ran.code == 3
    assert "no feature 'abcdef012345' is stored" in ran.err


def test_retry_forgets_failures(amber: Amber, clip: Path) -> None:
    amber("get", "broken", clip)
    assert amber("retry", "scaled", "--json").document == {"forgotten": 0}
    assert amber("retry", "broken", "--asset", clip, "--json").document == {"forgotten": 1}
    assert "0 failures forgotten" in amber("retry").err
    assert amber("retry", "shotz").code == 3
    assert "failed on" in amber("get", "broken", clip).err
