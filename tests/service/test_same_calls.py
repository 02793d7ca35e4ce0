"""One and the same suite for Amber in this process, behind a service, and on a cluster."""

import inspect
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amber.client import Amber
from amber.engine.events import StepEvent
from amber.errors import (
    AlgorithmFailedError,
    AlgorithmNotFoundError,
    AmbiguousAssetError,
    AssetNotFoundError,
    FeatureNotFoundError,
    PlanStateError,
    SettingError,
    UsageError,
    VersionNotFoundError,
)
from amber.remote import RemoteAmber
from amber.settings import Settings
from jasper.errors import UnreadableMediaError
from tests.servers.ray import RayCluster
from tests.service.serving import deployment


@pytest.fixture(params=["embedded", "http", "ray"])
def amber(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Amber]:
    """Amber, either way."""
    if request.param == "ray":
        cluster: RayCluster = request.getfixturevalue("ray_cluster")
        settings = replace(settings, executor="ray", ray_address=cluster.address)
    if request.param != "http":
        with Amber.open(settings=settings) as amber:
            yield amber
    else:
        with deployment(settings) as url, Amber.open(url, settings=settings) as amber:
            yield amber


def test_a_file_is_named_once(amber: Amber, clip: Path) -> None:
    first = amber.ingest(clip)
    assert (first.title, first.frame_count, first.width, first.height, first.rate) == (
        "plain",
        24,
        64,
        48,
        24,
    )
    assert amber.ingest(clip).asset == first.asset
    assert [one.asset for one in amber.assets()] == [first.asset]
    states = [(done.state, done.asset) for done in amber.ingest_all([clip.parent])]
    assert ("known", first.asset) in states


