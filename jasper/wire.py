"""What a worker process and its parent say to each other: lines of JSON, and values checked against declared types.

The worker reads files that nobody trusts, so nothing that it says is believed before it is checked.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from jasper.frames import FrameTimes
from jasper.limits import MOST_FRAMES

Value = TypeVar("Value")

#: No line is longer.
MOST_BYTES_OF_A_LINE = 4 * 1024 * 1024


class MalformedMessageError(ValueError):
    """A message is not what its kind must be."""


def to_line(message: Mapping[str, Any]) -> bytes:
    """A message as one line; ASCII, so that names of files pass whatever bytes they are made of."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The message that a line holds.

    Raises:
        MalformedMessageError: It holds none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"a line is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise MalformedMessageError("a line is no JSON object")
    return message


def to_plain(value: object, arrays: BinaryIO) -> Any:
    """A value as JSON has it; frame times, which may be many, go to the file `arrays`."""
    if isinstance(value, FrameTimes):
        at = arrays.seek(0, 2)
        arrays.write(value.ticks.tobytes())
        return {"at": at, "count": len(value), "time_base": str(value.time_base)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_plain(getattr(value, field.name), arrays) for field in dataclasses.fields(value)
        }
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [to_plain(item, arrays) for item in value]
    return value


def from_plain(declared: type[Value], data: Any, arrays: BinaryIO) -> Value:
    """The value of a declared type; a path comes back as a bare name.

    Raises:
        MalformedMessageError: It is none.
    """
    value: Value = _typed(declared, data, arrays)
    return value


def _typed(declared: Any, data: Any, arrays: BinaryIO) -> Any:
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        (declared,) = (argument for argument in arguments if argument is not type(None))
        return _typed(declared, data, arrays)
    if origin is tuple and isinstance(data, list):
        items = arguments[:1] * len(data) if arguments[1:] == (...,) else arguments
        return tuple(_typed(one, item, arrays) for one, item in zip(items, data, strict=True))
    if origin is Mapping and _is_text(data):
        return types.MappingProxyType(data)
    if declared is FrameTimes:
        return _frame_times(data, arrays)
    if dataclasses.is_dataclass(declared):
        return _fields(declared, data, arrays)
    return _simple(declared, data)


def _simple(declared: Any, data: Any) -> Any:
    if declared is Fraction and isinstance(data, str):
        return _fraction(data)
    if declared is Path and isinstance(data, str) and data and data not in (".", "..") and "/" not in data:
        return Path(data)
    if declared is float and type(data) in (int, float) and math.isfinite(data):
        return float(data)
    if declared in (str, int, bool) and type(data) is declared:
        return data
    raise MalformedMessageError(f"a {declared} was to come, not {str(data)[:60]!r}")


def _fields(declared: Any, data: Any, arrays: BinaryIO) -> Any:
    named = typing.get_type_hints(declared)
    if not isinstance(data, dict) or data.keys() != {field.name for field in dataclasses.fields(declared)}:
        raise MalformedMessageError(f"the fields of {declared.__name__} were to come")
    return declared(**{name: _typed(named[name], one, arrays) for name, one in data.items()})


def _is_text(data: Any) -> bool:
    return isinstance(data, dict) and all(isinstance(value, str) for value in data.values())


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise MalformedMessageError(f"{text[:60]!r} is no fraction") from error


def _frame_times(data: Any, arrays: BinaryIO) -> FrameTimes:
    if not isinstance(data, dict) or data.keys() != {"at", "count", "time_base"}:
        raise MalformedMessageError("frame times were to come")
    at, count, time_base = _simple(int, data["at"]), _simple(int, data["count"]), _fraction(data["time_base"])
    if not (0 <= count <= MOST_FRAMES and at >= 0 and time_base > 0):
        raise MalformedMessageError(f"{count} frame times at {at} with a clock of {time_base} cannot be")
    arrays.seek(at)
    ticks = np.frombuffer(arrays.read(count * 8), dtype=np.int64)
    if len(ticks) != count or bool(np.any(ticks[1:] < ticks[:-1])):
        raise MalformedMessageError("frame times are missing or out of order")
    return FrameTimes(ticks, time_base)
