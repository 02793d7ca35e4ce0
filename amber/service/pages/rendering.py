"""Makes pages from templates: everything is escaped, nothing is inline, and a browser runs our own scripts only."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse

from amber import wording
from amber.service import health
from amber.service.auth import Caller
from amber.service.pages import formatting
from amber.service.sessions import FIELD, mark_of
from amber.store.tokens import SCOPES, Scope

HERE = Path(__file__).parent
STATIC = HERE / "static"
#: What a browser may load for a page: nothing of others, and nothing that stands in the page itself.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
#: What every form says besides its fields.
_MARKED = Markup('<input type="hidden" name="{}" value="{}">')
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page.

    Args:
        request: Says who looks at it.
        template: Its name.
        values: What the template shows.
        status: Of the answer.
        headers: Besides those that every page has.
    """
    html = environment().get_template(template).render(**_about(request), **values)
    return HTMLResponse(html, status, headers={**HEADERS, **(headers or {})})


def seen_other(path: str) -> RedirectResponse:
    """Where a browser looks after it changed something."""
    return RedirectResponse(path, 303, headers=HEADERS)


@cache
def environment() -> Environment:
    """The templates, compiled once."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for function in (
        formatting.clock,
        formatting.count,
        formatting.day,
        formatting.length,
        formatting.listed,
        formatting.moment,
        formatting.plain,
        formatting.rate,
        formatting.seconds,
        formatting.timecode,
        wording.counted,
        wording.short,
        wording.size,
    ):
        made.filters[function.__name__] = function
    made.filters["len"] = len  # `length` is that of a film
    made.globals["static"] = static_path
    return made


@cache
def release_of_files() -> str:
    """The digest of our own files; it is a folder of their paths, so that scripts find each other in the same release."""
    hasher = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        hasher.update(f"{path.name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return hasher.hexdigest()[:12]


def static_path(name: str) -> str:
    """Where a browser finds one of our own files."""
    return f"/static/{release_of_files()}/{name}"


class Rights:
    """What whoever looks at a page may do; the server holds all of it against the token again."""

    def __init__(self, caller: Caller | None) -> None:
        self._rank = SCOPES.index(caller.scope) if caller is not None else -1

    def __contains__(self, scope: Scope) -> bool:
        return self._rank >= SCOPES.index(scope)


def _about(request: Request) -> dict[str, Any]:
    caller: Caller | None = getattr(request.state, "caller", None)
    session = request.scope.get("amber.session", "")
    return {
        "rights": Rights(caller),
        "caller": caller,
        "is_signed_in": bool(session) and caller is not None,
        "mark": mark_of(session),
        "marked": _MARKED.format(FIELD, mark_of(session)),
        "path": request.url.path,
        "release": health.release(),
    }
