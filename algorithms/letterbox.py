"""Pictures of any shape as the squares that small networks take: whole, with black around them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Letterboxed:
    """A picture within a square."""

    square: UInt8[np.ndarray, "side side 3"]
    #: Where the picture lies.
    rows: slice
    columns: slice


def letterboxed(picture: UInt8[np.ndarray, "height width 3"], side: int) -> Letterboxed:
    """The picture, as large as it fits, in the middle of a black square; both its sides have to be above 0.

    Black is what MediaPipe fills up with; its masks of dark pictures are lost where grey is taken instead.
    """
    import cv2

    scale = side / max(picture.shape[:2])
    down, across = (max(round(length * scale), 1) for length in picture.shape[:2])
    above, before = (side - down) // 2, (side - across) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    rows, columns = slice(above, above + down), slice(before, before + across)
    square = np.zeros((side, side, 3), np.uint8)
    square[rows, columns] = cv2.resize(picture, (across, down), interpolation=how)
    return Letterboxed(square, rows, columns)
