"""Blobs: bytes by their digest, which therefore never change."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.errors import BlobMissingError
from amber.service.context import Reader, TheService
from amber.service.files import RANGED, file_answer
from amber.service.problems import problems

router = APIRouter(prefix="/v1", tags=["blobs"])
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/blobs/{sha256}",
    responses={200: {"description": "The bytes.", "content": _BYTES}, **RANGED, **problems(404, 416, 422)},
    summary="Bytes by their SHA-256",
)
async def get_blob(request: Request, service: TheService, caller: Reader, sha256: str) -> Response:
    """The bytes, whole or in part; they never change, so they may be kept for ever."""
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise BlobMissingError(f"there is no blob {sha256[:70]!r}; a name has 64 digits")
    path = await service.run(lambda: service.amber.store.blobs.local_path(sha256))
    return file_answer(
        request, path, f'"{sha256}"', "application/octet-stream", "public, max-age=31536000, immutable"
    )
