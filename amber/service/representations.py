"""Features as bytes: JSON in pages, Arrow, CSV; encoded once and kept while they are hot."""

import csv
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from amber.engine.texts import json_text
from amber.service.problems import RefusedError
from amber.store.protocol import Blobs, Trace

Format = Literal["json", "arrow", "csv"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.file",
    "csv": "text/csv; charset=utf-8",
}
#: Rows of a page of JSON, unless the request says otherwise, and at most.
PAGE_ROWS, MOST_ROWS = 1_000, 10_000
#: Encoded bytes that are kept, in all, and of one answer.
HOT_BYTES, MOST_HOT = 128 << 20, 1 << 20
#: Rows of CSV that are written at once.
_CSV_ROWS = 2_000


@dataclass(frozen=True)
class Page:
    """Which rows of JSON are wanted."""

    #: Of the first row.
    after: int = 0
    limit: int = PAGE_ROWS


@dataclass(frozen=True)
class Encoded:
    """An answer that is ready to be sent."""

    body: bytes
    #: ASGI headers, without those that differ from request to request.
    headers: tuple[tuple[bytes, bytes], ...]
    etag: bytes
    #: The first row of the next page; None: this is the last one.
    next_after: int | None = None


def choose_format(accept: str) -> Format:
    """The format that an `Accept` header likes best; JSON if it likes all the same.

    Raises:
        RefusedError: It likes none (406).
    """
    if not accept.strip():
        return "json"
    liked = {name: _quality(accept, media_type.partition(";")[0]) for name, media_type in MEDIA_TYPES.items()}
    best = max(liked, key=lambda name: liked[name])  # of equals the first
    if not liked[best]:
        known = ", ".join(media_type.partition(";")[0] for media_type in MEDIA_TYPES.values())
        raise RefusedError(406, "No such format", f"Accept: {accept!r} allows none of {known}")
    return best


def _quality(accept: str, media_type: str) -> float:
    """How much an `Accept` header likes a media type: the most exact range counts."""
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        exact = {media_type: 2, f"{media_type.partition('/')[0]}/*": 1, "*/*": 0}.get(name, -1)
        if exact > found[0]:
            weights = [word[2:] for word in parameters if word.startswith("q=")]
            found = (exact, _number(weights[0]) if weights else 1.0)
    return found[1]


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def etag(trace: Trace, form: Format, page: Page) -> str:
    """Names the bytes: the value's digest, the format, and for JSON the page."""
    suffix = f"-{page.after}-{page.limit}" if form == "json" else ""
    return f'"{trace.value.sha256}-{form}{suffix}"'


class Representations:
    """Encodes features, and keeps the latest encodings.

    Args:
        blobs: Where values are.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._hot: OrderedDict[tuple[object, ...], Encoded] = OrderedDict()
        self._room = HOT_BYTES
        self._lock = threading.Lock()

    def hot(self, trace: Trace, form: Format, page: Page) -> Encoded | None:
        """The encoding, if it is at hand; nothing is read."""
        return self._hot.get((trace.recipe, trace.value.sha256, form, page))

    def encoded(self, trace: Trace, form: Format, page: Page, settings: Mapping[str, Any]) -> Encoded:
        """A feature as JSON, or a small one as Arrow.

        Raises:
            BlobMissingError, BlobCorruptError: Its value cannot be read.
        """
        key = (trace.recipe, trace.value.sha256, form, page)
        found = self._hot.get(key)
        if found is None:
            found = self._json(trace, page, settings) if form == "json" else self._arrow(trace)
            self._keep(key, found)
        return found

    def local_path(self, trace: Trace) -> Path:
        """The value as a file; raises as `encoded`."""
        return self._blobs.local_path(trace.value.sha256)

    def csv_chunks(self, trace: Trace) -> Iterator[bytes]:
        """The value as CSV, some rows at a time; raises as `encoded` before the first one."""
        reader = self._open(trace)
        names = reader.schema.names

        def chunks() -> Iterator[bytes]:
            yield _csv([names])
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                for at in range(0, batch.num_rows, _CSV_ROWS):
                    rows = batch.slice(at, _CSV_ROWS).to_pylist()
                    yield _csv([[_cell(value) for value in row.values()] for row in rows])

        return chunks()

    def _open(self, trace: Trace) -> Any:
        """The Arrow file, read from the disk as far as it is looked at."""
        path = self.local_path(trace)  # kept until it is open: a copy may go with what names it
        return pa.ipc.open_file(pa.memory_map(str(path)))

    def _json(self, trace: Trace, page: Page, settings: Mapping[str, Any]) -> Encoded:
        reader = self._open(trace)
        rows: list[dict[str, Any]] = []
        total = 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            first = max(0, page.after - total)
            wanted = page.limit - len(rows)
            if wanted > 0 and first < batch.num_rows:
                rows += batch.slice(first, wanted).to_pylist()
            total += batch.num_rows
        behind = page.after + len(rows)
        following = behind if behind < total and rows else None
        body = json_text(
            {
                **feature_document(trace, settings),
                "row_count": total,
                "next_after": following,
                "rows": rows,
            }
        ).encode()
        return _encoded(body, etag(trace, "json", page), MEDIA_TYPES["json"], following)

    def _arrow(self, trace: Trace) -> Encoded:
        body = self._blobs.read(trace.value.sha256)
        return _encoded(body, etag(trace, "arrow", Page()), MEDIA_TYPES["arrow"])

    def _keep(self, key: tuple[object, ...], encoded: Encoded) -> None:
        if len(encoded.body) > MOST_HOT:
            return
        with self._lock:
            if key not in self._hot:
                self._hot[key] = encoded
                self._room -= len(encoded.body)
            while self._room < 0:
                _, dropped = self._hot.popitem(last=False)
                self._room += len(dropped.body)


def feature_document(trace: Trace, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A ready feature without its rows."""
    return {
        "feature": trace.recipe,
        "key": {
            "assets": list(trace.assets),
            "algorithm": trace.algorithm,
            "version": trace.version,
            "settings": dict(settings),
        },
        "state": "ready",
        "hit": True,
        "value": {"sha256": trace.value.sha256, "size_bytes": trace.value.size_bytes},
        "computed": [],
        "seconds": trace.seconds,
        "created_at": trace.created_at,
    }


def _encoded(body: bytes, tag: str, media_type: str, next_after: int | None = None) -> Encoded:
    return Encoded(
        body, (*cache_headers(tag), (b"content-type", media_type.encode())), tag.encode(), next_after
    )


def cache_headers(tag: str) -> list[tuple[bytes, bytes]]:
    """The headers of every answer that may have changed since: ask again with the ETag."""
    return [(b"etag", tag.encode()), (b"cache-control", b"no-cache"), (b"vary", b"Accept")]


def is_same(if_none_match: str, tag: str) -> bool:
    """Whether an `If-None-Match` header names the tag."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in if_none_match.split(","))


def _csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else value
