"""The shots of a film: what lies between two cuts."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.progress import report

#: Long side of the pictures that the detector sees: the size at which its thresholds were found.
_DETECTOR_SIDE = 256


@result
class Shots:
    """The shots of a film in order; together they are all of its frames, each once."""

    #: Index of the first frame.
    start: Int64[np.ndarray, " shot"]
    #: Index after the last frame.
    end: Int64[np.ndarray, " shot"]
    start_seconds: Float64[np.ndarray, " shot"]
    end_seconds: Float64[np.ndarray, " shot"]
    #: Whether the shot is too short to be used in a match cut.
    is_short: Bool[np.ndarray, " shot"]


@algorithm(version="1", cpus=2, libraries=("scenedetect-headless", "opencv-python-headless", "av"))
def shots(
    film: Standard, *, adaptive_threshold: float = 3.0, min_content: float = 15.0, short_seconds: float = 0.5
) -> Shots:
    """Find the cuts on the scan proxy; hard cuts, and the middle of the black that a film fades through.

    Black bars are left out, so they change neither cuts nor what counts as black. Sound alone has no shots.

    Args:
        adaptive_threshold: How many times more than its neighbours (two on each side) a frame must change.
        min_content: How much it must change at least, as a mean over hue, saturation and brightness of 0 to 255.
        short_seconds: Shots that last less are marked `is_short`; they stay in the list.

    Source: PySceneDetect's AdaptiveDetector (scenedetect.com) with its own thresholds, at its own picture size, but
    without its minimal shot length, which swallows cuts; colour weighed by brightness, and fades, are ours.

    Known limits: dissolves and wipes are not found, nor fades through another colour than black; a cut in the first
    or last two frames is not found, as it has no neighbours to stand out from; flashes of light cut.
    """
    from algorithms.adaptive_cuts import cut_points

    with film.scan() as scan:
        width, height = _detector_size(film)
        rows, columns = film.picture(width, height)
        frames = scan.frames_between(width=width, height=height, pixel_format="bgr24", progress=report)
        pictures = (np.ascontiguousarray(frame.data[rows, columns]) for frame in frames)
        cuts = cut_points(pictures, adaptive_threshold=adaptive_threshold, min_content=min_content)
        edges = [0, *cuts, scan.frame_count] if scan.frame_count else []
        times = [scan.times.time(edge) for edge in edges[:-1]] + [scan.times.duration]
        return shots_between(edges, times, Fraction(short_seconds))


def shots_between(edges: Sequence[int], times: Sequence[Fraction], short_seconds: Fraction) -> Shots:
    """The shots between neighbouring `edges`, which are frame indices that are shown at `times`."""
    seconds = np.array([float(time) for time in times], dtype=np.float64)
    lasts = [end - start for start, end in pairwise(times)]
    return Shots(
        start=np.array(edges[:-1], dtype=np.int64),
        end=np.array(edges[1:], dtype=np.int64),
        start_seconds=seconds[:-1],
        end_seconds=seconds[1:],
        is_short=np.array([duration < short_seconds for duration in lasts], dtype=np.bool_),
    )


def _detector_size(film: Standard) -> tuple[int, int]:
    """The size of the scan proxy's frames at which the longer side of the picture is what the detector expects."""
    scale = _DETECTOR_SIDE / max(film.picture_width, film.picture_height, 1)
    return max(round(film.proxy_width * scale), 1), max(round(film.proxy_height * scale), 1)
