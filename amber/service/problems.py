"""What went wrong, as RFC 9457 wants it told: every problem of every route is made here."""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from amber import errors
from amber.engine.texts import json_text
from amber.service.logs import log
from jasper.errors import MediaError

MEDIA_TYPE = "application/problem+json"
#: The error's class → the status; the nearest class above it that is named here counts.
STATUSES: dict[type[Exception], int] = {
    errors.NotFoundError: 404,
    errors.LocationRefusedError: 403,
    errors.TooLargeError: 413,
    errors.PlanStateError: 409,
    errors.UploadStateError: 409,
    errors.PlanDriftedError: 409,
    errors.UsageError: 422,
    errors.DeclarationError: 422,
    errors.ComputeError: 422,
    errors.TokenRefusedError: 401,
    errors.ScopeError: 403,
    errors.BusyError: 429,
    errors.ServiceUnavailableError: 503,
    errors.ClusterUnavailableError: 503,
    errors.BlobMissingError: 404,
    errors.StoreUnavailableError: 503,
    errors.StoreFullError: 507,
    errors.AmberError: 500,
}
#: Seconds after which it may be tried again, where nothing else is known.
RETRY_SECONDS = 1


class RefusedError(Exception):
    """A request that HTTP itself has a status for: no such range, no such format, and the like."""

    def __init__(self, status: int, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class FailedJobError(Exception):
    """The feature cannot be had: its job failed."""

    def __init__(self, job: str, error: str, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.job = job
        self.error = error
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Problem:
    """A problem document, and what goes with it."""

    status: int
    title: str
    detail: str
    #: Name of the error's class, which a client raises again; empty for what HTTP itself refuses.
    error: str = ""
    retryable: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The document of RFC 9457; `error` and `retryable` are ours."""
        return {
            "type": f"urn:amber:problem:{_slug(self.error or self.title)}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "error": self.error or None,
            "retryable": self.retryable,
            **self.more,
        }

    def response(self) -> Response:
        """The answer."""
        body = json_text(self.document()).encode()
        return Response(body, self.status, headers=dict(self.headers), media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """What is said of an error."""
    if isinstance(error, RefusedError):
        return Problem(error.status, error.title, str(error), headers=error.headers)
    if isinstance(error, FailedJobError):
        return _failed(error)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        title = {404: "No such route", 405: "No such method"}.get(error.status_code, "Refused")
        return Problem(error.status_code, title, str(error.detail), headers=error.headers or {})
    if isinstance(error, errors.AmberError | MediaError):
        return _known(error)
    # Whatever else it is may tell of the inside, so only its class is told; the log has the rest.
    return Problem(500, "The service made a mistake", f"{type(error).__name__}; the log tells more")


def _known(error: Exception) -> Problem:
    kind = type(error)
    status = next((STATUSES[base] for base in kind.__mro__ if base in STATUSES), 422)
    title = (kind.__doc__ or kind.__name__).strip().partition("\n")[0].rstrip(".")
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = str(math.ceil(getattr(error, "retry_seconds", RETRY_SECONDS)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    retryable = bool(getattr(error, "retryable", False))
    detail = str(error)
    if status >= 500 and isinstance(error, errors.StoreError):  # it may tell where the store is
        log("store failed", level=logging.WARNING, problem=kind.__name__, detail=detail)
        detail = f"{title}; the log of the service tells more"
    return Problem(status, title, detail, kind.__name__, retryable, headers=headers)


def _failed(error: FailedJobError) -> Problem:
    title = "The feature could not be computed"
    more = {"job": error.job, "retry_seconds": error.retry_seconds}
    return Problem(422, title, str(error), error.error or "ComputeError", more=more)


def _invalid(error: RequestValidationError) -> Problem:
    found = [
        {"where": ".".join(map(str, one.get("loc", ()))), "problem": one.get("msg", "")}
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in found)
    return Problem(
        422, "The request cannot be meant as it stands", detail, "UsageError", more={"errors": found}
    )


def _slug(name: str) -> str:
    """`AssetNotFoundError` → `asset-not-found`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removesuffix("Error")).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def install(app: FastAPI) -> None:
    """Let every error of a route end in a problem document."""

    async def answer(request: Request, error: Exception) -> Response:
        return problem_of(error).response()

    for kind in (
        errors.AmberError,
        RefusedError,
        FailedJobError,
        RequestValidationError,
        HTTPException,
        MediaError,
        Exception,  # the answer is sent, and the error raised on, so that the front logs it
    ):
        app.add_exception_handler(kind, answer)


#: What a problem looks like, for the OpenAPI document.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "A URN that names the kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was asked, what was found, and what there is."},
        "error": {
            "type": ["string", "null"],
            "description": "The error's class; see the reference of errors.",
        },
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later."},
    },
}
_MEANINGS = {
    400: "The request is malformed.",
    401: "No access token, or none that is known.",
    403: "The access token does not allow that, or the place may not be read.",
    404: "What was named does not exist; the detail says what there is.",
    405: "The route does not know this method.",
    406: "None of the formats that are accepted can be made.",
    408: "The client sent nothing for too long.",
    409: "What is asked contradicts what is there.",
    412: "The request speaks another version of the protocol.",
    413: "The body is larger than the service takes.",
    415: "The body is in a format that the service does not take.",
    416: "There are no such bytes.",
    422: "The request cannot be meant as it stands, or the feature could not be computed.",
    429: "The service, or this caller, has as much to do as it takes at once; see Retry-After.",
    503: "The service cannot answer now; see Retry-After.",
    507: "There is no space left where the store keeps its data.",
}
#: What any route may answer.
EVERYWHERE = (400, 401, 403, 405, 429, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These problems and those that any route may answer, as OpenAPI names them."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": _RETRY_AFTER}} if status in (429, 503) else {}),
        }
        for status in sorted({*EVERYWHERE, *statuses, *((408,) if 413 in statuses else ())})
    }


_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
