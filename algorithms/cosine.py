"""Cosine similarity that comes out the same, bit for bit, on every machine and for every size of block."""

import numpy as np
from jaxtyping import Float32, Float64

#: Components are rounded to multiples of this before they are multiplied.
_STEP = 2.0**-24


def exact_rows(vectors: Float32[np.ndarray, " n d"]) -> Float64[np.ndarray, " n d"]:
    """The rows of length 1 of `vectors`, ready for `cosines`.

    Products of multiples of 2⁻²⁴ are multiples of 2⁻⁴⁸, and sums of them below 16 fit a double exactly.
    So the order in which a machine adds them up, which depends on its BLAS, threads and block sizes, cannot matter.
    The rounding moves a component by at most 2⁻²⁵, as float32 itself does near 1.
    """
    return rounded_rows(vectors).astype(np.float64)


def rounded_rows(vectors: Float32[np.ndarray, " n d"]) -> Float32[np.ndarray, " n d"]:
    """What `exact_rows` gives, in single precision, which holds it: of numbers below 1, multiples of 2⁻²⁴ have 24 bits."""
    rounded = vectors * np.float32(1 / _STEP)
    np.rint(rounded, out=rounded)
    rounded *= np.float32(_STEP)
    return rounded


def cosines(a: Float64[np.ndarray, " n d"], b: Float64[np.ndarray, " m d"]) -> Float32[np.ndarray, " n m"]:
    """The cosine similarity of each row of `a` with each row of `b`, both from `exact_rows`; shape (n, m)."""
    scores: Float32[np.ndarray, " n m"] = (a @ b.T).astype(np.float32)
    return scores
