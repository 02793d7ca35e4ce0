"""Places of objects: how one is opened, and what the library means by its errors, in sentences that hold no secret."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from amber.errors import BlobMissingError, ConfigurationError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: The setting that names where blobs are.
BLOBS_URL = "AMBER_BLOBS_URL"
#: A server that is down or busy (5xx) is asked again for so long; then the caller hears of it.
_RETRIES = {"max_retries": 6, "retry_timeout": timedelta(seconds=12)}
#: Without an answer for so long, a connection counts as broken; a whole request may take longer.
_TIMES = {"connect_timeout": "5s", "read_timeout": "20s", "timeout": "600s"}
_REFUSALS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "ExpiredToken",
    "InvalidToken",
    "AuthorizationHeaderMalformed",
)


def open_objects(url: str, setting: str = BLOBS_URL) -> "ObjectStore":
    """The place of objects that a URL names; nothing is asked of it yet.

    Endpoint, region and credentials come from the variables that the provider gave names to, such as AWS_ACCESS_KEY_ID.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix` or `memory://`.
        setting: Names it, for errors.

    Raises:
        ConfigurationError: The library is not installed, or the URL or a variable cannot be used.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise ConfigurationError(
            f"{setting} names an object store, which needs obstore: pip install 'amber[objects]'"
        ) from error
    if url == "memory://":
        return from_url("memory:///")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    plain_http = {"allow_http": True} if endpoint.startswith("http://") else {}
    try:
        return from_url(url, client_options={**_TIMES, **plain_http}, retry_config=_RETRIES)  # type: ignore[call-overload, no-any-return]
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"{setting} {shown(url)} cannot be used: {_reason(error)}") from error


def shown(url: str) -> str:
    """A URL as it may be told: without what stands before an `@` or behind a `?`."""
    return re.sub(r"\?.*$", "", re.sub(r"//[^/@]*@", "//", url))


@contextmanager
def failing_well(where: str, setting: str, rights: str, missing: str | None = None) -> Iterator[None]:
    """Turns the library's errors into ours.

    Args:
        where: The place, as it may be told.
        setting: Names the place.
        rights: What one must be allowed to do there.
        missing: What is to be said where there is no such object; without it, no object is asked for.
    """
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        if missing is None or "NoSuchBucket" in str(error):
            raise _plain(error, where, setting, rights) from error
        raise BlobMissingError(missing) from error
    except BaseError as error:
        raise _plain(error, where, setting, rights) from error


def _plain(error: Exception, where: str, setting: str, rights: str) -> StoreError:
    """The error that one of the library's means."""
    text, kind = str(error), type(error).__name__
    found = re.search(r"<Code>(\w+)</Code>", text)
    code = found[1] if found else ""
    if isinstance(error, FileNotFoundError) or code == "NoSuchBucket":
        return StoreUnavailableError(f"there is no bucket for {where}: make it, or name another in {setting}")
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or code in _REFUSALS:
        return StoreUnavailableError(
            f"{where} refuses these credentials{f' ({code})' if code else ''}: set those of somebody who may {rights} "
            "there (for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
    return StoreUnavailableError(
        f"{where} cannot be reached ({code or _reason(error)}): see that it runs and that this machine may reach it, "
        "then ask again"
    )


def _reason(error: Exception) -> str:
    """The library's reason in a few words, without addresses, which may hold a signature."""
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return re.sub(r"\w+://\S*\s*", "", first)[:200]
