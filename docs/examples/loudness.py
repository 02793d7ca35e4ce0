"""How loud each shot is."""

import numpy as np
from jaxtyping import Float32

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber import algorithm, result


@result
class Loudness:
    """For each shot, the level of its sound."""

    #: Root mean square over the shot, from 0 (silence) to 1 (full scale).
    level: Float32[np.ndarray, " shot"]


@algorithm(version="1", libraries=("av",))
def loudness(film: Standard, shots: Shots) -> Loudness:
    """Measure the sound of each shot; a film without sound is silent."""
    level = np.zeros(len(shots.start), dtype=np.float32)
    if film.has_audio:
        with film.video() as video:
            for number, span in enumerate(zip(shots.start_seconds, shots.end_seconds, strict=True)):
                samples = video.samples_between(*span, rate=16_000, channels=1)
                level[number] = np.sqrt(np.mean(np.square(samples), dtype=np.float64))
    return Loudness(level=level)
