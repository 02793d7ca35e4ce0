"""SMPTE time codes: how frames are numbered on tapes and in cutting rooms; arithmetic alone.

A time code HH:MM:SS:FF counts frames at the nominal rate, 24 for 23.976 and 30 for 29.97. Drop-frame counting, written
with a semicolon before the frames, skips the first numbers of every minute but each tenth, so that it keeps to the clock.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from jasper.errors import TimecodeError

_HOURS = 24
_WRITTEN = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d{2,3})")
#: Rates that may be counted in drop-frame: those at which a code runs 0.1 % behind the clock, by 30s of frames.
_DROPPED_OF = 30


@dataclass(frozen=True)
class Counting:
    """How the frames of a rate are numbered.

    Source: SMPTE ST 12-1, *Time and Control Code*.
    """

    #: Frames a second, exactly: 24000/1001, not 23.976.
    rate: Fraction
    is_drop_frame: bool = False

    def __post_init__(self) -> None:
        """Refuse what nobody counts.

        Raises:
            TimecodeError: The rate is not positive, or is not one that drop-frame is for.
        """
        if self.rate < 1:
            raise TimecodeError(f"there are no time codes at {self.rate} frames a second")
        if self.is_drop_frame and (self.nominal % _DROPPED_OF or self.rate * 1001 != self.nominal * 1000):
            raise TimecodeError(
                f"drop-frame time codes are for 29.97 and 59.94 frames a second, not for {float(self.rate):.3f}"
            )

    @classmethod
    def of(cls, rate: Fraction, written: str) -> Self:
        """The counting of a rate that a written time code shows: drop-frame if its frames follow a semicolon.

        Raises:
            TimecodeError: It is no time code, or drop-frame at another rate.
        """
        return cls(rate, _parts(written)[1] != ":")

    @property
    def nominal(self) -> int:
        """Frame numbers in a second."""
        return round(self.rate)

    @property
    def _dropped(self) -> int:
        """Numbers that a minute skips."""
        return self.nominal // 15 if self.is_drop_frame else 0

    @property
    def frames_a_day(self) -> int:
        """The frames that have a code of their own; after them counting begins anew."""
        return self.nominal * 3600 * _HOURS - self._dropped * 54 * _HOURS

    def frames(self, written: str) -> int:
        """How many frames after 00:00:00:00 a time code stands.

        Raises:
            TimecodeError: It is no time code of this counting.
        """
        (hours, minutes, seconds, frames), separator = _parts(written)
        skipped = self.is_drop_frame and not seconds and minutes % 10 and frames < self._dropped
        if hours >= _HOURS or minutes > 59 or seconds > 59 or frames >= self.nominal or skipped:
            raise TimecodeError(f"no frame has the time code {written} at {self}")
        if (separator != ":") != self.is_drop_frame:
            raise TimecodeError(f"{written} is not written as at {self}")
        total_minutes = hours * 60 + minutes
        counted = (total_minutes * 60 + seconds) * self.nominal + frames
        return counted - self._dropped * (total_minutes - total_minutes // 10)

    def code(self, frames: int) -> str:
        """The time code of the frame that stands so many frames after 00:00:00:00; a day later it comes again."""
        number = frames % self.frames_a_day
        if self.is_drop_frame:
            in_ten_minutes = self.nominal * 600 - self._dropped * 9
            tens, rest = divmod(number, in_ten_minutes)
            # The first minute of ten skips nothing; each of the others is shorter by what it skips.
            later = max(0, rest - self._dropped) // (self.nominal * 60 - self._dropped)
            number += self._dropped * (9 * tens + later)
        seconds, part = divmod(number, self.nominal)
        separator = ";" if self.is_drop_frame else ":"
        width = len(str(self.nominal - 1))
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{part:0{max(2, width)}}"

    def __str__(self) -> str:
        shown = f"{float(self.rate):.3f}".rstrip("0").rstrip(".")
        return f"{shown} frames a second{', drop-frame' if self.is_drop_frame else ''}"


def _parts(written: str) -> tuple[tuple[int, int, int, int], str]:
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise TimecodeError(
            f"{written!r} is no time code; one is written HH:MM:SS:FF, or HH:MM:SS;FF in drop-frame"
        )
    hours, minutes, seconds, separator, frames = match.groups()
    return (int(hours), int(minutes), int(seconds), int(frames)), separator
