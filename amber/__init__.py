"""Amber: a feature store with memoized compute for media machine learning."""

from typing import TYPE_CHECKING, Any

from amber.algorithm import Each, File, Pair, Source, algorithm, result
from amber.weights import Weights

if TYPE_CHECKING:
    from amber.client import Amber

__all__ = ["Amber", "Each", "File", "Pair", "Source", "Weights", "algorithm", "result"]


def __getattr__(name: str) -> Any:
    """Import the client only where it is used: a file of algorithms needs no store."""
    if name == "Amber":
        from amber.client import Amber

        return Amber
    raise AttributeError(f"module 'amber' has no attribute {name!r}")
