"""What each route answers: statuses, headers and bytes."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from amber.service import metrics
from tests.servers.processes import until

SCALED = [51.0, 58.0, 60.5]


def ready(http: httpx.Client, asset: str, algorithm: str = "scaled", **query: Any) -> httpx.Response:
    """The answer with a feature, waited for."""
    path = f"/v1/assets/{asset}/features/{algorithm}"
    answer = http.get(path, params=query, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    return answer


def events(text: str) -> list[tuple[int, str, Any]]:
    """(id, name, data) of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def test_a_form_is_refused_with_what_to_send_instead(http: httpx.Client, clip: Path) -> None:
    answer = http.post("/v1/assets", files={"file": clip.read_bytes()})
    assert answer.status_code == 415
    assert "--data-binary" in answer.json()["detail"]


def test_an_upload_is_new_and_then_known(http: httpx.Client, clip: Path) -> None:
    data = clip.read_bytes()
    first = http.post("/v1/assets", content=data, params={"title": "grey"})
    second = http.post("/v1/assets", content=data, headers={"Content-Type": "video/mp4"})
    assert (first.status_code, second.status_code) == (201, 200)
    asset = first.json()["asset"]
    assert first.headers["location"] == f"/v1/assets/{asset}" and second.json()["asset"] == asset
    assert (first.json()["title"], first.json()["state"], second.json()["state"]) == ("grey", "new", "known")
    shown = http.get(f"/v1/assets/{asset}").json()
    assert [at["uri"] for at in shown["locations"]] == [f"blob:{hashlib.sha256(data).hexdigest()}"]
    blob = http.get(f"/v1/blobs/{hashlib.sha256(data).hexdigest()}")
    assert blob.content == data


def test_what_is_no_media_is_not_recorded(http: httpx.Client) -> None:
    for content, error in ((b"Dear diary", "UnreadableMediaError"), (b"", "UsageError")):
        answer = http.post("/v1/assets", content=content)
        assert (answer.status_code, answer.json()["error"]) == (422, error)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].startswith("the upload ")  # and not where it lay
    assert http.get("/v1/assets").json() == {"assets": [], "next_after": None}


def test_a_missing_feature_is_a_job_which_leads_to_it(http: httpx.Client, asset: str) -> None:
    asked = http.get(f"/v1/assets/{asset}/features/scaled")
    assert asked.status_code == 202
    job = asked.headers["location"]
    assert asked.json()["job"] == job.rpartition("/")[2] and asked.json()["algorithm"] == "scaled"
    told = events(http.get(f"{job}/events").text)
    assert [number for number, _, _ in told] == sorted({number for number, _, _ in told})
    assert told[-1][1] == "ready" and told[-1][2]["computed"][-1]["algorithm"] == "scaled"
    assert told[-1][2]["steps_done"] == told[-1][2]["steps_total"] == 2
    late = events(http.get(f"{job}/events", headers={"Last-Event-ID": str(told[-1][0] - 1)}).text)
    assert late == told[-1:]
    assert http.get(f"{job}/events", headers={"Last-Event-ID": str(told[-1][0])}).text == ""
    leads = http.get(job)
    assert leads.status_code == 303 and leads.json()["state"] == "ready"
    found = http.get(leads.headers["location"])
    assert [row["amount"] for row in found.json()["rows"]] == SCALED
    assert found.json()["feature"] == told[-1][2]["feature"]


def test_who_waits_gets_the_feature_and_what_was_computed(http: httpx.Client, asset: str) -> None:
    first = ready(http, asset).json()
    assert (first["hit"], [one["algorithm"] for one in first["computed"]]) == (
        False,
        ["first_bytes", "scaled"],
    )
    again = ready(http, asset).json()
    assert (again["hit"], again["computed"]) == (True, [])
    assert {name: again[name] for name in ("feature", "key", "value", "rows")} == {
        name: first[name] for name in ("feature", "key", "value", "rows")
    }
    assert first["key"]["settings"] == {"first_bytes.rows": 3, "scaled.factor": 0.5}


