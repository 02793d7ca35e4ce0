"""Algorithms that write down where they are computed, and end when a test lets them."""

import os
import threading
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Each, Source, algorithm, result
from amber.progress import report


@result
class Number:
    """One number."""

    number: Int64[np.ndarray, " one"]


@result
class Many:
    """Many numbers."""

    number: Int64[np.ndarray, " row"]


@result
class Odd(Number):
    """Never made."""


@result
class Total:
    """What some numbers make together."""

    number: Int64[np.ndarray, " one"]


class OddError(Exception):
    """Cannot be pickled, as it wants two arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


@algorithm(version="1")
def patient(source: Source, *, number: int = 0) -> Number:
    """Write down the process, and wait until a file says that it may end."""
    film = source.paths[0]
    calls = film.with_suffix(f".{number}.calls")
    with calls.open("a") as file:
        file.write(f"{os.getpid()}\n")
    turn, may_end = 0, film.with_suffix(f".{number}.go")
    while not may_end.exists():
        turn += 1
        report(turn, 1000, "turns")
        threading.Event().wait(0.05)
    return Number(np.array([number]))


@algorithm(version="1")
def total(numbers: Each[Number]) -> Total:
    """Add up the numbers of several titles."""
    return Total(np.array([sum(int(one.number[0]) for one in numbers.values())]))


@algorithm(version="1")
def many(source: Source, *, rows: int = 1_000_000) -> Many:
    """So many numbers."""
    return Many(np.arange(rows))


@algorithm(version="1")
def odd(data: Many) -> Odd:
    """Fail in an odd way."""
    raise OddError("one", "two")


def calls(film: Path, number: int = 0) -> list[int]:
    """The processes that computed `patient`, in order."""
    file = film.with_suffix(f".{number}.calls")
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def let_end(film: Path, number: int = 0) -> None:
    """Let `patient` end."""
    film.with_suffix(f".{number}.go").touch()
