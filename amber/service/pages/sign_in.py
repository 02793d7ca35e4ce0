"""The way in and the way out: an access token becomes the session of a browser."""

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from amber.errors import BusyError, TokenRefusedError
from amber.service.context import TheService, address_of
from amber.service.pages.rendering import HEADERS, STATIC, page, release_of_files, seen_other
from amber.service.pages.visitors import SIGN_IN, PageRoute, TheForm
from amber.service.problems import RefusedError
from amber.service.sessions import COOKIE, SESSION_SECONDS, check_origin

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_FILES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get(SIGN_IN)
async def get_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - as the query calls it
    """Asks for a token."""
    return page(request, "sign_in.html", {"title": "Sign in", "next": _inside(next), "problem": None})


@router.post(SIGN_IN)
async def post_sign_in(request: Request, service: TheService, form: TheForm) -> Response:
    """A cookie for the token, if it is one."""
    check_origin(request.headers.get("origin", ""), request.headers.get("host", ""))
    token, going = form.get("token"), _inside(form.get("next", "/"))
    address = address_of(request.scope)
    try:
        await service.run(lambda: service.guard.admit(f"Bearer {token}", address))
    except (TokenRefusedError, BusyError) as error:
        values = {"title": "Sign in", "next": going, "problem": str(error)}
        return page(request, "sign_in.html", values, status=401)
    answer = seen_other(going)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, token, max_age=SESSION_SECONDS, path="/", httponly=True, samesite="lax", secure=secure
    )
    return answer


@router.post("/sign-out")
async def post_sign_out(request: Request, form: TheForm) -> Response:
    """Forgets the session in this browser; the token itself stays good until it is revoked."""
    answer = seen_other(SIGN_IN)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return answer


@router.get("/static/{release}/{name}")
async def get_static(release: str, name: str) -> Response:
    """Our own scripts, styles and signs; under their own release they never change."""
    path = STATIC / name
    if path.suffix not in _FILES or path.parent != STATIC or not path.is_file():
        raise RefusedError(404, "No such file", f"there is no file {name[:100]!r}")
    lasting = "public, max-age=31536000, immutable" if release == release_of_files() else "no-store"
    headers = {**HEADERS, "Cache-Control": lasting}
    return FileResponse(path, media_type=_FILES[path.suffix], headers=headers)


def _inside(path: str) -> str:
    """A path of this service: a link must not lead a browser elsewhere."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() else "/"
