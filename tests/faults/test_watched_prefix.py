"""Media that appears below a prefix of an S3 server is taken as from a folder, read where it lies, and computed once."""

from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store
from starlette.testclient import TestClient

from amber.client import Amber
from amber.engine.compute import source_of
from amber.engine.sources import LIST_SECONDS, WatchedPrefix, Watching
from amber.errors import StoreUnavailableError
from amber.service.app import make_routes
from amber.settings import Settings
from amber.store.arrivals import Arrival
from amber.store.backfills import Wish
from tests.cli.clips import write_clip
from tests.faults.standing import CHEAP, worker
from tests.faults.test_watched_folder import computed, features
from tests.servers.processes import until
from tests.servers.s3 import S3


class Bucket:
    """The place of one test."""

    def __init__(self, server: S3) -> None:
        self.url = server.url()
        bucket, _, self._prefix = self.url.removeprefix("s3://").partition("/")
        self._store = S3Store(
            bucket,
            endpoint=server.endpoint,
            region="us-east-1",
            access_key_id=server.key,
            secret_access_key=server.secret,
            client_options={"allow_http": True},
        )

    def put(self, name: str, data: bytes) -> str:
        """Write an object; its URL."""
        obstore.put(self._store, f"{self._prefix}/{name}", data)
        return f"{self.url}/{name}"

    def remove(self, name: str) -> None:
        """Delete an object."""
        obstore.delete(self._store, f"{self._prefix}/{name}")


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    return Bucket(s3)


@pytest.fixture
def amber(tmp_path: Path) -> Iterator[Amber]:
    with Amber.open(settings=Settings(tmp_path / "home", algorithms=(str(CHEAP),))) as opened:
        opened.subscriptions.add(Wish("brightness"))
        yield opened


def _clip(folder: Path, shade: int, frames: int = 4) -> bytes:
    return write_clip(folder / f"{shade} {frames}.mp4", shade=shade, frames=frames).read_bytes()


def test_what_appears_is_recorded_where_it_lies_and_asked_for(
    amber: Amber, bucket: Bucket, tmp_path: Path
) -> None:
    source = WatchedPrefix(amber.engine, bucket.url)
    assert source.look() == 0
    url = bucket.put("show/odd name %20 ß.mp4", _clip(tmp_path, 99))
    for name in ("notes.txt", ".hidden.mp4", "show/.parts/a.mp4"):
        bucket.put(name, b"no media")
    assert source.look() == 1 and source.look() == 0
    [record] = amber.assets()
    assert record.title == "odd name %20 ß"
    assert [at.uri for at in amber.store.catalog.locations(record.asset)] == [url]
    assert len(amber.jobs()) == 1
    assert amber.get("brightness", record).value.mean[0] == pytest.approx(99, abs=4)


def test_the_same_content_under_another_name_asks_for_nothing(
    amber: Amber, bucket: Bucket, tmp_path: Path
) -> None:
    source = WatchedPrefix(amber.engine, bucket.url)
    data = _clip(tmp_path, 99)
    bucket.put("a.mp4", data)
    assert source.look() == 1
    amber.get("brightness", "a")
    bucket.put("copy.mp4", data)
    bucket.put("a.mp4", data)
    bucket.put("moved/a.mp4", data)
    bucket.remove("a.mp4")
    assert source.look() == 2
    assert len(amber.assets()) == 1 and amber.jobs() == []
    seen = amber.store.catalog.arrivals(bucket.url)
    assert [arrival.uri.removeprefix(bucket.url) for arrival in seen] == ["/copy.mp4", "/moved/a.mp4"]


