"""A connection to a service: sends again what may be sent again, and raises what the service says is wrong."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import httpx

from amber import errors
from amber.errors import AmberError, BusyError, ServiceUnavailableError, UsageError

#: How often a request is sent, and how long is waited between two times, longer each time.
MOST_TIMES, FIRST_PAUSE_SECONDS = 6, 0.2
#: The longest pause that a service may ask for.
LONGEST_PAUSE_SECONDS = 60.0
#: A service that says nothing for so long counts as gone.
SILENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    document: Any


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
                timeout=httpx.Timeout(SILENCE_SECONDS, connect=10.0),
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
    ) -> Any:
        """The document that answers; every request of this client may be sent twice: what it does once it does again."""
        return self._sent(
            method, path, params=query or {}, headers=headers, json=json, content=content
        ).document

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
            except (httpx.TransportError, BusyError, ServiceUnavailableError) as error:
                self._pause(number, error)

    def _sent(
        self, method: str, path: str, *, content: Callable[[], Iterator[bytes]] | None = None, **more: Any
    ) -> Answer:
        for number in range(MOST_TIMES):
            body = content() if content is not None else None
            try:
                response = self._client.request(method, path, content=body, **more)
                if response.status_code < 400:
                    return Answer(response.status_code, response.json() if response.content else None)
                raise _error(response)
            except (httpx.TransportError, BusyError, ServiceUnavailableError) as error:
                self._pause(number, error)
        raise AssertionError("the last time raises")

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
