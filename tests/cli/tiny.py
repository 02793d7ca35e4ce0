"""A few quick algorithms over the file itself, for the command line's tests."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from amber.algorithm import Each, Pair, Source, algorithm, result
from amber.progress import report


@result
class Bytes:
    """The first bytes of the file."""

    number: Int64[np.ndarray, " byte"]


@result
class Scaled:
    """Bytes times a factor."""

    amount: Float64[np.ndarray, " byte"]
    name: list[str]


@result
class Together:
    """How many bytes two titles have together."""

    count: Int64[np.ndarray, " pair"]


@result
class Summary:
    """One record."""

    titles: int
    largest: float


@result
class Broken:
    """Never made."""

    number: int


@algorithm(version="1")
def first_bytes(source: Source, *, rows: int = 3) -> Bytes:
    """Read the first bytes behind the length of the first box: an MP4 has `ftyp` there."""
    data = source.paths[0].read_bytes()[4 : 4 + rows]
    report(len(data), rows, "bytes")
    return Bytes(number=np.frombuffer(data, np.uint8).astype(np.int64))


@algorithm(version="1")
def scaled(data: Bytes, *, factor: float = 0.5) -> Scaled:
    """Scale the bytes."""
    return Scaled(amount=data.number * factor, name=[f"byte {n}" for n in data.number])


def _merged(blocks: Sequence[Together]) -> Together:
    return Together(count=np.concatenate([block.count for block in blocks]))


@algorithm(version="1", merge=_merged)
def together(data: Pair[Scaled]) -> Together:
    """Count both sides."""
    return Together(count=np.array([len(data.first.amount) + len(data.second.amount)], np.int64))


@algorithm(version="1")
def summary(data: Each[Scaled]) -> Summary:
    """One record of all titles."""
    return Summary(titles=len(data), largest=max(float(item.amount.max()) for item in data.values()))


@algorithm(version="1")
def broken(data: Bytes) -> Broken:
    """Fail."""
    raise ValueError(f"{len(data.number)} bytes are not enough")