def test_what_is_no_media_is_refused(amber: Amber, tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear diary")
    with pytest.raises(UnreadableMediaError):
        amber.ingest(tmp_path / "letter.mp4")
    [done] = amber.ingest_all([tmp_path / "letter.mp4"])
    assert done.state == "failed" and done.problem
    assert amber.assets() == []


def test_an_asset_has_names(amber: Amber, clip: Path, other_clip: Path) -> None:
    first, second = amber.ingest(clip), amber.asset(other_clip)
    assert (
        amber.asset("plain") == amber.asset(first.asset) == amber.asset(first.asset[:8]) == amber.asset(first)
    )
    with pytest.raises(AssetNotFoundError, match="nobody"):
        amber.asset("nobody")
    amber.label(second, {}, title="plain")
    with pytest.raises(AmbiguousAssetError, match="2 assets are called"):
        amber.asset("plain")


def test_labels_choose_assets(amber: Amber, clip: Path, other_clip: Path) -> None:
    first, second = amber.ingest(clip), amber.ingest(other_clip)
    assert amber.label(first, {"genre": "grey", "year": "2026"}).labels == {"genre": "grey", "year": "2026"}
    assert [one.asset for one in amber.assets({"genre": "grey"})] == [first.asset]
    assert amber.label(first, {"genre": None}).labels == {"year": "2026"}
    assert amber.assets({"genre": "grey"}) == []
    assert {one.asset for one in amber.assets()} == {first.asset, second.asset}


def test_a_feature_is_typed_and_computed_once(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    assert amber.state("scaled", asset) == "absent"
    first = amber.get("scaled", asset)
    assert not first.hit
    assert [done.step.algorithm for done in first.computed] == ["first_bytes", "scaled"]
    assert first.value.amount.tolist() == [51.0, 58.0, 60.5]
    assert first.value.name == ["byte 102", "byte 116", "byte 121"]
    assert first.table.column("amount").to_pylist() == first.value.amount.tolist()
    again = amber.get("scaled", asset)
    assert again.hit and again.computed == () and again.id == first.id and again.data == first.data
    assert amber.state("scaled", asset) == "ready"
    assert {trace.algorithm for trace in amber.features(asset)} == {"first_bytes", "scaled"}


def test_what_was_spent_and_saved_is_summed_up(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    first = amber.get("scaled", asset)
    for _ in range(2):
        assert amber.get("scaled", asset).hit
    saved, spent = [one for one in amber.costs() if one.algorithm == "scaled"]
    assert (spent.version, spent.computed, spent.hits) == ("1", 1, 0)
    assert (saved.version, saved.computed, saved.hits) == ("1", 0, 2)
    assert spent.requester == saved.requester != ""
    assert " × " in spent.machine and saved.machine == ""
    assert spent.seconds == first.trace.seconds
    assert saved.saved_seconds == pytest.approx(2 * first.trace.seconds)


def test_settings_are_part_of_what_is_asked(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    assert amber.get("scaled", asset, settings={"factor": 2.0}).value.amount.tolist() == [204.0, 232.0, 242.0]
    both = amber.get("scaled", asset, settings={"scaled.factor": "0.5", "first_bytes.rows": 1})
    assert both.value.amount.tolist() == [51.0]
    with pytest.raises(SettingError, match="factor"):
        amber.get("scaled", asset, settings={"factor": "much"})
    with pytest.raises(SettingError, match=r"there are: first_bytes\.rows, scaled\.factor"):
        amber.get("scaled", asset, settings={"speed": 1})


def test_several_titles_make_one_feature(amber: Amber, clip: Path, other_clip: Path) -> None:
    first, second = amber.ingest(clip), amber.ingest(other_clip)
    assert amber.get("together", first, second).value.count.tolist() == [6, 6, 6]
    assert amber.get("summary", first, second).value.titles == 2
    with pytest.raises(UsageError, match="ask once for each"):
        amber.get("scaled", first, second)


def test_a_plan_says_what_an_ask_would_do(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    marks = [(one.step.algorithm, one.mark) for one in amber.plan("scaled", asset).steps]
    assert marks == [("first_bytes", "miss"), ("scaled", "miss")]
    amber.get("first_bytes", asset)
    marks = [(one.step.algorithm, one.mark) for one in amber.plan("scaled", asset).steps]
    assert marks == [("first_bytes", "hit"), ("scaled", "miss")]


def test_what_does_not_exist_is_named(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    with pytest.raises(AlgorithmNotFoundError, match="no algorithm 'scale'; there are: broken, first_bytes"):
        amber.get("scale", asset)
    with pytest.raises(VersionNotFoundError, match="loaded versions: 1"):
        amber.get("scaled", asset, version="7")
    with pytest.raises(FeatureNotFoundError):
        amber.why("abcdef")


def test_a_failure_is_told_and_remembered_until_it_is_forgotten(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    for _ in range(2):
        with pytest.raises(AlgorithmFailedError, match="3 bytes are not enough"):
            amber.get("broken", asset)
    assert amber.state("broken", asset) == "failed"
    assert amber.retry("broken", asset) == 1
    assert amber.state("broken", asset) == "absent"
    assert amber.retry("broken") == 0


def test_lineage_leads_both_ways(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    scaled = amber.get("scaled", asset)
    found = amber.why(scaled.id[:12])
    assert found.trace.recipe == scaled.id and "was never computed" in found.reason
    [entry] = found.made_from
    assert entry.parameter == "data" and entry.recipe in found.sources
    assert [trace.recipe for trace in amber.why(entry.recipe or "").used_by] == [scaled.id]


def test_a_listener_hears_of_steps(amber: Amber, clip: Path) -> None:
    heard: list[Any] = []

    def listen(event: StepEvent) -> None:
        heard.append(event.step.algorithm)

    assert amber.get("scaled", amber.ingest(clip), listener=listen).value.amount.size == 3
    assert set(heard) <= {"first_bytes", "scaled"}


def test_no_job_is_left_of_what_was_answered(amber: Amber, clip: Path) -> None:
    amber.get("scaled", amber.ingest(clip))
    assert amber.jobs() == []


SEARCH = ("algorithms.standard:standard", str(Path(__file__).parents[1] / "editing/searches.py"))


@pytest.fixture(params=["embedded", "http", "ray"])
def searching(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Amber]:
    """Amber with a quick search, either way."""
    chosen = Settings(tmp_path / "home", algorithms=SEARCH)
    if request.param == "ray":
        cluster: RayCluster = request.getfixturevalue("ray_cluster")
        chosen = replace(chosen, executor="ray", ray_address=cluster.address)
    if request.param != "http":
        with Amber.open(settings=chosen) as amber:
            yield amber
    else:
        with deployment(chosen) as url, Amber.open(url, settings=chosen) as amber:
            yield amber


def test_words_find_shots(searching: Amber, clip: Path, other_clip: Path) -> None:
    first, other = searching.ingest(clip), searching.ingest(other_clip)
    searching.label(other, {"reel": "7"})
    with pytest.raises(AssetNotFoundError, match="none of 2 titles is ready"):
        searching.search("1", ready=True)
    found = searching.search("1", first, top=1)
    assert [(one.title, one.shot, one.label) for one in found.shots] == [("plain", 1, "number 1")]
    assert list(searching.search("1", ready=True).titles) == [first.asset]
    assert [one.asset for one in searching.search("1", where={"reel": "7"}, top=1).shots] == [other.asset]
    assert len(searching.search("1", top=4)) == 4 and len(searching.search("1").titles) == 2
    with pytest.raises(AlgorithmNotFoundError, match="there are: labels"):
        searching.search("1", by="clip")


def test_what_is_disowned_is_planned_applied_and_taken_back(
    amber: Amber, clip: Path, other_clip: Path
) -> None:
    first, second = amber.ingest(clip), amber.ingest(other_clip)
    made = [amber.get("scaled", asset) for asset in (first, second)]
    amber.label(second, {"genre": "grey"})
    plan = amber.plan_invalidation("first_bytes@1", where={"genre": "grey"}, reason="as a test")
    assert (plan.action, plan.state, plan.features, plan.dependants) == ("invalidate", "planned", 1, 1)
    assert [extent.algorithm for extent in plan.doomed] == ["first_bytes"] and plan.reason == "as a test"
    assert amber.state("first_bytes", second) == "ready"
    assert amber.apply(plan).plan.state == "applied"
    assert (amber.state("first_bytes", first), amber.state("first_bytes", second)) == ("ready", "absent")
    with pytest.raises(PlanStateError):
        amber.apply(plan)
    assert amber.undo(plan).state == "undone"
    assert amber.state("first_bytes", second) == "ready"
    assert amber.get("scaled", second).id == made[1].id
    with pytest.raises(UsageError):
        amber.plan_invalidation("first_bytes", reason="which version?")
    with pytest.raises(VersionNotFoundError):
        amber.plan_invalidation("first_bytes@7", reason="another one")


def test_an_asset_is_taken_down(amber: Amber, clip: Path) -> None:
    asset = amber.ingest(clip)
    amber.get("scaled", asset)
    plan = amber.plan_forget("plain", reason="rights")
    assert (plan.action, plan.assets) == ("forget", (asset.asset,))
    assert amber.assets() != []
    assert amber.apply(plan).plan.state == "applied"
    assert amber.assets() == []


def test_both_have_the_same_calls_with_the_same_names() -> None:
    """Who did it and on whose behalf, the service knows by the token; what works on the store itself is there alone."""
    there = {
        name: call for name, call in vars(RemoteAmber).items() if inspect.isfunction(call) and name[0] != "_"
    }
    for name, call in there.items():
        remote, embedded = (
            inspect.signature(call).parameters,
            inspect.signature(getattr(Amber, name)).parameters,
        )
        assert list(remote) == [one for one in embedded if one not in ("who", "requester")], name
        for parameter in remote:
            assert str(remote[parameter]) == str(embedded[parameter]), name
    assert {"get", "plan", "state", "why", "ingest", "asset", "label", "apply", "undo", "job"} <= set(there)


def test_what_works_on_the_store_alone_says_so() -> None:
    with (
        closing(RemoteAmber("http://127.0.0.1:9")) as remote,
        pytest.raises(AttributeError, match="no 'verify' over HTTP; open the store itself"),
    ):
        remote.verify()