def test_what_cannot_be_read_is_remembered_and_taken_once_it_is_replaced(
    amber: Amber, bucket: Bucket, tmp_path: Path
) -> None:
    source = WatchedPrefix(amber.engine, bucket.url)
    whole = write_clip(tmp_path / "whole.mkv", shade=99, frames=48).read_bytes()
    url = bucket.put("a.mkv", whole[: len(whole) * 2 // 3])
    bucket.put("b.mp4", b"no film at all")
    assert source.look() == 2 and amber.assets() == [] and source.look() == 0
    problems = [arrival.problem for arrival in amber.store.catalog.arrivals(bucket.url)]
    assert all(problems) and url in problems[0], "says which one, not where it was fetched to"
    assert str(tmp_path) not in " ".join(problems)
    bucket.put("a.mkv", whole)
    assert source.look() == 1 and len(amber.assets()) == 1


def test_an_original_is_fetched_when_it_is_read_and_not_taken_for_another(
    amber: Amber, bucket: Bucket, tmp_path: Path
) -> None:
    first, other = _clip(tmp_path, 99), _clip(tmp_path, 150)
    bucket.put("a.mp4", first)
    bucket.put("kept.mp4", first)
    WatchedPrefix(amber.engine, bucket.url).look()
    [record] = amber.assets()
    for at in amber.store.catalog.locations(record.asset):
        assert amber.store.originals is not None
        amber.store.originals.drop(at.file_digest)
    bucket.put("kept.mp4", other)  # nobody has looked since
    source = source_of(amber.store, record.asset)
    assert [path.read_bytes() for path in source.paths] == [first]
    assert [at.uri for at in amber.store.catalog.locations(record.asset)] == [f"{bucket.url}/a.mp4"]
    bucket.remove("a.mp4")
    amber.store.originals.drop(amber.store.catalog.locations(record.asset)[0].file_digest)
    del source
    assert list(source_of(amber.store, record.asset).paths) == []


def test_a_server_that_is_away_forgets_nothing_and_one_that_refuses_says_so(
    amber: Amber, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.mp4", _clip(tmp_path, 99))
    assert WatchedPrefix(amber.engine, bucket.url).look() == 1
    assert amber.store.originals is not None
    amber.store.originals.close()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreUnavailableError, match="somebody who may read and list there"):
        WatchedPrefix(amber.engine, bucket.url).look()
    assert len(amber.store.catalog.arrivals(bucket.url)) == 1
    [record] = amber.assets()
    amber.store.originals.drop(amber.store.catalog.locations(record.asset)[0].file_digest)
    with pytest.raises(StoreUnavailableError):
        list(source_of(amber.store, record.asset).paths)


def test_a_takedown_removes_the_copy_of_the_original(amber: Amber, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.mp4", _clip(tmp_path, 99))
    WatchedPrefix(amber.engine, bucket.url).look()
    copies = tmp_path / "home" / "copies"
    assert len(list(copies.glob("[0-9a-f][0-9a-f]/*"))) == 1
    amber.apply(amber.plan_forget("a", reason="asked to"))
    assert list(copies.glob("[0-9a-f][0-9a-f]/*")) == []


def test_who_is_told_of_an_event_looks_at_once_and_the_route_tells(
    amber: Amber, bucket: Bucket, tmp_path: Path
) -> None:
    taken: list[Arrival] = []
    watching = Watching(amber.engine, [WatchedPrefix(amber.engine, bucket.url)], taken.append)
    bucket.put("a.mp4", _clip(tmp_path, 99))
    watching.start()
    with TestClient(make_routes(amber, Settings(tmp_path / "home"))) as client:
        try:
            until(lambda: len(taken) == 1, "what is there is taken")
            bucket.put("b.mp4", _clip(tmp_path, 150))
            event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "b.mp4"}}}]}
            for _ in range(3):
                assert client.post("/v1/sources/events", json=event).status_code == 202
            until(lambda: len(taken) == 2, "what came is taken", patience=LIST_SECONDS / 2)
        finally:
            watching.stop()
    assert len(amber.assets()) == 2


def test_whenever_its_watcher_is_killed_each_is_computed_once(bucket: Bucket, s3: S3, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Amber.open(settings=Settings(home, algorithms=(str(CHEAP),))) as amber:
        amber.subscriptions.add(Wish("brightness"))
    for number in range(2):
        for index in range(3):
            bucket.put(f"{number} {index}.mp4", _clip(tmp_path, 60 + 3 * number + index))
            bucket.put(f"copy/{number} {index}.mp4", _clip(tmp_path, 60 + 3 * number + index))
        with worker(home, bucket.url, variables=s3.variables):
            until(lambda most=3 * number: len(features(home)) > most, "it is at work")  # type: ignore[misc]
    with worker(home, bucket.url, variables=s3.variables):
        until(lambda: len(features(home)) == 6, "all are there")
    assert set(features(home).values()) == {1} and computed(home) == 6
