"""Signing in, what a cookie may do, and what other sites may not."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from amber.client import Amber
from amber.service import pages
from amber.service.pages.rendering import static_path
from amber.service.pages.visitors import PageRoute
from amber.service.sessions import COOKIE, mark_of
from amber.settings import Settings
from amber.store.tokens import SCOPES, Scope, new_token
from tests.cli.clips import write_clip
from tests.service.serving import TINY, serving


@dataclass(frozen=True)
class Guarded:
    """A service that wants tokens."""

    url: str
    amber: Amber
    asset: str
    tokens: dict[Scope, str]

    @contextmanager
    def session(self, scope: Scope) -> Iterator[httpx.Client]:
        """A browser that has signed in."""
        with httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60.0) as client:
            form = {"token": self.tokens[scope], "next": "/jobs", "mark": mark_of("")}
            answer = client.post("/sign-in", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
            yield client

    def mark(self, scope: Scope) -> str:
        """What the pages of that session say."""
        return mark_of(self.tokens[scope])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    settings = Settings(folder / "home", algorithms=(str(TINY),), auth="token")
    with Amber.open(settings=settings) as amber:
        tokens: dict[Scope, str] = {}
        for scope in SCOPES:
            token, tokens[scope] = new_token(scope, scope)
            amber.store.catalog.put_token(token)
        asset = amber.ingest(write_clip(folder / "clip.mp4", shade=3)).asset
        amber.get("scaled", asset)
        with serving(amber, settings) as url:
            yield Guarded(url, amber, asset, tokens)


def pages_of(guarded: Guarded) -> list[str]:
    """A path of every page."""
    feature = guarded.amber.features(guarded.asset)[0].recipe
    plan = guarded.amber.plan_invalidation("scaled@1", reason="to look at it").id
    return [
        "/",
        f"/films/{guarded.asset}",
        f"/features/{feature}",
        "/cuts",
        "/search",
        "/algorithms",
        "/algorithms/scaled",
        f"/plans/{plan}",
        "/jobs",
    ]


def test_every_page_leads_to_the_way_in_and_back(guarded: Guarded) -> None:
    with httpx.Client(base_url=guarded.url) as http:
        for path in pages_of(guarded):
            answer = http.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next=%2F"), path
        assert http.get("/films/abc", headers={"Cookie": f"{COOKIE}=nonsense"}).status_code == 303


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_has(guarded: Guarded) -> None:
    with httpx.Client(base_url=guarded.url, headers={"Origin": guarded.url}) as http:
        form = {"token": guarded.tokens["read"], "next": "/", "mark": mark_of("")}
        cookie = http.post("/sign-in", data=form).headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=amber_") and "HttpOnly" in cookie and "SameSite=lax" in cookie
        wrong = http.post("/sign-in", data={**form, "token": "amber_no_such", "mark": guarded.mark("read")})
        assert wrong.status_code == 401 and "unknown or revoked" in wrong.text
        assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb"])
def test_signing_in_leads_to_our_own_pages_only(guarded: Guarded, path: str) -> None:
    with httpx.Client(base_url=guarded.url, headers={"Origin": guarded.url}) as http:
        form = {"token": guarded.tokens["read"], "next": path, "mark": mark_of("")}
        assert http.post("/sign-in", data=form).headers["location"] == "/"


def test_a_session_reads_what_its_token_may(guarded: Guarded) -> None:
    with guarded.session("read") as http:
        assert [http.get(path).status_code for path in pages_of(guarded)] == [200] * 9
        assert http.get(f"/v1/assets/{guarded.asset}").status_code == 200
        signed_out = http.post("/sign-out", data={"mark": guarded.mark("read")})
        assert signed_out.status_code == 303 and COOKIE not in http.cookies


def test_a_revoked_token_is_a_session_no_more(guarded: Guarded) -> None:
    token, text = new_token("gone", "admin")
    guarded.amber.store.catalog.put_token(token)
    guarded.amber.store.catalog.revoke_token(token.id)
    with httpx.Client(base_url=guarded.url, cookies={COOKIE: text}) as http:
        assert http.get("/jobs").status_code == 303
        assert http.get("/v1/assets").status_code == 401


#: What a page does, and the weakest scope that may.
ACTS: dict[str, Scope] = {
    "/films/{asset}/ask": "write",
    "/films/{asset}/title": "write",
    "/films/{asset}/forget": "admin",
    "/cuts/ask": "write",
    "/cuts/verdicts": "write",
    "/search": "write",
    "/algorithms/{algorithm}/versions/{version}/invalidate": "admin",
    "/plans/{plan}/apply": "admin",
    "/plans/{plan}/undo": "admin",
    "/jobs/retry": "admin",
    "/jobs/cancel": "admin",
    "/jobs/backfills": "write",
    "/jobs/backfills/{backfill}/{action}": "write",
}


def test_every_act_of_a_page_is_in_the_table() -> None:
    names = [f"{pages.__name__}.{found.name}" for found in pkgutil.iter_modules(pages.__path__)]
    routers = [one.router for one in map(importlib.import_module, names) if hasattr(one, "router")]
    assert len(routers) == 7
    routes = [route for router in routers for route in router.routes]
    assert all(isinstance(route, PageRoute) for route in routes)
    posts = {route.path for route in routes if "POST" in route.methods}
    assert posts == {*ACTS, "/sign-in", "/sign-out"}


@pytest.mark.parametrize("act", ACTS)
def test_the_server_refuses_whoever_may_not(guarded: Guarded, act: str) -> None:
    weaker = SCOPES[SCOPES.index(ACTS[act]) - 1]
    with guarded.session(weaker) as http:
        answer = http.post(re.sub(r"\{\w+\}", "x", act), data={"mark": guarded.mark(weaker)})
        assert answer.status_code == 403 and f"needs a token of scope {ACTS[act]}" in answer.text


@pytest.mark.parametrize("act", ACTS)
def test_no_act_is_taken_from_another_site_or_without_the_mark(guarded: Guarded, act: str) -> None:
    path = re.sub(r"\{\w+\}", "x", act)
    with guarded.session("admin") as http:
        mark = guarded.mark("admin")
        for origin in ("https://evil.example", "null", ""):
            answer = http.post(path, data={"mark": mark}, headers={"Origin": origin})
            assert answer.status_code == 403 and "own pages only" in answer.text, origin
        for wrong in ("", "0" * 32, guarded.mark("read")):
            answer = http.post(path, data={"mark": wrong})
            assert answer.status_code == 403 and "load it again" in answer.text, wrong
        assert http.post(path, json={"mark": mark}).status_code == 415


def test_a_session_changes_nothing_over_the_api_without_the_mark(guarded: Guarded) -> None:
    with guarded.session("admin") as http:
        asked = {"json": {"title": "stolen"}}
        path = f"/v1/assets/{guarded.asset}"
        assert http.patch(path, **asked).status_code == 403
        assert http.patch(path, headers={"X-Amber-Mark": guarded.mark("read")}, **asked).status_code == 403
        foreign = {"X-Amber-Mark": guarded.mark("admin"), "Origin": "https://evil.example"}
        assert http.patch(path, headers=foreign, **asked).status_code == 403
        right = {"X-Amber-Mark": guarded.mark("admin")}
        assert http.patch(path, headers=right, json={"title": "clip"}).status_code == 200
    with httpx.Client(
        base_url=guarded.url
    ) as client:  # a program with its own token has no cookie, and needs no mark
        own = {"Authorization": f"Bearer {guarded.tokens['write']}"}
        assert client.patch(path, headers=own, json={"title": "clip"}).status_code == 200


def test_admin_buttons_are_shown_to_admins_alone(guarded: Guarded) -> None:
    for scope, expected in (("read", 0), ("write", 0), ("admin", 1)):
        with guarded.session(scope) as http:  # type: ignore[arg-type]
            assert http.get("/algorithms/scaled").text.count("Plan its invalidation") == expected
    with guarded.session("read") as http:
        assert all(
            '<form method="post"' not in _without_sign_out(http.get(path).text) for path in pages_of(guarded)
        )


def _without_sign_out(html: str) -> str:
    return re.sub(r'<form method="post" action="/sign-out".*?</form>', "", html, flags=re.DOTALL)


def test_no_page_has_anything_inline(guarded: Guarded) -> None:
    with guarded.session("admin") as http:
        for path in [*pages_of(guarded), "/sign-in", "/films/nothing"]:
            answer = http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy, path
            assert answer.headers["cache-control"] == "private, no-store"
            assert (
                re.findall(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:|<style", answer.text)
                == []
            ), path
            sources = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
            assert [one for one in sources if not one.startswith(("/", "#"))] == [], path


def test_our_own_files_are_kept_by_browsers_and_nothing_else_is_served(guarded: Guarded) -> None:
    with httpx.Client(base_url=guarded.url) as http:
        path = static_path("amber.css")
        answer = http.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        assert http.get("/static/older/amber.css").headers["cache-control"] == "no-store"
        for name in ("..%2frendering.py", "../rendering.py", "nothing.js", "%2e%2e%2frendering.py"):
            assert http.get(path.replace("amber.css", name)).status_code == 404
