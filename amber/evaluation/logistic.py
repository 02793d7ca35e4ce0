"""Logistic regression with an L2 penalty, by Newton's method; no I/O."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

#: A step that lowers the loss by a smaller share than this is the last one.
_STILL = 1e-12
_MOST_STEPS = 50


@dataclass(frozen=True)
class Logistic:
    """A fitted model; inputs are scaled to mean 0 and variance 1 inside."""

    mean: Float64[np.ndarray, " input"]
    scale: Float64[np.ndarray, " input"]
    coefficients: Float64[np.ndarray, " input"]
    intercept: float

    def log_odds(self, inputs: Float64[np.ndarray, "item input"]) -> Float64[np.ndarray, " item"]:
        """The logarithm of the odds of each item."""
        scaled = (inputs - self.mean) / self.scale
        found: Float64[np.ndarray, " item"] = scaled @ self.coefficients + self.intercept
        return found


def fit_logistic(
    inputs: Float64[np.ndarray, "item input"], labels: Bool[np.ndarray, " item"], *, penalty: float
) -> Logistic:
    """The model with the least log-loss (summed) plus `penalty` / 2 times the squared coefficients.

    The intercept is free. An input that never changes gets the coefficient 0.

    Source: Newton steps (iteratively reweighted least squares); the problem is that of scikit-learn's
    `LogisticRegression(C=1 / penalty)` on standardized inputs.
    """
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    design = np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))])
    penalties = np.append(np.full(inputs.shape[1], penalty), 0.0)
    weights = np.zeros(design.shape[1])
    loss = _loss(design, labels, penalties, weights)
    for _ in range(_MOST_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -700, 700)))
        slope = design.T @ (chance - labels) + penalties * weights
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalties + 1e-12)
        step = np.linalg.solve(curve, slope)
        # Far from the minimum a full step may overshoot; half of it, or a quarter, leads down.
        while (reached := _loss(design, labels, penalties, weights - step)) > loss * (1 + _STILL):
            step = step / 2
        weights, gained, loss = weights - step, loss - reached, reached
        if gained <= _STILL * loss:
            break
    return Logistic(mean, scale, weights[:-1], float(weights[-1]))


def _loss(
    design: Float64[np.ndarray, "item input"],
    labels: Bool[np.ndarray, " item"],
    penalties: Float64[np.ndarray, " input"],
    weights: Float64[np.ndarray, " input"],
) -> float:
    odds = design @ weights
    return float(np.logaddexp(0, np.where(labels, -odds, odds)).sum() + (penalties * weights**2).sum() / 2)
