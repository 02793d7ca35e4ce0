"""The whole service as processes: one that serves, two workers, PostgreSQL, S3 and Redis."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import httpx
import pyarrow as pa
import pytest
from PIL import Image

from tests.acceptance.command import names
from tests.servers.s3 import S3
from tests.servers.valkey import Valkey
from tests.service.test_process import log_of, started

ARROW = "application/vnd.apache.arrow.file"


@pytest.fixture
def deployed(
    tmp_path: Path,
    s3: S3,
    valkey: Valkey,
    new_database: Callable[[str], str],
    catalogue_template: str,
) -> Iterator[tuple[httpx.Client, Path]]:
    """A client of the service, and the folder of its logs."""
    variables = {
        **s3.variables,
        "AMBER_ALGORITHMS": "algorithms:ALGORITHMS",
        "AMBER_DATABASE_URL": new_database(catalogue_template),
        "AMBER_BLOBS_URL": s3.url(),
        "AMBER_REDIS_URL": valkey.empty(),
    }
    with ExitStack() as stack:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            stack.enter_context(started(tmp_path / name, "worker", "--jobs", "1", **variables))
        told, _ = stack.enter_context(started(tmp_path, "serve", "--port", "0", "--no-worker", **variables))
        yield stack.enter_context(httpx.Client(base_url=told["url"], timeout=150.0)), tmp_path


def _followed(http: httpx.Client, job: str) -> list[Mapping[str, Any]]:
    """The job as its events tell of it, to its end."""
    with http.stream("GET", f"{job}/events") as stream:
        return [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]


def _look_at_media(http: httpx.Client, asset: str) -> None:
    """The standard encode whole and in part, an exact frame, and a clip."""
    media = f"/v1/media/{asset}"
    video = http.get(f"{media}/video.mp4")
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    part = http.get(f"{media}/video.mp4", headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, video.content[4:12])
    frame = http.get(f"{media}/frames/31.jpg", params={"width": 160})
    with Image.open(io.BytesIO(frame.content)) as picture:
        assert picture.size == (160, 90)
    clip = http.get(f"{media}/clip.mp4", params={"start": 30, "end": 54})
    with av.open(io.BytesIO(clip.content)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24
    beyond = http.get(f"{media}/frames/120.jpg")
    assert (beyond.status_code, beyond.json()["error"]) == (422, "FrameOutOfRangeError")
    assert http.get(f"{media}/clip.mp4", params={"start": 54, "end": 30}).status_code == 422


def test_a_film_goes_in_and_pairs_come_out_and_what_is_disowned_is_made_again(
    deployed: tuple[httpx.Client, Path], clip: Path
) -> None:
    http, folder = deployed
    uploaded = http.post("/v1/assets", content=clip.read_bytes(), params={"title": "clip"})
    assert uploaded.status_code == 201
    asset = uploaded.json()["asset"]
    path = f"/v1/assets/{asset}/features/match_pairs"

    asked = http.get(path)
    assert asked.status_code == 202
    told = _followed(http, asked.headers["location"])
    assert told[-1]["state"] == "ready", told[-1]
    assert {"standard", "shots"} & {one["step"] for one in told}, "it says what it is at"
    assert names(told[-1]["computed"])[0] == "standard"

    pairs = http.get(path)
    rows = pairs.json()["rows"]
    assert pairs.status_code == 200 and rows and rows[0]["score"] >= rows[-1]["score"]
    arrow = http.get(path, headers={"Accept": ARROW})
    assert pa.ipc.open_file(io.BytesIO(arrow.content)).read_all().to_pylist() == rows
    for answer, accept in ((pairs, "application/json"), (arrow, ARROW)):
        again = http.get(path, headers={"Accept": accept, "If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")

    _look_at_media(http, asset)
    [loaded] = http.get("/v1/algorithms/duplicate_groups").json()
    admin = f"/v1/admin/algorithms/duplicate_groups/versions/{loaded['version']}"
    disowning = http.post(f"{admin}/invalidate", json={"reason": "as a test"}).json()
    assert (disowning["features"], disowning["dependants"]) == (1, 1)
    assert http.get(path).status_code == 200, "a plan changes nothing"
    applied = http.post(f"{admin}/invalidate", json={"plan_id": disowning["plan_id"]})
    assert applied.json()["state"] == "applied"

    plan = http.post("/v1/plans", json={"algorithm": "match_pairs", "assets": [asset]}).json()
    marks = {one["algorithm"]: one["mark"] for one in plan["steps"]}
    assert [name for name, mark in marks.items() if mark == "miss"] == ["duplicate_groups"]
    assert [name for name, mark in marks.items() if mark == "depends"] == ["match_pairs"]
    remade = http.get(path, headers={"Prefer": "wait=120"})
    assert remade.status_code == 200
    assert names(remade.json()["computed"]) == ["duplicate_groups"], (
        "it came out equal, so pairs are only linked"
    )
    assert remade.json()["value"] == pairs.json()["value"]

    restored = http.post(f"{admin}/restore", json={"plan_id": disowning["plan_id"]})
    assert restored.json()["state"] == "undone"
    assert http.get(path).json()["feature"] == pairs.json()["feature"]
    claimed = [
        line
        for name in ("first", "second")
        for line in log_of(folder / name)
        if line["event"] == "job claimed"
    ]
    assert len(claimed) == 2, "one job for the first ask, one for the second"
