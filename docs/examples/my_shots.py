"""Another producer of shots: one every two seconds, whatever the picture shows."""

import numpy as np

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber import algorithm, result


@result
class MyShots(Shots):
    """Shots of equal length."""


@algorithm(version="1")
def my_shots(film: Standard, *, length_frames: int = 48) -> MyShots:
    """Cut the film every `length_frames` frames."""
    start = np.arange(0, film.frame_count, length_frames, dtype=np.int64)
    end = np.append(start[1:], film.frame_count)
    times = film.times()
    return MyShots(
        start=start,
        end=end,
        start_seconds=np.array([float(times.start(index)) for index in start], dtype=np.float64),
        end_seconds=np.array([float(times.start(index)) for index in end], dtype=np.float64),
        is_short=end - start < length_frames,
    )
