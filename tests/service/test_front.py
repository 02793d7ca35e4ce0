"""What is answered in front of the routes is what the routes would answer; slow clients hold no thread."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from amber.client import Amber
from amber.service.app import make_routes
from amber.service.context import STORE_THREADS
from amber.settings import Settings
from tests.servers.processes import until
from tests.service.serving import serving


@pytest.fixture
def both(settings: Settings, clip: Path) -> Iterator[tuple[httpx.Client, str]]:
    """A service in which a feature is stored, and the path that asks for it."""
    with Amber.open(settings=settings) as amber:
        asset = amber.ingest(clip).asset
        amber.get("scaled", asset)
        with serving(amber, settings) as url, httpx.Client(base_url=url, timeout=30) as http:
            yield http, f"/v1/assets/{asset}/features/scaled"


@pytest.mark.parametrize("accept", ["", "application/json", "application/vnd.apache.arrow.file"])
@pytest.mark.parametrize(
    "query", ["", "?limit=2", "?after=1&limit=1000", "?setting.factor=0.50", "?version=1"]
)
def test_the_front_answers_as_the_route_does(both: tuple[httpx.Client, str], accept: str, query: str) -> None:
    http, path = both
    # The second answer comes from in front, as its bytes are at hand then.
    first, second = (http.get(f"{path}{query}", headers={"Accept": accept}) for _ in range(2))
    assert first.status_code == 200
    assert second.content == first.content
    theirs = {name: value for name, value in first.headers.items() if name not in ("date", "x-request-id")}
    ours = {name: value for name, value in second.headers.items() if name not in ("date", "x-request-id")}
    assert ours == theirs


def test_what_was_disowned_is_not_answered_from_in_front(
    both: tuple[httpx.Client, str], settings: Settings
) -> None:
    http, path = both
    assert [http.get(path).status_code for _ in range(3)] == [200] * 3
    with Amber.open(settings=settings) as elsewhere:
        elsewhere.apply(elsewhere.plan_invalidation("scaled@1", reason="wrong"))
    assert http.get(path).status_code == 202


@pytest.mark.parametrize(
    ("host", "origin", "reads", "writes"),
    [
        ("localhost:8000", "", 200, 415),
        ("127.0.0.1", "", 200, 415),
        ("[::1]:8000", "", 200, 415),
        ("studio.localhost:8000", "http://studio.localhost:8000", 200, 415),
        ("evil.example", "", 403, 403),
        ("evil.example:8000", "http://evil.example:8000", 403, 403),
        ("127.0.0.1.evil.example", "", 403, 403),
        ("localhost:8000", "http://evil.example", 200, 403),
        ("localhost:8000", "null", 200, 403),
    ],
)
def test_a_page_of_another_site_does_not_use_a_service_without_tokens(
    both: tuple[httpx.Client, str], host: str, origin: str, reads: int, writes: int
) -> None:
    http, path = both
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    for place in (path, path, "/v1/assets"):
        answer = http.get(place, headers=headers)
        assert answer.status_code == reads and answer.headers["x-content-type-options"] == "nosniff"
    assert http.post("/v1/plans", content=b"x", headers=headers).status_code == writes


def test_with_tokens_it_is_served_under_any_name(settings: Settings) -> None:
    from dataclasses import replace

    guarded = replace(settings, auth="token")
    with Amber.open(settings=guarded) as amber, serving(amber, guarded) as url:
        answer = httpx.get(
            f"{url}/v1/assets", headers={"Host": "amber.example", "Origin": "https://x.example"}
        )
    assert answer.status_code == 401


def test_who_reads_slowly_holds_no_thread(both: tuple[httpx.Client, str], settings: Settings) -> None:
    http, path = both
    with Amber.open(settings=settings) as amber:
        blob = amber.store.blobs.put(b"x" * (64 << 20))
    address = (http.base_url.host, http.base_url.port)
    slow = []
    for _ in range(3 * STORE_THREADS):
        reader = socket.create_connection(address)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall(f"GET /v1/blobs/{blob.sha256} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        slow.append(reader)
    try:
        assert http.get(path, headers={"Accept": "text/csv"}).status_code == 200
        assert http.get("/readyz").status_code == 200
    finally:
        for reader in slow:
            reader.close()


def test_an_upload_that_breaks_off_leaves_nothing(both: tuple[httpx.Client, str], settings: Settings) -> None:
    http, _ = both
    before = http.get("/v1/assets").json()
    with socket.create_connection((http.base_url.host, http.base_url.port)) as sender:
        sender.sendall(
            b"POST /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 100_000
        )
        until(lambda: bool(list((settings.home / "scratch").glob("*/upload"))), "it comes in")
    until(lambda: not list((settings.home / "scratch").glob("*/upload")), "what came is removed")
    assert http.get("/v1/assets").json() == before
    assert 'status="499"' in http.get("/metrics").text


def test_the_routes_alone_name_every_answer(settings: Settings) -> None:
    with Amber.open(settings=settings) as amber:
        document = make_routes(amber, settings).openapi()
    schemas = document["components"]["schemas"]
    used = set()

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                used.add(part["$ref"].rpartition("/")[2])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(document)
    assert used <= set(schemas), "every reference leads somewhere"
