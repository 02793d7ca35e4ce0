"""Where a film is black: what its fades go through."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Int64

#: A picture is black if its mean brightness (the largest of red, green and blue, of 255) is no more than this.
BLACK_MEAN = 4.0
#: A cut this near to black, in frames, is taken to be where the film went into the black or left it.
_NEAR = 2


def black_between(is_black: Sequence[bool], hard: Collection[int]) -> list[tuple[int, int]]:
    """The runs of black pictures inside the film, half-open, that no hard cut leads into or out of."""
    edges: Int64[np.ndarray, " edge"] = np.flatnonzero(np.diff([False, *is_black, False]))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [
        (start, end)
        for start, end in runs
        if start > 0 and end < len(is_black) and not any(start - _NEAR <= cut <= end + _NEAR for cut in hard)
    ]
