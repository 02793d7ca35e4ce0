"""Who looks at a page, what a form says, and how a page tells what went wrong."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from amber.errors import AmberError, TokenRefusedError, TooLargeError, UsageError
from amber.service.auth import Caller
from amber.service.context import caller_of, pieces_of
from amber.service.pages.rendering import page, seen_other
from amber.service.problems import FailedJobError, RefusedError, problem_of
from amber.service.sessions import FIELD, check_mark
from amber.store.tokens import Scope
from jasper.errors import MediaError

#: The most bytes of a form.
FORM_BYTES = 1 << 20
SIGN_IN = "/sign-in"
_TOLD = (AmberError, MediaError, RefusedError, FailedJobError, RequestValidationError, HTTPException)


class PageRoute(APIRoute):
    """A route that answers with pages, also where something went wrong; who has no session is led to the way in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except TokenRefusedError as error:
                if request.method == "GET" and request.url.path != SIGN_IN:
                    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return seen_other(f"{SIGN_IN}?next={quote(asked, safe='')}")
                return failed(request, error)
            except _TOLD as error:
                return failed(request, error)

        return told


def failed(request: Request, error: Exception) -> Response:
    """The page that says what went wrong, with the status that the API gives it."""
    problem = problem_of(error)
    values = {"title": problem.title, "problem": problem}
    return page(request, "problem.html", values, status=problem.status, headers=problem.headers)


def visitor(scope: Scope) -> Callable[..., Any]:
    """A dependency: who looks at the page, who must have this scope."""
    reading = caller_of("read")

    async def visiting(request: Request) -> Caller:
        caller: Caller = await reading(request, None)
        request.state.caller = caller
        caller.require(scope)
        return caller

    return visiting


Viewer = Annotated[Caller, Depends(visitor("read"))]
Editor = Annotated[Caller, Depends(visitor("write"))]
Admin = Annotated[Caller, Depends(visitor("admin"))]


class Form:
    """What a form of ours says."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def get(self, name: str, default: str = "") -> str:
        """A field, without spaces around it."""
        return self._fields.get(name, [default])[-1].strip()

    def all(self, name: str) -> list[str]:
        """A field that may be given often."""
        return self._fields.get(name, [])

    def number(self, name: str) -> int:
        """A field that is a whole number.

        Raises:
            UsageError: It is none.
        """
        text = self.get(name)
        if not text.isdecimal() or len(text) > 18:
            raise UsageError(f"{name} is a whole number, 0 or more; found {text[:50]!r}")
        return int(text)


async def read_form(request: Request) -> Form:
    """The form that a page of this session sent.

    Raises:
        RefusedError: It is no form, or does not say the session's mark.
        TooLargeError: It is larger than any form of ours.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise RefusedError(415, "No form", f"a page sends its form; found {media_type or 'no Content-Type'}")
    body = bytearray()
    async for piece in pieces_of(request):
        body += piece
        if len(body) > FORM_BYTES:
            raise TooLargeError(f"the form has more than {FORM_BYTES} bytes")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000)
    except ValueError as error:
        raise UsageError(f"the form cannot be read: {error}") from error
    if any("\0" in value for values in fields.values() for value in values):
        raise UsageError("the form has a NUL, which no text may have")
    form = Form(fields)
    check_mark(request.scope.get("amber.session", ""), form.get(FIELD))
    return form


TheForm = Annotated[Form, Depends(read_form)]
