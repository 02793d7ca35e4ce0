"""How bright each shot is, by its middle frame."""

import numpy as np
from jaxtyping import Bool, Float32

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber import algorithm, result


@result
class Brightness:
    """For each shot, the brightness of its middle frame."""

    #: Mean over the frame, from 0 (black) to 1 (white).
    mean: Float32[np.ndarray, " shot"]
    is_dark: Bool[np.ndarray, " shot"]


@algorithm(version="1", libraries=("av",))
def brightness(film: Standard, shots: Shots, *, dark_below: float = 0.2) -> Brightness:
    """Measure the middle frame of each shot on the scan proxy."""
    with film.scan() as scan:
        frames = scan.frames_at((shots.start + shots.end) // 2)
    mean = frames.data.mean(axis=(1, 2, 3), dtype=np.float32) / 255
    return Brightness(mean=mean, is_dark=mean < dark_below)


@result
class Contrast:
    """For each shot, how its brightness differs from that of the shot before; 0 for the first."""

    step: Float32[np.ndarray, " shot"]


@algorithm(version="1")
def contrast(brightness: Brightness) -> Contrast:
    """Subtract neighbours."""
    return Contrast(step=np.diff(brightness.mean, prepend=brightness.mean[:1]))
