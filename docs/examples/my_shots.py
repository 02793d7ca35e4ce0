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
    times = film.times()
    start = np.arange(0, film.frame_count, length_frames, dtype=np.int64)
    end = np.append(start[1:], film.frame_count)
    seconds = np.append(times.seconds[start], float(times.duration))
    return MyShots(
        start=start,
        end=end,
        start_seconds=seconds[:-1],
        end_seconds=seconds[1:],
        is_short=end - start < length_frames,
    )
