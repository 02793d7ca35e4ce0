"""Amber: a feature store with memoized compute for media machine learning."""

from amber.algorithm import Each, File, Pair, Source, algorithm, result
from amber.weights import Weights

__all__ = ["Each", "File", "Pair", "Source", "Weights", "algorithm", "result"]
