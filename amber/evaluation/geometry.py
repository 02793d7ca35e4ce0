"""How well boundaries, masks and flow agree with truth; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from amber.errors import EvaluationError


@dataclass(frozen=True)
class BoundaryScores:
    """How well boundaries were found."""

    #: Boundaries of the truth that were found, and boundaries found that are none.
    matched: int
    missed: int
    spurious: int
    #: In frames: a boundary counts as found if one was found no further away.
    tolerance: int

    @property
    def precision(self) -> float:
        """The share of what was found that is true; 1 if nothing was found."""
        return self.matched / (self.matched + self.spurious) if self.matched + self.spurious else 1.0

    @property
    def recall(self) -> float:
        """The share of the truth that was found; 1 if there is none."""
        return self.matched / (self.matched + self.missed) if self.matched + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 if there was nothing to find and nothing was found."""
        wrong = self.missed + self.spurious
        return 2 * self.matched / (2 * self.matched + wrong) if self.matched or wrong else 1.0


def boundary_scores(truth: Sequence[int], found: Sequence[int], *, tolerance: int) -> BoundaryScores:
    """Match each true boundary with at most one found one within `tolerance` frames, as many as can be.

    Figures of different tolerances do not compare, so it has no default.

    Raises:
        EvaluationError: The tolerance is negative.
    """
    if tolerance < 0:
        raise EvaluationError(f"a tolerance of {tolerance} frames is not defined; it is 0 or more")
    wanted, given = sorted(truth), sorted(found)
    matched = at = 0
    # Windows of one width, taken in order: the earliest free boundary in a window is never missed by a later one.
    for boundary in wanted:
        while at < len(given) and given[at] < boundary - tolerance:
            at += 1
        if at < len(given) and given[at] <= boundary + tolerance:
            matched += 1
            at += 1
    return BoundaryScores(matched, len(wanted) - matched, len(given) - matched, tolerance)


def mask_iou(truth: Bool[np.ndarray, "height width"], found: Bool[np.ndarray, "height width"]) -> float:
    """Intersection over union of two masks, 0 to 1; 1 where both are empty.

    Raises:
        EvaluationError: Their shapes differ.
    """
    if truth.shape != found.shape:
        raise EvaluationError(f"masks of shapes {truth.shape} and {found.shape} do not compare; scale one")
    union = np.count_nonzero(truth | found)
    return float(np.count_nonzero(truth & found) / union) if union else 1.0


def endpoint_error(
    truth: Float[np.ndarray, "height width 2"],
    found: Float[np.ndarray, "height width 2"],
    valid: Bool[np.ndarray, "height width"] | None = None,
) -> float:
    """The mean distance, in pixels, between the ends of true and found flow vectors.

    Args:
        truth: Pixels to the right, and down, at each pixel.
        found: As `truth`.
        valid: Where the truth is known; where it is finite, unless given.

    Raises:
        EvaluationError: Shapes differ, the truth is known nowhere, or flow was not found where it is known.

    Source: Baker et al., *A Database and Evaluation Methodology for Optical Flow* (2011).
    """
    known = np.isfinite(truth).all(axis=-1) if valid is None else valid
    if truth.shape != found.shape or truth.shape[:-1] != known.shape or truth.shape[-1] != 2:
        raise EvaluationError(
            f"flow of shapes {truth.shape} and {found.shape}, known where {known.shape} says: they must be one (h, w, 2)"
        )
    if not known.any():
        raise EvaluationError("the true flow is known at no pixel")
    apart = truth[known].astype(np.float64) - found[known].astype(np.float64)
    if not np.isfinite(apart).all():
        raise EvaluationError(
            "flow that is not finite stands where the truth is known; fill it or leave it out"
        )
    return float(np.hypot(apart[:, 0], apart[:, 1]).mean())
