"""`amber invalidate`, `plans`, `audit`: a plan first, then apply, then perhaps undo."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import TINY, Ran, ran_apart

Amber = Callable[..., Ran]
PLAN_NAMES = {"plan_id", "features", "dependants", "bytes", "seconds"}


@pytest.fixture
def asked(amber: Amber, clip: Path, other_clip: Path) -> dict[str, dict[str, object]]:
    """What two clips answered to `scaled`, by title."""
    return {path.stem: amber("get", "scaled", path, "--json").document for path in (clip, other_clip)}


def _planned(amber: Amber, *arguments: object) -> dict[str, object]:
    ran = amber("invalidate", *arguments, "--reason", "wrong", "--json")
    assert ran.code == 4, ran.err
    return dict(ran.document)


def test_a_plan_says_what_it_would_cost_and_does_nothing(amber: Amber, asked: object, clip: Path) -> None:
    plan = _planned(amber, "first_bytes@1")
    assert plan.keys() >= PLAN_NAMES
    assert (plan["features"], plan["dependants"], plan["state"]) == (2, 2, "planned")
    assert plan["bytes"] and plan["seconds"] and plan["most_seconds"] > plan["seconds"]  # type: ignore[operator]
    marks = [(step["algorithm"], step["mark"], step["features"]) for step in plan["steps"]]  # type: ignore[attr-defined]
    assert marks == [("first_bytes", "miss", 2), ("scaled", "depends", 2)]
    assert amber("get", "scaled", clip, "--json").document["hit"] is True
    told = amber("invalidate", "first_bytes@1", "--reason", "wrong")
    assert (told.code, "nothing is done yet" in told.err) == (4, True)
    assert re.search(r"`amber invalidate --apply [0-9a-f]{12}` does it", told.err)


def test_applied_it_is_computed_again_and_undone_it_is_there_again(
    amber: Amber, asked: dict[str, dict[str, object]], clip: Path
) -> None:
    plan = _planned(amber, "first_bytes@1", "--asset", "plain clip")
    assert (plan["features"], plan["dependants"]) == (1, 1)
    applied = amber("invalidate", "--apply", plan["plan_id"], "--json")
    assert (applied.code, applied.document["state"]) == (0, "applied")
    again = amber("get", "scaled", "plain clip", "--json").document
    # Its bytes came out equal, so what is made from them was only linked.
    assert [step["algorithm"] for step in again["computed"]] == ["first_bytes"]
    assert amber("get", "scaled", "other clip", "--json").document["hit"] is True
    undone = amber("invalidate", "--undo", plan["plan_id"])
    assert (undone.code, "counts again" in undone.err) == (0, True)
    back = amber("get", "scaled", "plain clip", "--json").document
    assert (back["computed"], back["feature"], back["value"]) == (
        [],
        asked["plain clip"]["feature"],
        asked["plain clip"]["value"],
    )


def test_with_dependants_what_depends_is_computed_again_too(amber: Amber, asked: object) -> None:
    plan = _planned(amber, "first_bytes@1", "--with-dependants")
    assert (plan["features"], plan["dependants"]) == (2, 2)
    assert amber("invalidate", "--apply", plan["plan_id"]).code == 0
    again = amber("get", "scaled", "plain clip", "--json").document
    assert [step["algorithm"] for step in again["computed"]] == ["first_bytes", "scaled"]


def test_a_world_that_drifted_is_refused_and_said(amber: Amber, asked: object, clip: Path) -> None:
    plan = _planned(amber, "scaled@1")
    amber("get", "scaled", clip, "--set", "factor=3.5")
    refused = amber("invalidate", "--apply", plan["plan_id"])
    assert refused.code == 1
    assert "2 features of scaled 1 were planned, and there are 3" in refused.err
    assert amber("get", "scaled", clip, "--json").document["hit"] is True


def test_assets_are_chosen_by_label(amber: Amber, asked: object) -> None:
    amber("label", "plain clip", "season=1")
    plan = _planned(amber, "scaled@1", "--where", "season=1")
    assert (plan["features"], plan["where"]) == (1, {"season": "1"})
    amber("label", "other clip", "season=1")
    refused = amber("invalidate", "--apply", plan["plan_id"])
    assert (refused.code, "1 more has them" in refused.err) == (1, True)


def test_another_process_applies_it_and_the_audit_tells(amber: Amber, asked: object) -> None:
    plan = _planned(amber, "scaled@1")
    assert ran_apart(["invalidate", "--apply", plan["plan_id"]], AMBER_ALGORITHMS=str(TINY)).code == 0
    assert amber("invalidate", "--undo", plan["plan_id"]).code == 0
    notes = amber("audit", "--json").document
    assert [(note["action"], note["detail"]["plan"]) for note in notes] == [
        ("invalidate", plan["plan_id"]),
        ("undo", plan["plan_id"]),
    ]
    assert notes[0]["detail"]["reason"] == "wrong" and notes[0]["who"] and notes[0]["at"]
    assert amber("audit", "--action", "undo", "--json").document == notes[1:]
    assert amber("audit", "--limit", "1", "--json").document == notes[1:]
    assert "scaled@1" in amber("audit").out and "because: wrong" in amber("audit").out
    [listed] = amber("plans", "--json").document
    assert (listed["plan_id"], listed["state"]) == (plan["plan_id"], "undone")
    assert plan["plan_id"] in amber("plans").out


def test_a_heal_that_changed_bytes_is_in_the_audit(amber: Amber, clip: Path, home: Path) -> None:
    """The tiny algorithms always yield the same bytes, so other ones are put into the row."""
    import hashlib
    import sqlite3

    document = amber("get", "first_bytes", clip, "--json").document
    other = hashlib.sha256(b"as it once was").hexdigest()
    with sqlite3.connect(home / "catalog.sqlite") as connection:
        connection.execute("UPDATE trace SET sha256 = ?", (bytes.fromhex(other),))
    assert amber("get", "first_bytes", clip, "--json").document["value"] == document["value"]
    [note] = amber("audit", "--action", "heal", "--json").document
    assert (note["detail"]["lost"], note["detail"]["value"]) == (other, document["value"]["sha256"])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["first_bytes", "--reason", "x"], 2, "write ALGORITHM@VERSION"),
        (["first_bytes@1"], 2, "say why with --reason"),
        (["nobody@1", "--reason", "x"], 3, "no algorithm 'nobody'"),
        (
            ["first_bytes@9", "--reason", "x"],
            3,
            "no version '9' of first_bytes is loaded or stored; there are: 1",
        ),
        (["first_bytes@1", "--where", "a=b", "--reason", "x"], 2, "no asset has the labels a=b"),
        (["first_bytes@1", "--asset", "nowhere", "--reason", "x"], 3, "no asset 'nowhere'"),
        (["--apply", "nothing"], 3, "there is no plan 'nothing'"),
        (["--undo", "nothing"], 3, "there is no plan 'nothing'"),
        ([], 2, "say one of ALGORITHM@VERSION or --apply or --undo; found nothing"),
        (["a@1", "--apply", "b"], 2, "found ALGORITHM@VERSION and --apply"),
    ],
)
def test_what_cannot_be_meant_is_said(amber: Amber, arguments: list[str], code: int, told: str) -> None:
    ran = amber("invalidate", *arguments)
    assert (ran.code, told in ran.err) == (code, True), ran.err


def test_a_plan_is_applied_once_and_by_its_own_command(amber: Amber, asked: object) -> None:
    plan = _planned(amber, "scaled@1")["plan_id"]
    wrong = amber("forget", "--apply", plan)
    assert (wrong.code, f"`amber invalidate --apply {plan}` applies it" in wrong.err) == (2, True)
    assert amber("invalidate", "--apply", plan).code == 0
    again = amber("invalidate", "--apply", plan)
    assert (again.code, "already" in again.err) == (2, True)
