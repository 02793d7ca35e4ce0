"""`amber backfill` and `amber subscribe` in a process, where no worker runs."""

from collections.abc import Callable
from pathlib import Path

from tests.cli.running import Ran

Amber = Callable[..., Ran]


def test_a_dry_run_says_what_it_would_do_and_does_nothing(amber: Amber, clip: Path, other_clip: Path) -> None:
    amber("ingest", clip, other_clip)
    amber("get", "scaled", clip)
    ran = amber("backfill", "scaled", "--assets", "all", "--dry-run", "--json")
    assert ran.code == 0
    forecast = ran.document
    assert (forecast["to_compute"], forecast["hits"], forecast["unmeasured_steps"]) == (1, 1, 0)
    assert 0 < forecast["seconds"] < 10 and forecast["bytes"] > 100
    assert amber("jobs", "--json").document == []
    assert "1 asset to compute, 1 there already" in amber("backfill", "scaled", "--dry-run").err


def test_without_a_worker_it_is_done_here(amber: Amber, clip: Path, other_clip: Path) -> None:
    amber("ingest", clip, other_clip)
    ran = amber("backfill", "scaled", "--json")
    assert ran.code == 0
    assert (ran.document["state"], ran.document["ready"], ran.document["failures"]) == ("done", 2, [])
    again = amber("backfill", "scaled", "--json").document
    assert (again["ready"], again["hits"]) == (2, 2)
    assert again["backfill"] != ran.document["backfill"]


def test_what_fails_is_told_with_its_reason(amber: Amber, clip: Path) -> None:
    amber("ingest", clip)
    ran = amber("backfill", "broken", "--json")
    assert ran.code == 1
    [failure] = ran.document["failures"]
    assert "3 bytes are not enough" in failure["detail"]
    shown = amber("backfill", "--show", ran.document["backfill"][:6])
    assert shown.code == 1 and "plain clip" in shown.err and "3 bytes are not enough" in shown.err


def test_one_begun_in_the_background_is_paused_cancelled_and_listed(amber: Amber, clip: Path) -> None:
    amber("ingest", clip)
    begun = amber("backfill", "scaled", "--background", "--where", "show=one", "--json")
    assert begun.code == 2 and "no asset has the labels" in begun.err
    name = amber("backfill", "scaled", "--background", "--json").document["backfill"]
    assert amber("backfill", "--pause", name, "--json").document["state"] == "paused"
    assert "1 waiting" in amber("backfill", "--show", name).err
    assert amber("backfill", "--resume", name, "--json").document["state"] == "done"
    assert amber("backfill", "--cancel", name).code == 2
    assert [one["state"] for one in amber("backfill", "--json").document] == ["done"]
    assert "done" in amber("backfill").out
    assert amber("backfill", "--show", "abcdef").code == 3


def test_an_order_fires_for_what_is_there_and_for_what_comes(
    amber: Amber, clip: Path, other_clip: Path
) -> None:
    amber("ingest", clip)
    made = amber("subscribe", "scaled", "--where", "show=one", "--json")
    assert made.code == 0 and made.document["wanted"] == 0
    assert amber("jobs", "--json").document == []
    amber("label", "plain clip", "show=one")
    [job] = amber("jobs", "--json").document
    assert (job["algorithm"], job["state"]) == ("scaled", "queued")
    amber("get", "scaled", "plain clip")
    amber("label", "plain clip", "mood=dark", "--title", "another")
    amber("ingest", other_clip)
    assert amber("jobs", "--json").document == []
    [stands] = amber("subscribe", "--reconcile", "--json").document
    assert (stands["wanted"], stands["ready"], stands["open"], stands["failed"]) == (1, 1, 0, 0)
    assert "scaled" in amber("subscribe").out
    assert amber("subscribe", "--remove", made.document["subscription"]).code == 0
    assert amber("subscribe", "--json").document == []
    assert amber("subscribe", "--remove", "abcdef").code == 3
