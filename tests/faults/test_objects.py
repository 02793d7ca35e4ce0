"""Objects on a server that is killed, busy, or cuts its answers short: nothing wrong, nothing lost, and it is told."""

import http.server
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import obstore
import pytest

from amber.errors import BlobCorruptError, BlobMissingError, StoreUnavailableError
from amber.store import object_places
from amber.store.copies import Copies
from amber.store.object_places import open_objects
from amber.store.objects import ObjectBlobs
from tests.servers import s3 as server
from tests.servers.processes import PATIENCE_SECONDS, until

DATA = bytes(range(256)) * 4096
NAME = sha256(DATA).hexdigest()
#: How often the server is killed under load.
KILLS = 10 if "AMBER_SOAK" in os.environ else 1


@contextmanager
def _opened(folder: Path, url: str = "s3://some-bucket/x") -> Iterator[ObjectBlobs]:
    made = ObjectBlobs(open_objects(url), url, Copies(folder / "copies", 1 << 30))
    yield made
    made.close()


def _name_in_environment(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.soak
def test_a_server_that_is_killed_under_load_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, bytes] = {}
    over = threading.Event()
    failures: list[Exception] = []

    def load(worker: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            data = f"{worker} {number} ".encode() * 500
            try:
                blob = blobs.put(data)
                kept[blob.sha256] = data
                assert blobs.read(blob.sha256) == data
            except StoreUnavailableError as error:
                failures.append(error)

    with server.running(tmp_path / "server") as own:
        _name_in_environment(monkeypatch, own.variables)
        with _opened(tmp_path, own.url()) as blobs, ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(load, worker) for worker in range(4)]
            for _ in range(KILLS):
                before = len(kept)
                until(lambda before=before: len(kept) > before + 20, "it is under load")
                own.kill()
                own.start()
            before = len(kept)
            until(lambda: len(kept) > before + 20, "work goes on by itself")
            over.set()
            for worker in workers:
                worker.result(PATIENCE_SECONDS)
            for sha256_, data in kept.items():
                assert blobs.read(sha256_) == data
            assert {blob.sha256 for blob in blobs.digests()} >= set(kept)


def test_a_server_that_stays_away_is_told_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_places, "_RETRIES", {"max_retries": 2, "retry_timeout": timedelta(seconds=2)})
    with server.running(tmp_path / "server") as own:
        _name_in_environment(monkeypatch, own.variables)
        with _opened(tmp_path, own.url()) as blobs:
            blobs.put(DATA)
            own.kill()
            for ask in (
                lambda: blobs.put(b"x"),
                lambda: blobs.read(NAME),
                lambda: blobs.local_path(NAME),
                lambda: blobs.present([NAME]),
                lambda: blobs.delete(NAME),
                lambda: list(blobs.digests()),
            ):
                with pytest.raises(
                    StoreUnavailableError, match=r"s3://.*cannot be reached.*see that it runs"
                ):
                    ask()
            own.start()
            until(lambda: _read(blobs) == DATA, "it answers again")


def _read(blobs: ObjectBlobs) -> bytes | None:
    try:
        return blobs.read(NAME)
    except StoreUnavailableError:  # its parts come back one after the other
        return None


class _Bad(http.server.BaseHTTPRequestHandler):
    """Answers as its server says: busy so many times, then with so many of the bytes that it announces."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        plan = self.server.plan  # type: ignore[attr-defined]
        plan["asked"] += 1
        if plan["busy"] > 0:
            plan["busy"] -= 1
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(plan["data"])))
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(plan["data"][: plan["sent"]])
        self.close_connection = True

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def _bad_server(
    monkeypatch: pytest.MonkeyPatch, *, busy: int = 0, data: bytes = DATA, sent: int | None = None
) -> Iterator[dict[str, int]]:
    plan = {"busy": busy, "data": data, "sent": len(data) if sent is None else sent, "asked": 0}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Bad) as bad:
        bad.plan = plan  # type: ignore[attr-defined]
        thread = threading.Thread(target=bad.serve_forever, args=(0.01,))
        thread.start()
        _name_in_environment(
            monkeypatch,
            {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bad.server_port}",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
            },
        )
        yield plan
        bad.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _bad_server(monkeypatch, busy=3) as plan, _opened(tmp_path) as blobs:
        assert blobs.read(NAME) == DATA
        assert plan["asked"] == 4


def test_a_server_that_stays_busy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_places, "_RETRIES", {"max_retries": 2, "retry_timeout": timedelta(seconds=2)})
    with _bad_server(monkeypatch, busy=1000) as plan, _opened(tmp_path) as blobs:
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            blobs.read(NAME)
        assert plan["asked"] == 3


@pytest.mark.parametrize("sent", [0, 1, len(DATA) // 2, len(DATA) - 1])
def test_a_body_that_is_cut_short_is_never_taken_for_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    monkeypatch.setattr(object_places, "_RETRIES", {"max_retries": 1, "retry_timeout": timedelta(seconds=2)})
    with _bad_server(monkeypatch, sent=sent), _opened(tmp_path) as blobs:
        for look in (blobs.read, blobs.check, blobs.local_path):
            with pytest.raises(StoreUnavailableError):
                look(NAME)
    assert not list((tmp_path / "copies").glob("[0-9a-f][0-9a-f]/*"))
    assert not list((tmp_path / "copies").rglob("*.part"))


@pytest.mark.parametrize("harm", [DATA[:-1], DATA[:-1] + b"x", b""])
def test_an_object_with_other_bytes_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: bytes
) -> None:
    with _bad_server(monkeypatch, data=harm), _opened(tmp_path) as blobs:
        for look in (blobs.read, blobs.check, blobs.local_path):
            with pytest.raises(BlobCorruptError, match=NAME):
                look(NAME)


def test_an_object_that_goes_while_it_is_read_is_missing_afterwards(tmp_path: Path) -> None:
    with _opened(tmp_path, "memory://") as blobs:
        blobs.put(DATA)
        path = blobs.local_path(NAME)
        obstore.delete(blobs._objects, f"{NAME[:2]}/{NAME}")
        assert path.read_bytes() == DATA
        assert blobs.present([NAME]) == set()
        with pytest.raises(BlobMissingError):
            blobs.check(NAME)
