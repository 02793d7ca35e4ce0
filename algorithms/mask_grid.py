"""Masks on a grid of one size, packed into bits, so that those of any two films compare."""

import numpy as np
from jaxtyping import Bool, Float32, UInt8

#: Cells of a picture, down and across.
ROWS, COLUMNS = 54, 96
#: Bytes of one packed mask.
PACKED = ROWS * COLUMNS // 8

Mask = Bool[np.ndarray, "54 96"]


def on_grid(share: Float32[np.ndarray, "height width"]) -> Mask:
    """The cells of which at least half is covered, from how far each pixel of the whole picture is, 0 to 1."""
    import cv2

    mean = cv2.resize(share.astype(np.float32, copy=False), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    covered: Mask = np.asarray(mean) >= 0.5
    return covered


def packed(masks: Bool[np.ndarray, "n 54 96"]) -> UInt8[np.ndarray, "n 648"]:
    """Eight cells a byte, row by row, the first in the highest bit."""
    return np.packbits(masks.reshape(len(masks), ROWS * COLUMNS), axis=1)


def unpacked(rows: UInt8[np.ndarray, "n 648"]) -> Bool[np.ndarray, "n 54 96"]:
    """The masks again."""
    return np.unpackbits(rows, axis=1).astype(np.bool_).reshape(-1, ROWS, COLUMNS)
