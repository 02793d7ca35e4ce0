"""Where output goes: one JSON document or a view on stdout, all else on stderr."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any


def say(text: str) -> None:
    """A message to people, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """A line of a command's answer, on stdout."""
    sys.stdout.write(f"{text}\n")


def emit(document: Any) -> None:
    """The one JSON document of a command, on stdout."""
    put(json_text(document, indent=2 if sys.stdout.isatty() else None))


def json_text(document: Any, *, indent: int | None = None) -> str:
    """A document as JSON: bytes in hex, times in ISO 8601, and null for NaN and infinity."""
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, default=_plain, indent=indent)
    except ValueError:
        return json.dumps(_finite(document), ensure_ascii=False, default=_plain, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def write_bytes(data: bytes, out: Path | None) -> None:
    """Write to a file, which appears whole or not at all, or to stdout."""
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    descriptor, temporary = tempfile.mkstemp(dir=out.absolute().parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, out)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
