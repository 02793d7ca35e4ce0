"""Uploads in parts: they go on where a line broke, one request at a time, and go when nobody goes on with them."""

import base64
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tusclient.client import TusClient

from amber import http as link_module
from amber.client import Amber
from amber.engine.ingest import ingest
from amber.engine.uploads import Uploads
from amber.errors import StoreFullError, UploadNotFoundError, UploadStateError, UsageError
from amber.service import context
from amber.settings import Settings
from amber.store.open import memory_store
from amber.store.protocol import Store
from amber.store.tokens import new_token
from jasper.errors import UnreadableMediaError
from tests.servers.processes import until
from tests.service.serving import serving

PART = "application/offset+octet-stream"


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    made = memory_store()
    yield made
    made.close()


def begin(http: httpx.Client, size: int, **headers: str) -> str:
    """The path of a new upload."""
    answer = http.post(
        "/v1/uploads", headers={"Upload-Length": str(size), "Tus-Resumable": "1.0.0", **headers}
    )
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def send(http: httpx.Client, place: str, offset: int, data: bytes) -> httpx.Response:
    """Send a part."""
    headers = {"Content-Type": PART, "Upload-Offset": str(offset), "Tus-Resumable": "1.0.0"}
    return http.patch(place, content=data, headers=headers)


def offset_of(http: httpx.Client, place: str) -> int:
    """How many bytes are there."""
    return int(http.head(place).headers["upload-offset"])


def padded(clip: Path, to: Path, size_bytes: int) -> Path:
    """The same film in a file of another size: players pass over a box named `free`."""
    data = clip.read_bytes()
    room = size_bytes - len(data)
    to.write_bytes(data + room.to_bytes(4, "big") + b"free" + os.urandom(room - 8))
    return to


