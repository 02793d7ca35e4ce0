"""Where a sequence of pictures cuts; imported only while `shots` runs, as OpenCV and PySceneDetect load slowly."""

from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import UInt8
from scenedetect.common import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from algorithms.through_black import BLACK_MEAN, black_between

#: Pixels up to this value (of 255) have no colour that an eye could see; their hue and saturation are noise.
_DARK = 16
#: Pixels from this value on have all of their colour.
_LIT = 64
_COLOUR_WEIGHT = np.clip((np.arange(256) - _DARK) * (255 / (_LIT - _DARK)), 0, 255).astype(np.uint8)

Picture = UInt8[np.ndarray, "height width 3"]
Planes = tuple[UInt8[np.ndarray, "height width"], ...]


def cut_points(pictures: Iterable[Picture], *, adaptive_threshold: float, min_content: float) -> list[int]:
    """The indices of the pictures (BGR, all of one size) that begin a new shot, in order, without the first.

    Hard cuts come from the detector; where the film fades into black and out of it, the middle of the black is one.
    """
    detector = BrightnessAwareDetector(adaptive_threshold=adaptive_threshold, min_content=min_content)
    hard: list[int] = []
    for index, picture in enumerate(pictures):
        # The detector only counts frames; their times stand in the film's own timeline, so any rate will do.
        found = detector.process_frame(FrameTimecode(index, fps=24.0), picture)
        hard += [cut.frame_num for cut in found]
    middles = [(start + end) // 2 for start, end in black_between(detector.is_black, hard)]
    return sorted({*hard, *middles})


class BrightnessAwareDetector(AdaptiveDetector):  # type: ignore[misc]  # the library ships no types
    """The adaptive detector of PySceneDetect, safe on near-black pictures.

    It scores a frame by how much hue, saturation and brightness change, all alike.
    But the hue and saturation of a nearly black pixel jump from end to end at the least noise, so that black
    leader cuts at every flicker, and a real cut out of it drowns in its noise.
    Here both are scaled down with the brightness of the pixel, to nothing in the dark.
    """

    def __init__(self, *, adaptive_threshold: float, min_content: float) -> None:
        super().__init__(adaptive_threshold=adaptive_threshold, min_content_val=min_content, min_scene_len=1)
        self._last_planes: Planes | None = None
        #: Of each picture seen, whether it was black.
        self.is_black: list[bool] = []

    def _calculate_frame_score(self, timecode: FrameTimecode, frame_img: Picture) -> float:
        planes, last = _weighed_planes(frame_img), self._last_planes
        self._last_planes = planes
        self.is_black.append(cv2.mean(planes[-1])[0] <= BLACK_MEAN)
        if last is None:
            return 0.0
        distance = sum(cv2.norm(now, before, cv2.NORM_L1) for now, before in zip(planes, last, strict=True))
        return distance / (len(planes) * planes[0].size)


def _weighed_planes(picture: Picture) -> Planes:
    """Hue (0 to 179), saturation and brightness (0 to 255) of a BGR picture, the first two weighed by the third."""
    hue, saturation, brightness = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
    weight = cv2.LUT(brightness, _COLOUR_WEIGHT)
    return (
        cv2.multiply(hue, weight, scale=1 / 255),
        cv2.multiply(saturation, weight, scale=1 / 255),
        brightness,
    )
