"""Files as answers: whole or a range of their bytes, read in large pieces and never held in memory."""

import re
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from amber.service.problems import RefusedError
from amber.service.representations import is_same

#: What OpenAPI says of a file that may be asked for in part.
RANGED: dict[int | str, dict[str, Any]] = {
    206: {
        "description": "The range that was asked for.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The ETag that was sent is still that of the file."},
}


class _Pieces(FileResponse):
    """Larger pieces cost fewer changes between threads."""

    chunk_size = 1 << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a `Range` that is no plain one is passed over, as HTTP allows."""
        kept = [(name, value) for name, value in scope["headers"] if name != b"range" or _is_plain(value)]
        await super().__call__({**scope, "headers": kept}, receive, send)


def file_answer(request: Request, path: Path, tag: str, media_type: str, cache_control: str) -> Response:
    """A file, or the part of it that the request's `Range` names.

    Raises:
        RefusedError: There are no such bytes (416).
    """
    headers = {"ETag": tag, "Cache-Control": cache_control}
    if is_same(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    status = path.stat()
    _check_range(request.headers.get("range", ""), status.st_size)
    return _Pieces(path, headers=headers, media_type=media_type, stat_result=status)


def _is_plain(value: bytes) -> bool:
    return re.fullmatch(rb"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})", value.strip()) is not None


def _check_range(value: str, size: int) -> None:
    if not _is_plain(value.encode()):
        return
    first, _, last = value.strip().removeprefix("bytes=").partition("-")
    is_there = (
        int(first) < size and (not last or int(first) <= int(last)) if first else int(last) > 0 and size > 0
    )
    if not is_there:
        raise RefusedError(
            416,
            "No such range",
            f"there are {size} bytes; asked was {value.strip()}",
            Content_Range=f"bytes */{size}",
        )
