"""Small algorithms like those of a real deployment, for the tests of what is declared and decided."""

from typing import Annotated

import numpy as np
from jaxtyping import Float32, Int64

from amber.algorithm import Each, Pair, Source, algorithm, result
from amber.registry import Registry
from amber.weights import Weights

DIGEST = "ab" * 32
#: Three assets in the order of their hashes.
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


class Encoder:
    """A model."""

    @classmethod
    def open(cls, path: object) -> "Encoder":
        return cls()


@result
class Shots:
    """Where shots begin."""

    start: Int64[np.ndarray, " shot"]


@result
class FineShots(Shots):
    """Shots from a second algorithm."""

    score: Float32[np.ndarray, " shot"]


@result
class Vectors:
    """A vector a shot."""

    vectors: Float32[np.ndarray, " shot 2"]


@result
class Pairs:
    """Scores of pairs."""

    score: Float32[np.ndarray, " pair"]


@result
class Ranking:
    """One number a title."""

    place: Int64[np.ndarray, " title"]


@algorithm(version="1")
def shots(source: Source, *, threshold: float = 3.0) -> Shots:
    """Shots."""
    return Shots(start=np.arange(3, dtype=np.int64))


@algorithm(version="7")
def fine_shots(source: Source, *, threshold: float = 0.5, fine: bool = True) -> FineShots:
    """Finer shots."""
    return FineShots(start=np.arange(3, dtype=np.int64), score=np.zeros(3, np.float32))


@algorithm(version="2")
def vectors(found: Shots, encoder: Annotated[Encoder, Weights("some-net", sha256=DIGEST)]) -> Vectors:
    """Vectors."""
    return Vectors(vectors=np.zeros((len(found.start), 2), np.float32))


def merge(blocks: list[Pairs], *, depth: int) -> Pairs:
    """The best of several blocks."""
    return Pairs(score=np.sort(np.concatenate([block.score for block in blocks]))[::-1][:depth])


@algorithm(version="1", merge=merge)
def pairs(found: Pair[Shots], described: Pair[Vectors], *, depth: int = 10, weight: float = 1.0) -> Pairs:
    """Pairs."""
    return Pairs(score=np.ones(depth, np.float32))


@algorithm(version="1")
def ranking(described: Each[Vectors], best: Pairs) -> Ranking:
    """Titles, best first."""
    return Ranking(place=np.arange(len(described), dtype=np.int64))


ALL = (shots, fine_shots, vectors, pairs, ranking)


def registry(**bindings: str) -> Registry:
    """All of them, loaded."""
    return Registry(ALL, bindings)
