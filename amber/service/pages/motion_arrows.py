"""What the camera does in a shot, as an arrow and a word; no I/O."""

import math
from dataclasses import dataclass
from typing import Any

#: Slower moves (picture heights a second) are no moves to the eye.
STILL = 0.05
#: How long an arrow is at least, and where the camera moves a picture height a second or faster.
_SHORTEST, _LONGEST = 5.0, 10.0
_WORDS = (
    "pans left",
    "pans up left",
    "tilts up",
    "pans up right",
    "pans right",
    "pans down right",
    "tilts down",
)
_ALL_WORDS = (*_WORDS, "pans down left")


@dataclass(frozen=True)
class Arrow:
    """A camera's move: from the middle of a square of 24 by 24 to (x, y)."""

    x: float
    y: float
    #: `pans left`, `zooms in`, `still`.
    word: str
    #: Picture heights a second.
    speed: float


def arrows(motion: Any) -> list[Arrow | None]:
    """The arrow of each shot of a `motion` feature; None for a shot that is too short."""
    rows = zip(motion.camera_move.tolist(), motion.compared.tolist(), strict=True)
    return [arrow(*move[:3]) if compared else None for move, compared in rows]


def arrow(right: float, down: float, growth: float) -> Arrow:
    """The arrow of a camera under which the picture's content moves so, each a second."""
    speed = math.hypot(right, down)
    if speed < STILL and abs(growth) < STILL:
        return Arrow(12.0, 12.0, "still", 0.0)
    if abs(growth) > speed:
        return Arrow(12.0, 12.0, "zooms in" if growth > 0 else "zooms out", abs(growth))
    # A camera that pans left moves the content right; the arrow is the camera's.
    reach = (_SHORTEST + (_LONGEST - _SHORTEST) * min(speed, 1.0)) / speed
    eighth = round(math.atan2(down, right) / (2 * math.pi) * 8) % 8
    return Arrow(round(12 - right * reach, 1), round(12 - down * reach, 1), _ALL_WORDS[eighth], speed)
