"""Uploads in parts, which go on where a line broke or a service was started again: the core of tus 1.0, and three of its extensions."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from amber.engine.texts import json_text
from amber.engine.uploads import Upload
from amber.errors import TooLargeError, UploadStateError, UsageError
from amber.service.context import TheService, Writer, pieces_of
from amber.service.problems import RefusedError, problems

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

#: The version of the protocol; see https://tus.io/protocols/resumable-upload
VERSION = "1.0.0"
#: The media type of parts.
PART = "application/offset+octet-stream"
_TEXT = {"schema": {"type": "string"}}
_STANDS = {
    "Upload-Offset": {"description": "How many bytes are there.", "schema": {"type": "integer"}},
    "Upload-Expires": {"description": "When it is removed, unless somebody goes on.", **_TEXT},
    "Tus-Resumable": {"description": "The version of the protocol.", **_TEXT},
}
_UPLOAD = {"application/json": {"schema": {"$ref": "#/components/schemas/Upload"}}}
_PART_BODY = {
    "requestBody": {
        "required": True,
        "content": {PART: {"schema": {"type": "string", "format": "binary"}}},
    }
}
TusVersion = Annotated[
    str | None, Header(alias="Tus-Resumable", description=f"The version of the protocol: {VERSION}.")
]


@router.post(
    "",
    responses={
        201: {
            "description": "It may be sent to `Location`.",
            "content": _UPLOAD,
            "headers": {"Location": {"description": "The upload.", **_TEXT}, **_STANDS},
        },
        **problems(412, 413, 422, 507),
    },
    status_code=201,
    summary="Begin an upload in parts",
)
async def post_upload(
    service: TheService,
    caller: Writer,
    size_bytes: Annotated[int, Header(alias="Upload-Length", ge=1, le=1 << 60, description="Bytes in all.")],
    metadata: Annotated[
        str, Header(alias="Upload-Metadata", description="`title` or `filename`, and its value in base64.")
    ] = "",
    version: TusVersion = None,
) -> Response:
    """Room for a file that is sent in parts, by `PATCH`; when it is whole, `POST /v1/assets` names it.

    Any client of tus 1.0 can send it. An upload that nobody goes on with for a day is removed.
    """
    _check(version)
    if size_bytes > service.settings.upload_bytes:
        raise TooLargeError(
            f"the upload will have {size_bytes} bytes; the service takes {service.settings.upload_bytes}"
        )
    title = _title(metadata)
    begun = await service.run(lambda: service.uploads.begin(size_bytes, owner=caller.name, title=title))
    return _json(begun, 201, Location=f"/v1/uploads/{begun.id}")


@router.get(
    "/{upload}",
    responses={
        200: {"description": "How it stands.", "content": _UPLOAD, "headers": _STANDS},
        **problems(404, 422),
    },
    summary="How far an upload is",
)
async def get_upload(service: TheService, caller: Writer, upload: str) -> Response:
    """Where to go on; for who began it."""
    return _json(await service.run(lambda: service.uploads.find(upload, caller.name)))


@router.head(
    "/{upload}",
    responses={
        200: {
            "description": "How it stands.",
            "headers": {
                **_STANDS,
                "Upload-Length": {"description": "Bytes in all.", "schema": {"type": "integer"}},
            },
        },
        **problems(404, 412, 422),
    },
    summary="How far an upload is, in headers",
)
async def head_upload(
    service: TheService, caller: Writer, upload: str, version: TusVersion = None
) -> Response:
    """Where to go on; for who began it."""
    _check(version)
    found = await service.run(lambda: service.uploads.find(upload, caller.name))
    headers = {**_headers(found), "Upload-Length": str(found.size_bytes), "Cache-Control": "no-store"}
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload}",
    responses={
        204: {"description": "It is kept.", "headers": _STANDS},
        **problems(404, 409, 412, 413, 415, 422, 507),
    },
    status_code=204,
    openapi_extra=_PART_BODY,
    summary="Send a part of an upload",
)
async def patch_upload(
    request: Request,
    service: TheService,
    caller: Writer,
    upload: str,
    offset: Annotated[
        int, Header(alias="Upload-Offset", ge=0, le=1 << 60, description="How many bytes were there before.")
    ],
    version: TusVersion = None,
) -> Response:
    """The bytes that follow, as many as the client likes; what came before a line broke is kept.

    A second request for the same upload ends the first one, which a broken line may have left behind.
    """
    _check(version)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != PART:
        raise RefusedError(415, "No such format", f"send {PART}; found {media_type or 'no Content-Type'}")
    uploads = service.uploads
    await service.run(lambda: uploads.find(upload, caller.name))
    senders: Senders = request.app.state.senders
    async with senders.turn(upload):
        with uploads.writing(upload, caller.name, offset) as write:
            async for piece in pieces_of(request):
                await service.run(lambda piece=piece: write(piece))  # type: ignore[misc]
    found = await service.run(lambda: uploads.find(upload, caller.name))
    return Response(status_code=204, headers=_headers(found))


@router.delete(
    "/{upload}",
    responses={204: {"description": "It is gone."}, **problems(404, 409, 412, 422)},
    status_code=204,
    summary="Give an upload up",
)
async def delete_upload(
    request: Request, service: TheService, caller: Writer, upload: str, version: TusVersion = None
) -> Response:
    """The bytes are removed; an asset that was named from them stays."""
    _check(version)
    uploads = service.uploads
    await service.run(lambda: uploads.find(upload, caller.name))
    senders: Senders = request.app.state.senders
    async with senders.turn(upload):
        await service.run(lambda: uploads.drop(upload, caller.name))
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


@dataclass(eq=False)
class _Sender:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    left: anyio.Event = field(default_factory=anyio.Event)


class Senders:
    """Which request is at which upload: one at a time, and the latest one ends the one before."""

    def __init__(self) -> None:
        self._now: dict[str, _Sender] = {}

    @asynccontextmanager
    async def turn(self, upload: str) -> AsyncIterator[None]:
        """Be at it, until another request comes.

        Raises:
            UploadStateError: One came.
        """
        while (before := self._now.get(upload)) is not None:
            before.scope.cancel()
            await before.left.wait()
        mine = self._now[upload] = _Sender()
        try:
            with mine.scope:
                yield
        finally:
            del self._now[upload]
            mine.left.set()
        if mine.scope.cancelled_caught:
            raise UploadStateError(f"another request went on with upload {upload}")


def _title(metadata: str) -> str:
    """The title in an `Upload-Metadata` header, or else the name of the file.

    Raises:
        UsageError: It is no such header.
    """
    said: dict[str, str] = {}
    for pair in metadata.split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            said[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UsageError(
                f"Upload-Metadata gives {name[:70]!r} in something else than base64 of UTF-8"
            ) from error
    title = (said.get("title") or said.get("filename", ""))[:1000]
    if "\0" in title:
        raise UsageError("the title in Upload-Metadata has a NUL, which no text may have")
    return title


def _check(version: str | None) -> None:
    if version not in (None, VERSION):
        raise RefusedError(
            412,
            "No such version",
            f"Tus-Resumable: {version}; the service speaks {VERSION}",
            Tus_Version=VERSION,
        )


def _headers(upload: Upload) -> dict[str, str]:
    expires = datetime.fromtimestamp(upload.expires_at, UTC)
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": format_datetime(expires, usegmt=True),
    }


def _json(upload: Upload, status: int = 200, **headers: str) -> Response:
    document: dict[str, Any] = {
        "upload": upload.id,
        "size_bytes": upload.size_bytes,
        "offset": upload.offset,
        "title": upload.title,
        "asset": upload.asset or None,
        "expires_at": datetime.fromtimestamp(upload.expires_at, UTC).isoformat(timespec="seconds"),
    }
    all_headers = {**_headers(upload), "Cache-Control": "no-store", **headers}
    return Response(json_text(document), status, headers=all_headers, media_type="application/json")
