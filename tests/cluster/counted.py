"""The algorithms as they are, each call of which is written down: who began it, and who ended it."""

import functools
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from algorithms import ALGORITHMS as PLAIN

#: The file of the calls.
VARIABLE = "COUNTED_CALLS"


@dataclass(frozen=True)
class Call:
    """A call of an algorithm, or its end."""

    what: str
    algorithm: str
    process: int
    number: int


def _counted(algorithm: Any) -> Any:
    numbers = iter(range(1 << 30))

    @functools.wraps(algorithm.function)
    def call(*arguments: Any, **named: Any) -> Any:
        number = next(numbers)
        _write("begin", algorithm.name, number)
        value = algorithm.function(*arguments, **named)
        _write("end", algorithm.name, number)
        return value

    return replace(algorithm, function=call)


def _write(what: str, name: str, number: int) -> None:
    line = f"{what} {name} {os.getpid()} {number}\n"
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line.encode())
    os.close(file)


def read(path: Path) -> list[Call]:
    """All that was written, in order."""
    text = path.read_text() if path.exists() else ""
    rows = (line.split() for line in text.splitlines())
    return [Call(what, name, int(process), int(number)) for what, name, process, number in rows]


def open_calls(calls: list[Call]) -> list[Call]:
    """Those that began and have not ended."""
    ended = {(one.process, one.algorithm, one.number) for one in calls if one.what == "end"}
    began = (one for one in calls if one.what == "begin")
    return [one for one in began if (one.process, one.algorithm, one.number) not in ended]


def begun(calls: list[Call]) -> Counter[str]:
    """Algorithm → how often it was begun."""
    return Counter(one.algorithm for one in calls if one.what == "begin")


def _all() -> Iterator[Any]:
    for algorithm in PLAIN:
        yield _counted(algorithm)


ALGORITHMS = tuple(_all())
