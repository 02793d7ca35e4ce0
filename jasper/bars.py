"""Where the picture is within its frame: black bars are found once a title, on the frames of the scan proxy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: Every so many frames one is looked at.
_EVERY = 12
#: Luma (16 is black) from which on a pixel is lit; noise and ringing beside an edge are darker.
_LIT = 32
#: A row or column is the picture's if it is lit this much as the most lit one; writing and logos light less.
_PICTURE_SHARE = 0.4
#: Part of the telling frames in which a row of a bar may show anything at all, such as subtitles or a logo.
_MARK_SHARE = 0.25
#: A frame tells of bars if so much of its brightest row or column is lit; black and near-black ones do not.
_TELLING_SHARE = 0.5
#: A bar is at least this part of its side; thinner ones are an edge of the picture.
_LEAST_BAR = 0.015
#: What is left between bars is at least this part of its side, or else there are none: it is a small light in the dark.
_LEAST_PICTURE = 0.4

_Counts = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Rectangle:
    """A part of a frame, in its pixels."""

    left: int
    top: int
    width: int
    height: int


class BarFinder:
    """Sees the frames of a title as they pass, and says in the end what of them is the picture.

    A row is part of a bar if in no telling frame the picture lights it, and marks on it (subtitles, logos) are rare.
    So a bar that comes and goes is none, and what counts is what all of the title keeps black.
    """

    def __init__(self, width: int, height: int) -> None:
        """Begin with frames of this size."""
        self._size = (width, height)
        self._seen = 0
        self._telling = 0
        #: For rows, then columns: in how many frames the picture lights each, and in how many anything does.
        self._filled: tuple[_Counts, _Counts] = (np.zeros(height, np.int64), np.zeros(width, np.int64))
        self._marked: tuple[_Counts, _Counts] = (np.zeros(height, np.int64), np.zeros(width, np.int64))

    def see(self, frame: "VideoFrame") -> None:
        """Take the next frame: planar, its first plane luma of eight bits and limited range; most cost nothing."""
        number, self._seen = self._seen, self._seen + 1
        if number % _EVERY:
            return
        plane = frame.planes[0]
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        lit = rows[:, : plane.width] >= _LIT
        shares = (lit.mean(axis=1), lit.mean(axis=0))
        if max(float(share.max()) for share in shares) < _TELLING_SHARE:
            return
        self._telling += 1
        for filled, marked, share in zip(self._filled, self._marked, shares, strict=True):
            filled += share >= _PICTURE_SHARE * float(share.max())
            marked += share > 0

    def picture(self) -> Rectangle:
        """What of each frame is the picture; the whole frame if there are no bars."""
        top, bottom = self._edges(0)
        left, right = self._edges(1)
        return Rectangle(left, top, right - left, bottom - top)

    def _edges(self, axis: int) -> tuple[int, int]:
        filled, marked = self._filled[axis], self._marked[axis]
        side = len(filled)
        inside = np.flatnonzero((filled > 0) | (marked > _MARK_SHARE * self._telling))
        if not len(inside):
            return 0, side
        start, end = int(inside[0]), int(inside[-1]) + 1
        start = start if start >= _LEAST_BAR * side else 0
        end = end if side - end >= _LEAST_BAR * side else side
        return (start, end) if end - start >= _LEAST_PICTURE * side else (0, side)
