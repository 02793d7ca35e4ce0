"""`amber jobs`, `amber cancel` and `amber token`."""

from collections.abc import Callable
from pathlib import Path

from amber.client import Amber
from amber.engine.ask import Ask
from amber.engine.orders import job_of
from tests.cli.running import Ran


def _asked(clip: Path) -> str:
    """The id of a job that waits."""
    with Amber.open() as amber:
        ask = Ask("scaled", (amber.ingest(clip).asset,))
        closure = amber.engine.closure(ask)
        snapshot, key, _ = amber.engine.look_up(closure, ask)
        amber.store.catalog.ask_job(job_of(closure, closure.step(ask.assets), snapshot), "somebody")
        return key


def test_jobs_are_listed_and_cancelled(amber: Callable[..., Ran], clip: Path) -> None:
    assert amber("jobs", "--json").document == []
    key = _asked(clip)
    [listed] = amber("jobs", "--json").document
    assert (listed["job"], listed["algorithm"], listed["state"]) == (key, "scaled", "queued")
    assert key[:12] in amber("jobs").out
    [cancelled] = amber("cancel", key[:8], "--json").document
    assert cancelled["state"] == "cancelled"
    assert amber("jobs", "--json").document == []
    assert [one["state"] for one in amber("jobs", "--all", "--json").document] == ["cancelled"]
    assert amber("cancel", "abcdef").code == 3
    assert amber("cancel", key[:3]).code == 3


def test_an_embedded_ask_does_the_job_that_waits(amber: Callable[..., Ran], clip: Path) -> None:
    key = _asked(clip)
    assert amber("get", "scaled", clip, "--json").code == 0
    [ended] = amber("jobs", "--all", "--json").document
    assert (ended["job"], ended["state"]) == (key, "ready")


def test_a_token_is_made_listed_and_revoked(amber: Callable[..., Ran]) -> None:
    made = amber("token", "create", "pipeline", "--scope", "write", "--json").document
    assert made["token"].startswith(f"amber_{made['id']}_") and made["scope"] == "write"
    secret = made["token"].split("_", 2)[2]
    listed = amber("token", "--json")
    assert listed.document == [{"id": made["id"], "name": "pipeline", "scope": "write", "revoked": False}]
    assert secret not in listed.out and secret not in amber("token").out
    assert amber("token", "revoke", made["id"], "--json").document["revoked"] is True
    assert amber("token", "--json").document[0]["revoked"] is True
    assert amber("token", "revoke", "000000000000").code == 3
    assert amber("token", "create", "x", "--scope", "all").code == 2
