"""The middle frame of each shot, as networks that were trained on square pictures take it."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, UInt8

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.progress import report

#: Side of the square pictures that the networks were trained on.
SIDE = 224
#: Frames that are asked of the decoder at once.
_DECODED = 4

Picture = UInt8[np.ndarray, "224 224 3"]


def middle_frames(shots: Shots) -> Int64[np.ndarray, " shot"]:
    """The index of the middle frame of each shot."""
    middle: Int64[np.ndarray, " shot"] = shots.start + (shots.end - shots.start) // 2
    return middle


def middle_pictures(film: Standard, shots: Shots) -> Iterator[Picture]:
    """The middle frames, from the scan proxy, without black bars, squeezed whole to a square; reports progress."""
    indices = middle_frames(shots)
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        for start in range(0, len(indices), _DECODED):
            yield from squeeze(scan.frames_at(indices[start : start + _DECODED]).data[:, rows, columns])
            report(min(start + _DECODED, len(indices)), len(indices), "shots")


def squeeze(frames: UInt8[np.ndarray, "n height width 3"]) -> UInt8[np.ndarray, "n 224 224 3"]:
    """Each picture, whole, at the size of the network's input, by averaging areas."""
    import cv2

    squeezed = np.zeros((len(frames), SIDE, SIDE, 3), np.uint8)
    for picture, frame in zip(squeezed, frames, strict=True):
        picture[:] = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return squeezed
