"""An algorithm that goes on until it is stopped, for services that are stopped meanwhile."""

import threading

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.progress import report


@result
class Never:
    """Nothing comes of it."""

    number: Int64[np.ndarray, " n"]


@algorithm(version="1")
def endless(source: Source) -> Never:
    """Report progress, and nothing else."""
    turn = 0
    while not threading.Event().wait(0.02):
        turn += 1
        report(turn, 0)
    return Never(number=np.zeros(0, np.int64))
