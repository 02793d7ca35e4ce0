"""Every route with no token, a wrong one, one that is too weak, and the right one."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from amber.client import Amber
from amber.errors import BusyError, ConfigurationError, ScopeError, TokenRefusedError
from amber.service.app import make_routes
from amber.service.auth import MOST_REFUSALS, Rates, TokenGuard, check_host
from amber.settings import Settings
from amber.store.memory import MemoryCatalog
from amber.store.tokens import Scope, new_token
from tests.service.serving import serving

#: (method, path) → the weakest scope that is let in; None: anybody.
SCOPES: dict[tuple[str, str], Scope | None] = {
    ("POST", "/v1/assets"): "write",
    ("GET", "/v1/assets"): "read",
    ("POST", "/v1/uploads"): "write",
    ("GET", "/v1/uploads/{upload}"): "write",
    ("HEAD", "/v1/uploads/{upload}"): "write",
    ("PATCH", "/v1/uploads/{upload}"): "write",
    ("DELETE", "/v1/uploads/{upload}"): "write",
    ("GET", "/v1/assets/{asset}"): "read",
    ("PATCH", "/v1/assets/{asset}"): "write",
    ("GET", "/v1/assets/{asset}/features"): "read",
    ("GET", "/v1/assets/{asset}/features/{algorithm}"): "read",
    ("POST", "/v1/features"): "read",
    ("GET", "/v1/features/{feature}"): "read",
    ("GET", "/v1/features/{feature}/lineage"): "read",
    ("POST", "/v1/states"): "read",
    ("POST", "/v1/search"): "read",
    ("GET", "/v1/jobs"): "read",
    ("GET", "/v1/jobs/{job}"): "read",
    ("GET", "/v1/jobs/{job}/events"): "read",
    ("DELETE", "/v1/jobs/{job}"): "write",
    ("POST", "/v1/plans"): "read",
    ("GET", "/v1/algorithms"): "read",
    ("GET", "/v1/algorithms/graph"): "read",
    ("GET", "/v1/algorithms/{algorithm}"): "read",
    ("GET", "/v1/costs"): "read",
    ("GET", "/v1/blobs/{sha256}"): "read",
    ("GET", "/v1/media/{asset}/video.mp4"): "read",
    ("GET", "/v1/media/{asset}/frames/{index}.jpg"): "read",
    ("GET", "/v1/media/{asset}/clip.mp4"): "read",
    ("GET", "/v1/media/{asset}/cuts/{other}.mp4"): "read",
    ("POST", "/v1/admin/algorithms/{algorithm}/versions/{version}/invalidate"): "admin",
    ("POST", "/v1/admin/algorithms/{algorithm}/versions/{version}/restore"): "admin",
    ("POST", "/v1/admin/assets/{asset}/forget"): "admin",
    ("POST", "/v1/admin/retry"): "admin",
    ("POST", "/v1/backfills"): "write",
    ("GET", "/v1/backfills"): "read",
    ("GET", "/v1/backfills/{backfill}"): "read",
    ("GET", "/v1/backfills/{backfill}/items"): "read",
    ("POST", "/v1/backfills/{backfill}/pause"): "write",
    ("POST", "/v1/backfills/{backfill}/resume"): "write",
    ("POST", "/v1/backfills/{backfill}/cancel"): "write",
    ("POST", "/v1/subscriptions"): "admin",
    ("GET", "/v1/subscriptions"): "read",
    ("GET", "/v1/subscriptions/{subscription}"): "read",
    ("DELETE", "/v1/subscriptions/{subscription}"): "admin",
    ("GET", "/v1/subscriptions/{subscription}/deliveries"): "read",
    ("POST", "/v1/sources/events"): "write",
    ("GET", "/metrics"): "read",
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
}
WEAKER: dict[Scope, Scope | None] = {"read": None, "write": "read", "admin": "write"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Amber, str, dict[str, str]]]:
    """A service that wants tokens, its URL, and a token of each scope."""
    from tests.service.serving import TINY

    settings = Settings(tmp_path_factory.mktemp("guarded"), algorithms=(str(TINY),), auth="token")
    with Amber.open(settings=settings) as amber:
        texts = {}
        for scope in ("read", "write", "admin"):
            token, texts[scope] = new_token(scope, scope)  # type: ignore[arg-type]
            amber.store.catalog.put_token(token)
        with serving(amber, settings) as url:
            yield amber, url, texts


def _send(url: str, method: str, path: str, token: str | None) -> httpx.Response:
    plain = re.sub(r"\{(asset|feature|job|sha256|upload)\}", "0" * 64, path)
    plain = plain.replace("{index}", "1").replace("{algorithm}", "scaled").replace("{version}", "1")
    query = {"start": "0", "end": "1"} if "clip" in path else {}
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    body: Any = {} if method in ("POST", "PATCH") else None
    return httpx.request(method, url + plain, params=query, headers=headers, json=body, timeout=30)


def test_every_route_is_listed(settings: Settings) -> None:
    with Amber.open(settings=settings) as amber:
        described = make_routes(amber, settings).openapi()
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert found == set(SCOPES)


@pytest.mark.parametrize(("method", "path"), list(SCOPES))
def test_a_route_lets_in_who_may(guarded: tuple[Amber, str, dict[str, str]], method: str, path: str) -> None:
    _, url, texts = guarded
    scope = SCOPES[method, path]
    if scope is None:
        assert _send(url, method, path, None).status_code == 200
        return
    unknown = new_token("other", "admin")[1]
    public = "_".join(texts[scope].split("_")[:2])
    weaker = WEAKER[scope]
    if weaker is not None:
        answer = _send(url, method, path, texts[weaker])
        assert answer.status_code == 403
        assert method == "HEAD" or answer.json()["error"] == "ScopeError"
    for enough in ("read", "write", "admin")[("read", "write", "admin").index(scope) :]:
        assert _send(url, method, path, texts[enough]).status_code not in (401, 403, 429, 500)
    for refused in (None, "nonsense", unknown, f"{public}_{'x' * 43}"):
        answer = _send(url, method, path, refused)
        assert answer.status_code in (401, 429), (refused, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == "Bearer"


def test_who_only_reads_makes_nobody_compute(settings: Settings, tmp_path: Any) -> None:
    guarded = replace(settings, auth="token")
    with Amber.open(settings=guarded) as amber:
        from tests.cli.clips import write_clip

        asset = amber.ingest(write_clip(tmp_path / "clip.mp4", shade=1)).asset
        token, text = new_token("reader", "read")
        amber.store.catalog.put_token(token)
        with serving(amber, guarded) as url, httpx.Client(base_url=url) as http:
            http.headers["Authorization"] = f"Bearer {text}"
            path = f"/v1/assets/{asset}/features/scaled"
            assert http.get(path).json()["error"] == "ScopeError"
            assert amber.jobs(ended=True) == []
            amber.get("scaled", asset)
            assert [http.get(path).status_code for _ in range(3)] == [200, 200, 200]


def test_a_revoked_token_is_refused_within_a_moment() -> None:
    catalog, now = MemoryCatalog(), [0.0]
    token, text = new_token("ann", "write")
    catalog.put_token(token)
    guard = TokenGuard(catalog, clock=lambda: now[0])
    assert guard.admit(f"Bearer {text}", "here").name == token.id
    assert guard.admit_at_once(f"bearer {text}", "here") is not None
    catalog.revoke_token(token.id)
    now[0] = 1.5
    assert guard.admit_at_once(f"Bearer {text}", "here") is None
    with pytest.raises(TokenRefusedError, match="unknown or revoked"):
        guard.admit(f"Bearer {text}", "here")


def test_who_guesses_has_to_wait() -> None:
    now = [0.0]
    guard = TokenGuard(MemoryCatalog(), clock=lambda: now[0])
    unknown = f"Bearer {new_token('x', 'read')[1]}"
    for _ in range(MOST_REFUSALS):
        with pytest.raises(TokenRefusedError):
            guard.admit(unknown, "there")
    with pytest.raises(BusyError):
        guard.admit(unknown, "there")
    with pytest.raises(TokenRefusedError):
        guard.admit(unknown, "elsewhere")
    now[0] = 10.0
    with pytest.raises(TokenRefusedError):
        guard.admit(unknown, "there")


def test_a_caller_has_so_many_requests_a_second() -> None:
    now = [0.0]
    rates = Rates(2.0, clock=lambda: now[0])
    for _ in range(2):
        rates.spend("ann")
    with pytest.raises(BusyError, match="more than 2 requests a second") as refused:
        rates.spend("ann")
    assert 0 < refused.value.retry_seconds <= 1
    rates.spend("bob")
    now[0] = 1.0
    rates.spend("ann")


def test_the_limit_is_told_with_the_time_to_wait(settings: Settings) -> None:
    limited = replace(settings, rate_limit=3)
    with Amber.open(settings=limited) as amber, serving(amber, limited) as url:
        answers = [httpx.get(f"{url}/v1/assets") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(int(one.headers["retry-after"]) >= 1 for one in answers if one.status_code == 429)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_beyond_loopback_it_wants_tokens(settings: Settings, host: str) -> None:
    with pytest.raises(ConfigurationError, match="AMBER_AUTH=token"):
        check_host(host, settings)
    check_host(host, replace(settings, auth="token"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.3.2.1"])
def test_on_loopback_it_wants_none(settings: Settings, host: str) -> None:
    check_host(host, settings)


def test_a_weak_token_is_told_which_scope_is_needed() -> None:
    from amber.service.auth import Caller

    with pytest.raises(ScopeError, match="needs a token of scope admin"):
        Caller("ann", "write").require("admin")
    Caller("ann", "admin").require("write")
