"""Documents as text."""

import json
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any


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
