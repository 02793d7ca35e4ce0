"""Where a film is black."""

import numpy as np
from jaxtyping import Int64

from algorithms.standard import Standard
from algorithms.through_black import BLACK_MEAN
from amber.algorithm import algorithm, result
from amber.progress import report

#: Width and height of the pictures that are looked at; a mean hardly depends on it.
_WIDTH, _HEIGHT = 64, 36


@result
class BlackRuns:
    """The runs of black frames of a film, in order; a film that is nowhere black has none.

    From another kind of processor a run may differ by the frames whose brightness is just that of black.
    """

    #: Index of the first black frame.
    start: Int64[np.ndarray, " run"]
    #: Index after the last one.
    end: Int64[np.ndarray, " run"]


@algorithm(version="1", libraries=("av",))
def black_runs(film: Standard) -> BlackRuns:
    """Find the frames that are black on the scan proxy, black bars left out.

    What is shown of a shot at a cut leaves the black at its ends out.

    Source: ours; black as for the fades of `shots`: a mean brightness (the largest of red, green and blue) of 4 of 255.

    Known limits: a title card of little white on black, and a night scene as dark, count as black; the dim frames of a
    fade do not.
    """
    with film.scan() as scan:
        rows, columns = film.picture(_WIDTH, _HEIGHT)
        frames = scan.frames_between(width=_WIDTH, height=_HEIGHT, progress=report)
        dark = [bool(frame.data[rows, columns].max(axis=2).mean() <= BLACK_MEAN) for frame in frames]
    edges = np.flatnonzero(np.diff([False, *dark, False]))
    return BlackRuns(start=edges[::2].astype(np.int64), end=edges[1::2].astype(np.int64))