def test_a_client_that_knows_nothing_of_us_sends_an_upload_and_goes_on_with_it(
    http: httpx.Client, clip: Path
) -> None:
    client = TusClient(f"{http.base_url}/v1/uploads")
    size = clip.stat().st_size
    with clip.open("rb") as film:
        first = client.uploader(file_stream=film, chunk_size=size // 3, metadata={"filename": "by tus.mp4"})
        first.upload(stop_at=size // 3)

        second = client.uploader(file_stream=film, url=str(first.url), chunk_size=size // 3)
        assert second.offset == size // 3
        second.upload()
    named = http.post("/v1/assets", json={"upload": str(first.url).rpartition("/")[2]})
    assert (named.status_code, named.json()["title"]) == (201, "by tus.mp4")


def test_a_film_comes_in_parts_and_is_named_when_it_is_whole(http: httpx.Client, clip: Path) -> None:
    data = clip.read_bytes()
    title = base64.b64encode("Große Häsin".encode()).decode()
    place = begin(http, len(data), **{"Upload-Metadata": f"filename eC5tcDQ=,title {title}"})
    name = place.rpartition("/")[2]
    early = http.post("/v1/assets", json={"upload": name})
    assert (early.status_code, early.json()["error"]) == (409, "UploadStateError")
    assert send(http, place, 0, data[:1000]).headers["upload-offset"] == "1000"
    stands = http.head(place)
    assert stands.headers["upload-length"] == str(len(data)) and stands.headers["cache-control"] == "no-store"
    assert stands.headers["upload-offset"] == "1000" and stands.headers["tus-resumable"] == "1.0.0"
    last = send(http, place, 1000, data[1000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(data)))
    named = [http.post("/v1/assets", json={"upload": name}) for _ in range(2)]
    assert [answer.status_code for answer in named] == [201, 201], "asked again, it answers the same"
    assert named[0].json() == named[1].json() and named[0].json()["title"] == "Große Häsin"
    assert http.post("/v1/assets", content=data).json()["asset"] == named[0].json()["asset"]
    assert http.get(place).json()["asset"] == named[0].json()["asset"]
    assert send(http, place, len(data), b"x").status_code == 409


def test_a_part_that_does_not_follow_is_refused(http: httpx.Client) -> None:
    place = begin(http, 10)
    assert send(http, place, 0, b"12345").status_code == 204
    for offset in (0, 4, 6):
        answer = send(http, place, offset, b"x")
        assert (answer.status_code, answer.json()["error"]) == (409, "UploadStateError")
        assert "has 5 bytes" in answer.json()["detail"]
    much = send(http, place, 5, b"67890 and more")
    assert much.status_code == 409 and "more were sent" in much.json()["detail"]
    assert http.get(place).json()["offset"] == 10


def test_what_is_no_part_is_refused(http: httpx.Client) -> None:
    place = begin(http, 10)
    plain = http.patch(place, content=b"x", headers={"Upload-Offset": "0"})
    assert plain.status_code == 415 and PART in plain.json()["detail"]
    headers = {"Content-Type": PART, "Upload-Offset": "0", "Tus-Resumable": "0.2.2"}
    other = http.patch(place, content=b"x", headers=headers)
    assert (other.status_code, other.headers["tus-version"]) == (412, "1.0.0")
    assert http.patch(place, content=b"x", headers={"Content-Type": PART}).status_code == 422
    for length in ("0", "-1", "many"):
        assert http.post("/v1/uploads", headers={"Upload-Length": length}).status_code == 422
    odd = http.post("/v1/uploads", headers={"Upload-Length": "1", "Upload-Metadata": "title ?"})
    assert odd.status_code == 422 and "base64" in odd.json()["detail"]
    for body in ({}, {"upload": "0" * 32, "uri": "/x"}):
        assert http.post("/v1/assets", json=body).status_code == 422


def test_what_is_given_up_is_gone(http: httpx.Client) -> None:
    place = begin(http, 10)
    assert http.delete(place).status_code == 204
    for answer in (
        http.get(place),
        http.delete(place),
        send(http, place, 0, b"x"),
        http.get("/v1/uploads/x"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "UploadNotFoundError")
    assert http.head(place).status_code == 404


def test_what_is_no_film_is_refused_and_gone(http: httpx.Client) -> None:
    place = begin(http, 10)
    send(http, place, 0, b"Dear diary")
    name = place.rpartition("/")[2]
    answer = http.post("/v1/assets", json={"upload": name})
    assert (answer.status_code, answer.json()["error"]) == (422, "UnreadableMediaError")
    assert answer.json()["detail"].startswith("the upload ")
    assert http.get(place).status_code == 404


def test_who_began_it_goes_on_alone(settings: Settings) -> None:
    guarded = replace(settings, auth="token")
    with Amber.open(settings=guarded) as amber, serving(amber, guarded) as url:
        texts = []
        for name in ("ann", "bob"):
            token, text = new_token(name, "write")
            amber.store.catalog.put_token(token)
            texts.append({"Authorization": f"Bearer {text}"})
        with (
            httpx.Client(base_url=url, headers=texts[0]) as ann,
            httpx.Client(base_url=url, headers=texts[1]) as bob,
        ):
            place = begin(ann, 10)
            assert send(bob, place, 0, b"x").status_code == bob.get(place).status_code == 404
            assert bob.post("/v1/assets", json={"upload": place.rpartition("/")[2]}).status_code == 404
            assert send(ann, place, 0, b"x").status_code == 204


def test_an_upload_that_would_be_too_large_is_refused_at_once(settings: Settings) -> None:
    small = replace(settings, upload_bytes=1000)
    with Amber.open(settings=small) as amber, serving(amber, small) as url:
        answer = httpx.post(f"{url}/v1/uploads", headers={"Upload-Length": "1001"})
        assert (answer.status_code, answer.json()["error"]) == (413, "TooLargeError")
    large = replace(settings, upload_bytes=1 << 62)
    with Amber.open(settings=large) as amber, serving(amber, large) as url:
        answer = httpx.post(f"{url}/v1/uploads", headers={"Upload-Length": str(1 << 59)})
        assert (answer.status_code, answer.json()["error"]) == (507, "StoreFullError")
        assert not list((settings.home / "scratch" / "uploads").iterdir())


def _half_sent(http: httpx.Client, place: str, offset: int, data: bytes) -> socket.socket:
    """A line on which a part was sent as far as `data`, and more was promised."""
    line = socket.create_connection((http.base_url.host, http.base_url.port))
    head = f"PATCH {place} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PART}\r\nUpload-Offset: {offset}\r\nContent-Length: 9000000\r\n\r\n"
    line.sendall(head.encode() + data)
    return line


def test_what_came_before_a_line_broke_is_kept(http: httpx.Client) -> None:
    place = begin(http, 9_000_000)
    with _half_sent(http, place, 0, b"x" * 300_000):
        until(lambda: http.get(place).status_code == 200, "it comes in")
    until(lambda: 0 < offset_of(http, place) <= 300_000, "what came is kept")


def test_a_request_that_a_broken_line_left_behind_gives_way(http: httpx.Client) -> None:
    place = begin(http, 9_000_000)
    line = _half_sent(http, place, 0, b"x" * (3 << 20))
    try:
        until(lambda: offset_of(http, place) > 0, "some of it has come")
        answer = send(http, place, offset_of(http, place), b"y")
        while answer.status_code == 409:  # what it still had came first
            answer = send(http, place, offset_of(http, place), b"y")
        assert answer.status_code == 204
        assert b"409 Conflict" in line.recv(4096)
    finally:
        line.close()


def test_who_sends_nothing_for_too_long_is_sent_away(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "SILENT_SECONDS", 0.2)
    place = begin(http, 9_000_000)
    with _half_sent(http, place, 0, b"x" * 1000) as line:
        assert b"408 Request Timeout" in line.recv(4096)
    assert offset_of(http, place) == 1000
    with socket.create_connection((http.base_url.host, http.base_url.port)) as line:
        line.sendall(
            b"POST /v1/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        assert b"408 Request Timeout" in line.recv(4096)


def test_the_same_film_in_two_uploads_is_one_asset(http: httpx.Client, clip: Path) -> None:
    data, answers = clip.read_bytes(), []

    def upload() -> None:
        with httpx.Client(base_url=http.base_url, timeout=60) as mine:
            place = begin(mine, len(data))
            send(mine, place, 0, data)
            answers.append(mine.post("/v1/assets", json={"upload": place.rpartition("/")[2]}))

    def whole() -> None:
        with httpx.Client(base_url=http.base_url, timeout=60) as mine:
            answers.append(mine.post("/v1/assets", content=data))

    threads = [threading.Thread(target=does) for does in (upload, whole) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["asset"] for answer in answers}) == 1


# the client


def test_the_client_sends_a_large_file_in_parts(
    http: httpx.Client, settings: Settings, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "WHOLE_BYTES", 1 << 20)
    monkeypatch.setattr(link_module, "PART_BYTES", 2 << 20)
    film = padded(clip, tmp_path / "film.mp4", 5 << 20)
    told: list[tuple[int, int]] = []
    with Amber.open(str(http.base_url), settings=settings) as amber:
        asset = amber.ingest(film, title="ünïcode", progress=lambda done, total: told.append((done, total)))
        assert asset.title == "ünïcode" and told == [(n << 20, 5 << 20) for n in range(1, 6)]
        assert amber.ingest(clip).asset == asset.asset
        assert [done.state for done in amber.ingest_all([film])] == ["known"]
        with pytest.raises(UnreadableMediaError):
            letter = tmp_path / "letter.mp4"
            letter.write_bytes(b"Dear diary" * 200_000)
            amber.ingest(letter)

        def append(done: int, total: int) -> None:
            with film.open("ab") as file:
                file.write(b"more")

        with pytest.raises(UsageError, match="changed while it was sent"):
            amber.ingest(film, progress=append)


def test_an_upload_that_the_service_lost_is_begun_again(
    http: httpx.Client, settings: Settings, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "WHOLE_BYTES", 1 << 20)
    monkeypatch.setattr(link_module, "PART_BYTES", 2 << 20)
    monkeypatch.setattr(link_module, "FIRST_PAUSE_SECONDS", 0.001)
    film = padded(clip, tmp_path / "film.mp4", 5 << 20)
    lost: list[str] = []

    def lose(done: int, total: int) -> None:
        if done == 3 << 20 and not lost:
            [folder] = (settings.home / "scratch" / "uploads").iterdir()
            lost.append(folder.name)
            (folder / "about.json").unlink()

    with Amber.open(str(http.base_url), settings=settings) as amber:
        asset = amber.ingest(film, progress=lose)
        assert lost and asset.asset == amber.ingest(clip).asset


# what nobody goes on with


def test_an_upload_goes_when_nobody_goes_on_with_it(store: Store) -> None:
    old, kept = Uploads(store, keep_seconds=-1.0), Uploads(store)
    upload = kept.begin(10, owner="ann")
    with kept.writing(upload.id, "ann", 0) as write:
        write(b"12345")
        assert old.sweep() == 0, "somebody is at it"
    assert kept.sweep() == 0 and kept.find(upload.id, "ann").offset == 5
    assert old.sweep() == 1
    with pytest.raises(UploadNotFoundError):
        kept.find(upload.id, "ann")


def test_a_new_upload_sweeps_and_other_work_leaves_uploads_alone(store: Store, clip: Path) -> None:
    uploads = Uploads(store, keep_seconds=-1.0)
    first = uploads.begin(10, owner="ann")
    ingest(store, clip)
    assert uploads.find(first.id, "ann").size_bytes == 10
    Uploads(store, keep_seconds=-1.0).begin(10, owner="ann")
    with pytest.raises(UploadNotFoundError):
        uploads.find(first.id, "ann")


def test_two_are_not_at_one_upload(store: Store) -> None:
    first, other = Uploads(store), Uploads(store)
    upload = first.begin(10, owner="ann")
    with first.writing(upload.id, "ann", 0), pytest.raises(UploadStateError, match="another request is at"):
        other.finish(upload.id, "ann")
    with first.writing(upload.id, "ann", 0), pytest.raises(UploadStateError, match="another request is at"):
        other.drop(upload.id, "ann")


def test_what_has_no_room_is_refused_before_it_is_sent(store: Store) -> None:
    with pytest.raises(StoreFullError, match="are free where uploads are kept"):
        Uploads(store).begin(1 << 60, owner="ann")
