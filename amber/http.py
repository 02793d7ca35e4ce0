"""A connection to a service: sends again what may be sent again, and raises what the service says is wrong."""

import base64
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from amber import errors
from amber.errors import (
    AmberError,
    BusyError,
    ServiceUnavailableError,
    UploadNotFoundError,
    UploadStateError,
    UsageError,
)

#: How often a request is sent, and how long is waited between two times, longer each time.
MOST_TIMES, FIRST_PAUSE_SECONDS = 7, 0.2
#: A larger file is sent in parts, of so many bytes.
WHOLE_BYTES, PART_BYTES = 8 << 20, 64 << 20
_PIECE_BYTES = 1 << 20
#: The longest pause that a service may ask for.
LONGEST_PAUSE_SECONDS = 60.0
#: A service that says nothing for so long counts as gone.
SILENCE_SECONDS, CONNECT_SECONDS = 120.0, 10.0
#: So long a service may take to read a film through, which it was sent.
NAMING_SECONDS = 3600.0
#: What may be over the next time.
_PASSING = (httpx.TransportError, BusyError, ServiceUnavailableError)
#: Called with bytes done and their total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    document: Any
    headers: Mapping[str, str]


class Link:
    """Asks a service.

    Args:
        url: Of the service, `http://host:port`.
        token: An access token; empty for none.
    """

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._client = httpx.Client(
                base_url=url.rstrip("/"),
                headers=headers,
                timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UsageError(f"{url!r} is no URL of a service: {error}") from error
        self._url = url

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The document at a path; raises what the service says is wrong."""
        return self._sent("GET", path, params=query or {}).document

    def pages(self, path: str, query: Mapping[str, Any], name: str, limit: int) -> Iterator[Any]:
        """The items of all pages."""
        after: Mapping[str, Any] = {}
        while True:
            page = self.get(path, {**query, "limit": limit, **after})
            yield from page[name]
            if page["next_after"] is None:
                return
            after = {"after": page["next_after"]}

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        json: Any = None,
        patience_seconds: float = SILENCE_SECONDS,
    ) -> Any:
        """The document that answers; every request of this client may be sent twice: what it does once it does again."""
        timeout = httpx.Timeout(patience_seconds, connect=CONNECT_SECONDS)
        return self._sent(
            method, path, params=query or {}, headers=headers, json=json, content=content, timeout=timeout
        ).document

    def send_file(self, path: Path, title: str, progress: Progress | None = None) -> Any:
        """Send a media file, which the service names and keeps; a large one in parts, from where a line broke.

        Args:
            path: The file.
            title: For a new asset.
            progress: Called with bytes sent, and their total.

        Raises:
            UsageError: The file changed while it was sent.
            AmberError, jasper.errors.MediaError: What the service says.
        """
        parts = _Parts(path, progress)
        if parts.size <= WHOLE_BYTES:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(parts.size)}
            return self.send("POST", "/v1/assets", {"title": title}, lambda: parts.pieces(0), headers)
        for number in range(MOST_TIMES):
            try:
                return self._send_parts(parts, title)
            except UploadNotFoundError as error:  # the service lost it: it is begun again
                self._pause(number, error)
        raise AssertionError("the last time raises")

    def _send_parts(self, parts: "_Parts", title: str) -> Any:
        said = {"Upload-Length": str(parts.size), "Upload-Metadata": f"title {_base64(title)}"}
        upload = self.send("POST", "/v1/uploads", headers=said)["upload"]
        place, offset, number = f"/v1/uploads/{upload}", 0, 0
        while offset < parts.size:
            headers = {
                "Content-Type": "application/offset+octet-stream",
                "Content-Length": str(min(PART_BYTES, parts.size - offset)),
                "Upload-Offset": str(offset),
            }
            try:
                answer = self._once("PATCH", place, headers=headers, content=parts.pieces(offset))
                offset, number = int(answer.headers["upload-offset"]), 0
            except (*_PASSING, UploadStateError) as error:
                self._pause(number, error)
                there = int(self.get(place)["offset"])
                offset, number = there, 0 if there > offset else number + 1
        # To name it, the service reads it through.
        body = {"upload": upload, "title": title}
        return self.send("POST", "/v1/assets", json=body, patience_seconds=NAMING_SECONDS)

    def ask(self, path: str, json: Any, query: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """The answer to an ask: 200 with a feature, or 202 with a job."""
        return self._sent("POST", path, params=query, json=json, headers=headers, content=None)

    def download(self, path: str, target: IO[bytes]) -> None:
        """Write the bytes at a path to a file; goes on where a connection broke."""
        for number in range(MOST_TIMES):
            at = target.tell()
            headers = {"Range": f"bytes={at}-"} if at else {}
            try:
                with self._client.stream("GET", path, headers=headers) as response:
                    if response.status_code >= 400:
                        response.read()
                        raise _error(response)
                    if at and response.status_code != 206:
                        target.seek(0)
                        target.truncate()
                    for piece in response.iter_bytes(1 << 20):
                        target.write(piece)
                    return
            except _PASSING as error:
                self._pause(number, error)

    def _sent(
        self, method: str, path: str, *, content: Callable[[], Iterator[bytes]] | None = None, **more: Any
    ) -> Answer:
        for number in range(MOST_TIMES):
            try:
                return self._once(method, path, content=content() if content is not None else None, **more)
            except _PASSING as error:
                self._pause(number, error)
        raise AssertionError("the last time raises")

    def _once(self, method: str, path: str, **more: Any) -> Answer:
        response = self._client.request(method, path, **more)
        if response.status_code >= 400:
            raise _error(response)
        document = response.json() if response.content else None
        return Answer(response.status_code, document, response.headers)

    def _pause(self, number: int, error: Exception) -> None:
        """Wait before a request is sent again.

        Raises:
            BusyError, ServiceUnavailableError: It was sent often enough.
        """
        if number + 1 >= MOST_TIMES:
            if isinstance(error, httpx.TransportError):
                raise ServiceUnavailableError(
                    f"the service at {self._url} cannot be reached: {type(error).__name__}: {error}"
                ) from error
            raise error
        pause = FIRST_PAUSE_SECONDS * 2**number * random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come at once
        asked = getattr(error, "retry_seconds", 0.0)
        time.sleep(min(max(pause, asked), LONGEST_PAUSE_SECONDS))


class _Parts:
    """A file as it is sent.

    Args:
        path: The file.
        progress: Called with bytes sent, and their total.
    """

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._path = path
        self._progress = progress or (lambda done, total: None)
        self._status = path.stat()
        self.size = self._status.st_size

    def pieces(self, offset: int) -> Iterator[bytes]:
        """A part of it, from behind `offset` on.

        Raises:
            UsageError: The file changed since it was first looked at.
        """
        end = min(self.size, offset + PART_BYTES) if self.size > WHOLE_BYTES else self.size
        with self._path.open("rb") as file:
            file.seek(offset)
            while offset < end:
                piece = file.read(min(_PIECE_BYTES, end - offset))
                now = self._path.stat()
                if not piece or (now.st_size, now.st_mtime_ns) != (self.size, self._status.st_mtime_ns):
                    raise UsageError(
                        f"{self._path} changed while it was sent; send it again when it is whole"
                    )
                offset += len(piece)
                self._progress(offset, self.size)
                yield piece


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="replace")).decode()


def _error(response: httpx.Response) -> Exception:
    """The error that a problem document tells of."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = str(problem.get("detail") or f"the service answered {response.status_code}")
    kind = _kind(str(problem.get("error") or ""), response.status_code)
    error = kind(detail)
    if isinstance(error, BusyError | ServiceUnavailableError):
        asked = response.headers.get("retry-after", "")
        error.retry_seconds = float(asked) if asked.isdecimal() else 1.0
    return error


def _kind(name: str, status: int) -> type[Exception]:
    if status == 429:
        return BusyError
    if status == 503:
        return ServiceUnavailableError
    found = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, AmberError):
        return found
    from jasper import errors as media

    known = getattr(media, name, None)
    if isinstance(known, type) and issubclass(known, media.MediaError):
        return known
    return {404: errors.NotFoundError, 422: UsageError}.get(status, errors.ServiceError)
