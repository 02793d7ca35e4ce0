"""A database that goes in the middle of requests: problems that say to come back, and answers as soon as it is there again."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from amber.client import Amber
from amber.settings import Settings
from amber.store.upgrade import migrate_postgres
from tests.cli.clips import write_clip
from tests.servers import postgres
from tests.servers.processes import until
from tests.service.serving import TINY, serving, working


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[httpx.Client, postgres.OwnPostgres, str]]:
    """A service with a worker, its database, and an asset with a feature."""
    with postgres.running(tmp_path / "postgres") as database:
        url = database.create("catalogue")
        migrate_postgres(url)
        chosen = Settings(tmp_path / "home", algorithms=(str(TINY),), database_url=url)
        with Amber.open(settings=chosen) as amber, working(amber), serving(amber, chosen) as at:
            asset = amber.ingest(write_clip(tmp_path / "clip.mp4", shade=3)).asset
            amber.get("scaled", asset)
            with httpx.Client(base_url=at, timeout=120) as http:
                yield http, database, asset


def test_requests_are_told_to_come_back_and_go_on_when_it_is_there(
    served: tuple[httpx.Client, postgres.OwnPostgres, str], tmp_path: Path
) -> None:
    http, database, asset = served
    path = f"/v1/assets/{asset}/features/scaled"
    assert [http.get(path).status_code for _ in range(2)] == [200, 200]
    place = http.post("/v1/uploads", headers={"Upload-Length": "5"}).headers["location"]
    database.kill()
    film = (tmp_path / "clip.mp4").read_bytes()
    for answer in (
        http.get(path),
        http.get(path, params={"setting.factor": "7"}),
        http.get("/v1/assets"),
        http.post("/v1/assets", content=film),
        http.post("/v1/features", json={"algorithm": "scaled", "assets": [asset]}),
    ):
        assert (answer.status_code, answer.json()["retryable"]) == (503, True), answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert "postgres" not in answer.text, "where the catalogue is, is nobody's business"
    assert http.get("/readyz").status_code == 503
    assert http.get("/healthz").status_code == 200
    part = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert http.patch(place, content=b"12345", headers=part).status_code == 204, "bytes need no catalogue"
    database.start()
    until(lambda: http.get("/readyz").status_code == 200, "it is there again")
    assert http.get(path).status_code == 200
    made = http.get(path, params={"setting.factor": "7"}, headers={"Prefer": "wait=60"})
    assert made.status_code == 200 and made.json()["rows"][0]["amount"] == 714.0
