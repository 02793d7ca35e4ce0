"""`amber forget`, `gc`, `du`, `pin`, `verify`: what goes, what stays, and what it takes up."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import TINY, Ran

Amber = Callable[..., Ran]


def _blobs(home: Path) -> set[str]:
    return {path.name for path in (home / "blobs").rglob("*") if path.is_file()}


def test_a_forgotten_asset_is_gone_with_all_that_was_made_from_it(
    amber: Amber, clip: Path, other_clip: Path, home: Path
) -> None:
    amber("get", "scaled", other_clip)
    kept = _blobs(home)
    amber("get", "together", clip, other_clip)
    planned = amber("forget", "plain clip", "--reason", "rights ended", "--json")
    assert planned.code == 4
    plan = planned.document
    assert (plan["features"], plan["dependants"], plan["locations"]) == (5, 0, 1)
    assert amber("get", "scaled", "plain clip", "--json").document["hit"] is True
    told = amber("forget", "plain clip", "--reason", "rights ended")
    assert (told.code, "it cannot be undone" in told.err) == (4, True)
    applied = amber("forget", "--apply", plan["plan_id"], "--json")
    assert (applied.code, len(applied.document["deleted"]) > 0) == (0, True)
    assert [one["title"] for one in amber("assets", "--json").document] == ["other clip"]
    assert amber("show", "plain clip").code == 3
    assert _blobs(home) >= kept
    assert not _blobs(home) & {blob["sha256"] for blob in applied.document["deleted"]}
    verified = amber("verify", "--json").document
    assert (verified["ok"], verified["orphans"]) == (True, [])
    [note] = amber("audit", "--json").document
    assert (note["action"], note["detail"]["reason"]) == ("forget", "rights ended")
    again = amber("get", "scaled", clip, "--json").document
    assert [step["algorithm"] for step in again["computed"]] == ["first_bytes", "scaled"]


def test_what_cannot_be_forgotten_is_said(amber: Amber, clip: Path) -> None:
    assert amber("forget", "nowhere", "--reason", "x").code == 3
    assert amber("forget").code == 2
    amber("ingest", clip)
    assert "say why with --reason" in amber("forget", "plain clip").err


def test_what_nothing_needs_is_marked_and_then_deleted(amber: Amber, clip: Path, home: Path) -> None:
    from amber.store.blobs import FileBlobs

    amber("get", "scaled", clip)
    kept = _blobs(home)
    left = FileBlobs(home / "blobs").put(b"left over")
    dry = amber("gc", "--dry-run", "--json").document
    assert (dry["deleted"], [blob["sha256"] for blob in dry["waiting"]]) == ([], [left.sha256])
    marked = amber("gc", "--json").document
    assert (marked["deleted"], [blob["sha256"] for blob in marked["waiting"]]) == ([], [left.sha256])
    assert "1 blob marked (9 bytes); a run in 1 h 0 min deletes" in amber("gc").err
    assert left.sha256 in _blobs(home)
    done = amber("gc", "--grace", "0", "--json").document
    assert ([blob["sha256"] for blob in done["deleted"]], done["bytes"]) == ([left.sha256], 9)
    assert _blobs(home) == kept
    assert amber("verify", "--json").document["ok"] is True


def _second_version(path: Path) -> str:
    """The tiny algorithms with another version of `scaled`."""
    text = TINY.read_text().replace(
        '@algorithm(version="1")\ndef scaled', '@algorithm(version="2")\ndef scaled'
    )
    path.write_text(text)
    return str(path)


def test_superseded_versions_are_dropped_and_the_plan_says_which_undo_ends(
    amber: Amber, clip: Path, tmp_path: Path, monkeypatch: object
) -> None:
    first = amber("get", "scaled", clip, "--json").document
    disowned = amber("invalidate", "scaled@1", "--reason", "wrong", "--json").document["plan_id"]
    amber("invalidate", "--apply", disowned)
    monkeypatch.setenv("AMBER_ALGORITHMS", _second_version(tmp_path / "newer.py"))  # type: ignore[attr-defined]
    amber("get", "scaled", clip)
    assert amber("gc", "--keep-versions", "1", "--json").document["features"] == 0  # it can still be undone
    planned = amber("gc", "--keep-versions", "1", "--undo-days", "0", "--json")
    assert (planned.code, planned.document["features"]) == (4, 1)
    [ends] = planned.document["ended"]
    assert (ends["plan"], ends["what"], len(ends["applied_on"])) == (disowned, "scaled@1", 10)
    told = amber("gc", "--keep-versions", "1", "--undo-days", "0").err
    assert f"it ends the undo of plan {disowned}: scaled@1, disowned on {ends['applied_on']}" in told
    assert amber("pin", first["feature"][:12], "--reason", "golden").code == 0
    assert amber("gc", "--keep-versions", "1", "--undo-days", "0", "--json").document["features"] == 0
    assert amber("unpin", first["feature"], "--json").document["unpinned"] is True
    assert amber("gc", "--apply", planned.document["plan_id"]).code == 0
    refused = amber("invalidate", "--undo", disowned)
    assert (refused.code, "was dropped as superseded on" in refused.err) == (2, True)
    gone = amber("gc", "--grace", "0", "--json").document
    assert [blob["sha256"] for blob in gone["deleted"]] in ([first["value"]["sha256"]], [])
    assert amber("verify", "--json").document["ok"] is True


def test_pins_are_listed_and_taken_away(amber: Amber, clip: Path) -> None:
    amber("get", "scaled", clip)
    assert "nothing is pinned" in amber("pin").err
    [pin] = amber("pin", "scaled@1", "--reason", "a paper", "--json").document
    assert (pin["name"], pin["reason"]) == ("scaled@1", "a paper")
    assert "scaled@1" in amber("pin").out
    assert amber("pin", "scaled@7").code == 3
    assert amber("pin", "abcdef").code == 3
    assert "is not pinned any more" in amber("unpin", "scaled@1").err
    assert "was not pinned" in amber("unpin", "scaled@1").err


def test_gc_does_one_thing_at_a_time(amber: Amber, home: Path) -> None:
    assert amber("gc", "--dry-run", "--keep-versions", "1").code == 2
    assert amber("gc", "--keep-versions", "0").code == 2
    assert amber("gc", "--apply", "nothing").code == 3


def test_du_tells_bytes_by_kind_algorithm_and_version(amber: Amber, clip: Path, home: Path) -> None:
    amber("get", "scaled", clip)
    document = amber("du", "--json").document
    sizes = [path.stat().st_size for path in (home / "blobs").rglob("*") if path.is_file()]
    assert document["bytes"] == sum(sizes)
    assert [(row["kind"], row["algorithm"], row["version"], row["blobs"]) for row in document["rows"]] == [
        ("value", "first_bytes", "1", 1),
        ("value", "scaled", "1", 1),
    ]
    assert "in all" in amber("du").err


def test_a_sample_is_read_and_an_interrupted_check_goes_on(amber: Amber, clip: Path, home: Path) -> None:
    for number in range(5):
        amber("get", "scaled", clip, "--set", f"factor={number}.5")
    sampled = amber("verify", "--sample", "0.5", "--json").document
    assert (sampled["blobs"], sampled["needed"]) == (3, 6)
    assert "3 blobs of 6 read through" in amber("verify", "--sample", "0.5").err
    digests = sorted(_blobs(home))
    notes = {
        "last": digests[3],
        "blobs": 4,
        "size_bytes": 10,
        "missing": [],
        "corrupt": [],
        "contradictions": [],
    }
    notes["corrupt"] = [{"sha256": digests[0], "feature": "f" * 64, "problem": "as it was"}]
    (home / "verify.json").write_text(json.dumps(notes))
    resumed = amber("verify", "--resume", "--json")
    assert (resumed.code, resumed.document["blobs"]) == (1, 6)
    assert [damage["sha256"] for damage in resumed.document["corrupt"]] == [digests[0]]
    assert not (home / "verify.json").exists()
    (home / "verify.json").write_text(json.dumps(notes))
    assert amber("verify", "--json").document["ok"] is True  # without --resume it begins anew
    assert amber("verify", "--resume", "--sample", "0.5").code == 2
