"""Backfills and standing orders, by the same calls in this process and behind a service."""

from pathlib import Path

import httpx
import pytest

from amber.client import Amber
from amber.errors import (
    AlgorithmNotFoundError,
    BackfillNotFoundError,
    PlanStateError,
    SubscriptionNotFoundError,
    UsageError,
)
from amber.settings import Settings
from amber.store.backfills import Wish
from tests.servers.processes import until
from tests.service.serving import deployment
from tests.service.test_same_calls import amber

__all__ = ["amber"]


def test_a_backfill_computes_what_is_missing(amber: Amber, clip: Path, other_clip: Path) -> None:
    first = amber.ingest(clip)
    amber.ingest(other_clip)
    amber.get("scaled", first)
    forecast = amber.backfills.plan(Wish("scaled"))
    assert (forecast.to_compute, forecast.hits, forecast.unmeasured) == (1, 1, 0)
    assert forecast.size_bytes > 100
    done = amber.backfills.finish(amber.backfills.start(Wish("scaled"), rate=50).id)
    assert (done.state, done.counts, done.hits) == ("done", {"ready": 2}, 1)
    assert amber.backfills.all() == [amber.backfills.find(done.id[:6])]
    assert amber.backfills.failures(done.id) == []


def test_what_fails_has_a_reason(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip).asset
    done = amber.backfills.finish(amber.backfills.start(Wish("broken"), [asset]).id)
    [failed] = amber.backfills.failures(done.id)
    assert (failed.asset, failed.state) == (asset, "failed")
    assert "3 bytes are not enough" in failed.message
    with pytest.raises(PlanStateError, match="is done"):
        amber.backfills.pause(done.id)


def test_what_cannot_be_meant_is_refused(amber: Amber, clip: Path) -> None:
    with pytest.raises(UsageError, match="there is no asset"):
        amber.backfills.start(Wish("scaled"))
    amber.ingest(clip)
    with pytest.raises(AlgorithmNotFoundError):
        amber.backfills.start(Wish("nothing"))
    with pytest.raises(UsageError, match="no asset has the labels"):
        amber.backfills.start(Wish("scaled", where={"show": "one"}))
    with pytest.raises(BackfillNotFoundError):
        amber.backfills.find("abcdef")
    with pytest.raises(SubscriptionNotFoundError):
        amber.subscriptions.find("abcdef")
    with pytest.raises(UsageError, match="a webhook is an http"):
        amber.subscriptions.add(Wish("scaled"), webhook="ftp://example.org")


def test_an_order_stands_until_it_is_removed(amber: Amber, clip: Path) -> None:
    made = amber.subscriptions.add(Wish("scaled", where={"show": "one"}))
    assert amber.subscriptions.add(Wish("scaled", where={"show": "one"})).id == made.id
    asset = amber.ingest(clip)
    assert amber.jobs(ended=True) == []
    amber.label(asset, {"show": "one"})
    assert [job.algorithm for job in amber.jobs(ended=True)] == ["scaled"]
    assert [one.id for one in amber.subscriptions.all()] == [made.id]
    assert amber.subscriptions.remove(made.id)
    assert not amber.subscriptions.remove(made.id)
    assert amber.subscriptions.all() == []


def test_a_feature_appears_by_itself(settings: Settings, clip: Path) -> None:
    with deployment(settings) as url, httpx.Client(base_url=url, timeout=60.0) as http:
        order = {"algorithm": "scaled", "webhook": None}
        assert http.post("/v1/subscriptions", json=order).status_code == 201
        asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
        features = f"/v1/assets/{asset}/features"
        until(
            lambda: "scaled" in [one["algorithm"] for one in http.get(features).json()["features"]],
            "the feature is there",
        )
