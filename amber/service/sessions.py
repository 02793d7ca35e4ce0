"""Who sits at a browser: an access token in a cookie, and what keeps other sites from making use of it.

A session is nothing that is stored: the cookie holds the token itself, so whoever revokes the token ends the session.
"""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from amber.service.problems import RefusedError

#: The cookie that holds the token; no script can read it, and no other site's form sends it.
COOKIE = "amber_session"
#: Where a request says the session's mark: a header, or a field of a form.
HEADER, FIELD = "x-amber-mark", "mark"
#: A session ends after so long without its browser signing in again.
SESSION_SECONDS = 30 * 24 * 3600
#: Methods that change nothing.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Forms of pages say the mark in their body, which is read where they are.
_API = "/v1/"


def session_of(headers: dict[bytes, bytes]) -> str:
    """The token in a request's cookie; empty if it has none."""
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def mark_of(session: str) -> str:
    """What only a page of this session knows, and what each change that its browser asks for has to say."""
    return hmac.new(session.encode(), b"amber-mark-1", hashlib.sha256).hexdigest()[:32]


def is_mark_of(session: str, said: str) -> bool:
    """Whether that is the session's mark."""
    return hmac.compare_digest(mark_of(session).encode(), said.encode())


def with_session(scope: Scope, headers: dict[bytes, bytes]) -> Scope:
    """The request as routes see it: with the token of its session, where it has a session and no token of its own.

    Args:
        scope: Of the request.
        headers: Its headers; the token is added.
    """
    session = session_of(headers)
    if not session:
        return scope
    said = (b"authorization", b"Bearer " + session.encode("latin-1", "replace"))
    headers[said[0]] = said[1]
    return {**scope, "headers": [*scope["headers"], said], "amber.session": session}


def check_sender(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """See that a change which a session's browser asks for was asked for by one of our own pages.

    Raises:
        RefusedError: It comes from elsewhere, or does not say the session's mark (403).
    """
    session = scope.get("amber.session")
    if session is None or scope["method"] in SAFE_METHODS:
        return
    host = headers.get(b"host", b"").decode("latin-1")
    check_origin(headers.get(b"origin", b"").decode("latin-1"), host)
    if scope["path"].startswith(_API):
        check_mark(session, headers.get(HEADER.encode(), b"").decode("latin-1"))


def check_origin(origin: str, host: str) -> None:
    """See that a page of this service sends a change.

    Raises:
        RefusedError: It does not (403).
    """
    if origin.partition("://")[2] != host or not origin:
        raise RefusedError(
            403,
            "Another site",
            f"a page of {origin[:100] or 'an unknown site'} sends this to {host[:100]}; "
            "what changes something is taken from our own pages only",
        )


def check_mark(session: str, said: str) -> None:
    """See that a change says the session's mark.

    Raises:
        RefusedError: It does not (403).
    """
    if not is_mark_of(session, said):
        raise RefusedError(
            403,
            "An old page",
            "this page is from another session, or from before you signed in; load it again and repeat what you did",
        )