def test_who_waits_too_short_is_sent_to_the_job(settings: Any, clip: Path) -> None:
    from tests.service.serving import deployment

    with deployment(settings, workers=0) as url, httpx.Client(base_url=url, timeout=30) as http:
        asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
        answer = http.get(f"/v1/assets/{asset}/features/scaled", headers={"Prefer": "wait=1"})
        assert answer.status_code == 202 and answer.headers["preference-applied"] == "wait=1"
        assert answer.json()["state"] == "queued"
        waited = http.get(answer.headers["location"], headers={"Prefer": "wait=1"})
        assert (waited.status_code, waited.json()["state"]) == (200, "queued")


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("accept", ["application/json", "application/vnd.apache.arrow.file", "text/csv"])
def test_the_etag_saves_the_bytes(http: httpx.Client, asset: str, accept: str, is_warm: bool) -> None:
    ready(http, asset)
    path, headers = f"/v1/assets/{asset}/features/scaled", {"Accept": accept}
    for _ in range(1 + is_warm):
        answer = http.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache" and answer.headers["vary"] == "Accept"
    sha256 = ready(http, asset).json()["value"]["sha256"]
    assert sha256 in answer.headers["etag"]
    again = http.get(path, headers={**headers, "If-None-Match": f'"other", {answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    other = http.get(path, headers={"Accept": "text/csv, application/json;q=0.1", "If-None-Match": '"x"'})
    assert other.status_code == 200


def test_each_format_has_the_same_rows(http: httpx.Client, asset: str) -> None:
    document = ready(http, asset).json()
    path = f"/v1/assets/{asset}/features/scaled"
    for _ in range(2):  # made, then kept
        arrow = http.get(path, headers={"Accept": "application/vnd.apache.arrow.file, */*;q=0.1"})
        assert hashlib.sha256(arrow.content).hexdigest() == document["value"]["sha256"]
    table = pa.ipc.open_file(io.BytesIO(arrow.content)).read_all()
    assert table.to_pylist() == document["rows"]
    text = http.get(path, headers={"Accept": "text/csv"})
    assert text.headers["content-type"].startswith("text/csv")
    assert text.text == "amount,name\n51.0,byte 102\n58.0,byte 116\n60.5,byte 121\n"
    refused = http.get(path, headers={"Accept": "image/png"})
    assert refused.status_code == 406 and "text/csv" in refused.json()["detail"]


def test_rows_come_in_pages(http: httpx.Client, asset: str) -> None:
    path = f"/v1/assets/{asset}/features/scaled"
    whole = ready(http, asset).json()["rows"]
    first = http.get(path, params={"limit": 2})
    assert (first.json()["rows"], first.json()["next_after"], first.json()["row_count"]) == (whole[:2], 2, 3)
    assert first.headers["link"] == f'<{path}?limit=2&after=2>; rel="next"'
    second = http.get(first.links["next"]["url"])
    assert (second.json()["rows"], second.json()["next_after"]) == (whole[2:], None)
    assert second.headers["etag"] != first.headers["etag"]
    assert http.get(path, params={"limit": 2}).content == first.content
    assert http.get(path, params={"after": 99}).json()["rows"] == []
    assert http.get(path, params={"limit": 0}).status_code == 422


@pytest.mark.parametrize(
    ("algorithm", "query", "status", "says"),
    [
        ("scale", {}, 404, "there are: broken, first_bytes"),
        ("scaled", {"version": "9"}, 404, "loaded versions: 1"),
        ("scaled", {"setting.factor": "much"}, 422, "must be a finite float"),
        ("scaled", {"setting.speed": "1"}, 422, "there are: first_bytes.rows, scaled.factor"),
        ("scaled", {"use.Bytes": "summary"}, 422, "summary"),
        ("scaled", {"settings.factor": "1"}, 422, "settings.factor"),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused_at_once(
    http: httpx.Client, asset: str, algorithm: str, query: dict[str, str], status: int, says: str
) -> None:
    answer = http.get(f"/v1/assets/{asset}/features/{algorithm}", params=query)
    assert answer.status_code == status and says in answer.json()["detail"]
    assert http.get("/v1/jobs", params={"ended": True}).json()["jobs"] == []


def test_a_path_names_an_asset_by_hash_prefix_or_title(
    http: httpx.Client, asset: str, other_clip: Path
) -> None:
    by_hash = ready(http, asset).json()
    for name in (asset[:6], asset[:20].upper(), "plain"):
        answer = http.get(f"/v1/assets/{name}/features/scaled", params={"limit": 2})
        assert answer.json()["key"] == by_hash["key"]
        assert answer.headers["content-location"] == f"/v1/assets/{asset}/features/scaled?limit=2"
        assert http.get(f"/v1/assets/{name}").json()["asset"] == asset
        assert len(http.get(f"/v1/assets/{name}/features").json()["features"]) == 2
        assert http.patch(f"/v1/assets/{name}", json={"labels": {"n": name}}).json()["labels"] == {"n": name}
        assert http.get(f"/v1/media/{name}/video.mp4").json()["error"] == "AlgorithmNotFoundError"
        plan = http.post(f"/v1/admin/assets/{name}/forget", json={"reason": "only a plan"}).json()
        assert plan["assets"] == [asset]
    assert http.get(f"/v1/assets/{asset[:5]}/features/scaled").status_code == 404
    other = http.post("/v1/assets", content=other_clip.read_bytes(), params={"title": "plain"}).json()[
        "asset"
    ]
    both = http.get("/v1/assets/plain/features/scaled")
    assert (both.status_code, both.json()["error"]) == (422, "AmbiguousAssetError")
    assert asset[:12] in both.json()["detail"] and other[:12] in both.json()["detail"]


def test_every_way_to_a_stored_feature_counts_as_a_hit(http: httpx.Client, asset: str) -> None:
    ready(http, asset)
    path, ask = f"/v1/assets/{asset}/features/scaled", {"algorithm": "scaled", "assets": [asset]}
    counted = metrics.HITS.labels("scaled")
    ways: list[Callable[[], httpx.Response]] = [
        lambda: http.get(path),
        lambda: http.get(path, params={"limit": 1}),
        lambda: http.get(path, headers={"Accept": "text/csv"}),
        lambda: http.get("/v1/assets/plain/features/scaled"),
        lambda: http.post("/v1/features", json=ask),
        lambda: http.post("/v1/features", json=[ask]),
    ]
    for way in ways:
        before, saved = counted._value.get(), metrics.SAVED_BYTES.labels("scaled")._value.get()
        assert way().status_code == 200
        assert counted._value.get() - before == 1
        assert metrics.SAVED_BYTES.labels("scaled")._value.get() > saved


def test_an_unknown_asset_is_not_found(http: httpx.Client) -> None:
    for asset in ("0" * 64, "plain", "..%2f..%2fetc"):
        assert http.get(f"/v1/assets/{asset}").status_code == 404
        assert http.get(f"/v1/assets/{asset}/features").status_code == 404
        assert http.get(f"/v1/assets/{asset}/features/scaled").status_code == 404


def test_settings_and_producers_come_in_the_query(http: httpx.Client, asset: str) -> None:
    answer = ready(http, asset, **{"setting.factor": "2", "setting.first_bytes.rows": "1"})
    assert [row["amount"] for row in answer.json()["rows"]] == [204.0]
    assert answer.json()["key"]["settings"] == {"first_bytes.rows": 1, "scaled.factor": 2.0}


def test_several_titles_are_asked_by_post(http: httpx.Client, asset: str, other_clip: Path) -> None:
    other = http.post("/v1/assets", content=other_clip.read_bytes()).json()["asset"]
    body = {"algorithm": "together", "assets": [asset, other]}
    answer = http.post("/v1/features", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200 and [row["count"] for row in answer.json()["rows"]] == [6, 6, 6]
    known = http.post("/v1/features", json=body, headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304


def test_many_asks_are_answered_item_by_item(http: httpx.Client, asset: str) -> None:
    ready(http, asset)
    asks = [
        {"algorithm": "scaled", "assets": [asset]},
        {"algorithm": "scaled", "assets": [asset], "settings": {"factor": 3}},
        {"algorithm": "nothing", "assets": [asset]},
        {"algorithm": "scaled", "assets": ["0" * 64]},
    ]
    answer = http.post("/v1/features", json=asks)
    items = answer.json()["items"]
    assert (answer.status_code, [one["status"] for one in items]) == (200, [200, 202, 404, 404])
    assert items[0]["feature"]["value"]["sha256"] and "rows" not in items[0]["feature"]
    assert items[1]["job"]["state"] in ("queued", "running")
    assert items[2]["problem"]["error"] == "AlgorithmNotFoundError"
    assert http.post("/v1/features", json=[]).status_code == 422


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"algorithm": 1, "assets": []}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * (5 << 20), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused(
    http: httpx.Client, content: bytes, media_type: str, status: int
) -> None:
    for path in ("/v1/features", "/v1/plans", "/v1/states", "/v1/admin/retry"):
        if path.endswith("retry") and content == b"{}" and status == 422:
            continue
        answer = http.post(path, content=content, headers={"Content-Type": media_type})
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_failed_feature_says_why_and_is_not_tried_at_every_ask(http: httpx.Client, asset: str) -> None:
    path = f"/v1/assets/{asset}/features/broken"
    waited = http.get(path, headers={"Prefer": "wait=60"})
    at_once = http.get(path)
    for answer in (waited, at_once):
        assert answer.status_code == 422
        assert answer.json()["error"] == "AlgorithmFailedError" and "3 bytes" in answer.json()["detail"]
    job = http.get(f"/v1/jobs/{at_once.json()['job']}")
    assert (job.status_code, job.json()["state"]) == (200, "failed")
    assert http.post("/v1/admin/retry", json={"algorithm": "broken"}).json() == {"forgotten": 1}
    assert http.get(path).status_code == 202


def test_an_ask_is_taken_back_by_who_asked(settings: Any, clip: Path) -> None:
    from tests.service.serving import deployment

    with deployment(settings, workers=0) as url, httpx.Client(base_url=url, timeout=30) as http:
        asset = http.post("/v1/assets", content=clip.read_bytes()).json()["asset"]
        path = f"/v1/assets/{asset}/features/scaled"
        ann, bob = {"Idempotency-Key": "ann"}, {"Idempotency-Key": "bob"}
        [job] = {http.get(path, headers=who).headers["location"] for who in (ann, bob, bob)}
        assert http.delete(job, headers=bob).json()["state"] == "queued"
        assert http.delete(job, headers=bob).json()["state"] == "queued"
        assert http.delete(job, headers=ann).json()["state"] == "cancelled"
        assert http.get(job).json()["state"] == "cancelled"
        assert http.get(path).json()["state"] == "queued"
        assert http.delete("/v1/jobs/" + "0" * 64).status_code == 404


def test_a_blob_comes_whole_or_in_part_and_never_changes(http: httpx.Client, asset: str) -> None:
    sha256 = ready(http, asset).json()["value"]["sha256"]
    path = f"/v1/blobs/{sha256}"
    whole = http.get(path)
    assert hashlib.sha256(whole.content).hexdigest() == sha256
    assert "immutable" in whole.headers["cache-control"] and whole.headers["etag"] == f'"{sha256}"'
    size = len(whole.content)
    for asked, part in (("2-5", whole.content[2:6]), ("-3", whole.content[-3:]), ("7-", whole.content[7:])):
        answer = http.get(path, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{size}")
    beyond = http.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert beyond.headers["content-type"] == "application/problem+json"
    for odd in ("bytes=x", "lines=1-2", "bytes=0-1,3-4"):
        assert http.get(path, headers={"Range": odd}).status_code == 200
    assert http.get(path, headers={"If-None-Match": f'"{sha256}"'}).status_code == 304
    for other in ("0" * 64, "x", sha256.upper()):
        assert http.get(f"/v1/blobs/{other}").status_code == 404


def test_assets_come_in_pages_and_by_label(http: httpx.Client, asset: str, other_clip: Path) -> None:
    other = http.post("/v1/assets", content=other_clip.read_bytes()).json()["asset"]
    first, second = sorted([asset, other])
    page = http.get("/v1/assets", params={"limit": 1}).json()
    assert [one["asset"] for one in page["assets"]] == [first] and page["next_after"] == first
    page = http.get("/v1/assets", params={"limit": 1, "after": first}).json()
    assert [one["asset"] for one in page["assets"]] == [second]
    assert http.patch(f"/v1/assets/{asset}", json={"labels": {"a": "1"}}).json()["labels"] == {"a": "1"}
    found = http.get("/v1/assets", params={"label.a": "1"}).json()["assets"]
    assert [one["asset"] for one in found] == [asset]


def test_the_graph_says_what_enters_what(http: httpx.Client) -> None:
    graph = http.get("/v1/algorithms/graph").json()
    assert {"producer": "first_bytes", "consumer": "scaled", "parameter": "data", "arity": "one"} in graph[
        "edges"
    ]
    assert graph["algorithms"] == ["broken", "first_bytes", "scaled", "summary", "together"]
    assert [one["name"] for one in http.get("/v1/algorithms/scaled").json()] == ["scaled"]
    assert http.get("/v1/algorithms/none").status_code == 404


def test_what_is_counted_can_be_read(http: httpx.Client, asset: str) -> None:
    ready(http, asset)
    for _ in range(2):
        ready(http, asset)
    text = http.get("/metrics").text
    for name in ("amber_hits_total", "amber_saved_seconds_total", "amber_saved_bytes_total"):
        assert f'{name}{{algorithm="scaled"}}' in text
    assert 'amber_jobs{state="queued"} 0.0' in text


def test_every_answer_has_a_request_id(http: httpx.Client) -> None:
    assert http.get("/healthz", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    ids = {http.get("/readyz").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert http.get("/healthz", headers={"X-Request-Id": "not mine!"}).headers["x-request-id"] != "not mine!"
    answer = http.get("/nothing")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert http.put("/v1/assets").status_code == 405


def test_an_invalidation_is_planned_applied_and_restored(http: httpx.Client, asset: str) -> None:
    first = ready(http, asset).json()
    path = "/v1/admin/algorithms/scaled/versions/1"
    plan = http.post(f"{path}/invalidate", json={"reason": "wrong"}).json()
    assert (plan["features"], plan["state"]) == (1, "planned")
    assert http.get(f"/v1/assets/{asset}/features/scaled").status_code == 200
    applied = http.post(f"{path}/invalidate", json={"plan_id": plan["plan_id"]})
    assert (applied.status_code, applied.json()["state"]) == (200, "applied")
    again = ready(http, asset).json()
    assert (again["hit"], [one["algorithm"] for one in again["computed"]]) == (False, ["scaled"])
    assert again["feature"] != first["feature"]
    assert http.post(f"{path}/invalidate", json={"plan_id": plan["plan_id"]}).status_code == 409
    restored = http.post(f"{path}/restore", json={"plan_id": plan["plan_id"]})
    assert (restored.status_code, restored.json()["state"]) == (200, "undone")
    assert ready(http, asset).json()["feature"] == first["feature"]
    for odd in ({}, {"reason": "x", "plan_id": plan["plan_id"]}):
        assert http.post(f"{path}/invalidate", json=odd).status_code == 422
    other = "/v1/admin/algorithms/first_bytes/versions/1/restore"
    assert http.post(other, json={"plan_id": plan["plan_id"]}).status_code == 409


def test_a_takedown_takes_the_upload_along(http: httpx.Client, asset: str, clip: Path) -> None:
    ready(http, asset)
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    path = f"/v1/admin/assets/{asset}/forget"
    plan = http.post(path, json={"reason": "asked to"}).json()
    assert plan["features"] == 2 and http.get(f"/v1/blobs/{sha256}").status_code == 200
    assert http.post(path, json={"plan_id": plan["plan_id"]}).status_code == 200
    for gone in (f"/v1/assets/{asset}", f"/v1/assets/{asset}/features/scaled", f"/v1/blobs/{sha256}"):
        until(lambda gone=gone: http.get(gone).status_code == 404, gone)  # type: ignore[misc]
    assert http.post("/v1/assets", content=clip.read_bytes()).status_code == 201
    assert ready(http, asset).json()["hit"] is False


def test_a_nul_is_refused_wherever_it_comes(http: httpx.Client, asset: str) -> None:
    """PostgreSQL keeps none in a text."""
    for path in (
        "/v1/assets/a%00b",
        "/v1/assets?name=a%00b",
        "/v1/assets?label.a%00=b",
        f"/v1/assets/{asset}?x=%00",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    for title in ("a\0b", "\\\0"):
        answer = http.patch(f"/v1/assets/{asset}", json={"title": title})
        assert answer.status_code == 422 and "NUL" in answer.json()["detail"]
    assert http.patch(f"/v1/assets/{asset}", json={"title": "\\u0000"}).json()["title"] == "\\u0000"
    headers = {"Upload-Length": "5", "Upload-Metadata": "title AA=="}
    assert http.post("/v1/uploads", headers=headers).status_code == 422


def test_a_title_is_text_and_nothing_else(http: httpx.Client, asset: str) -> None:
    title = "<img src=x onerror=alert(1)>"
    answer = http.patch(f"/v1/assets/{asset}", json={"title": title})
    assert answer.json()["title"] == title
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    named = http.get("/v1/assets", params={"name": title}).json()["assets"]
    assert [one["asset"] for one in named] == [asset]
