"""Match cuts: two shots, what of them is shown at the cut, and what a person said of it; no I/O."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from amber.store.verdicts import FrameRange, Verdict

if TYPE_CHECKING:
    from jasper.frames import FrameTimes

#: How long either side of a cut is shown, unless told otherwise.
SIDE_SECONDS = 2.0
#: Digits of a cut's name.
_ID_DIGITS = 10


@dataclass(frozen=True)
class Side:
    """One shot of a cut."""

    asset: str
    title: str
    #: Its index in the list of shots, from 0.
    shot: int
    #: The whole shot: frame indices, half-open.
    start: int
    end: int
    #: What of it is shown at the cut: its last frames before a cut, its first ones after it; no black at its ends.
    cut_start: int
    cut_end: int

    @property
    def frames(self) -> FrameRange:
        """The whole shot, by which verdicts name it."""
        return FrameRange(self.asset, self.start, self.end)


@dataclass(frozen=True)
class Cut:
    """A match cut: the end of one shot, then the start of the other."""

    #: Its place, from 1.
    rank: int
    score: float
    before: Side
    after: Side
    #: None: nobody has said anything of it.
    verdict: Verdict | None = None

    @property
    def id(self) -> str:
        """Names the cut by its frames: the same for the same shots, whatever its rank, flavour or score."""
        first, second = sorted((self.before.frames, self.after.frames))
        words = f"{first.asset} {first.start} {first.end} {second.asset} {second.start} {second.end}"
        return hashlib.sha256(words.encode()).hexdigest()[:_ID_DIGITS]

    @property
    def state(self) -> str:
        """`kept`, `rejected` or `open`."""
        if self.verdict is None:
            return "open"
        return "kept" if self.verdict.is_kept else "rejected"


def last_frames(times: "FrameTimes", shot: FrameRange, seconds: float) -> tuple[int, int]:
    """The frames of a shot's last seconds, to the nearest frame: one at least, all of it at most."""
    begins = _end_of(times, shot.end - 1) - Fraction(seconds)
    found = shot.end - 1
    while found > shot.start and _middle_of(times, found - 1) >= begins:
        found -= 1
    return found, shot.end


def first_frames(times: "FrameTimes", shot: FrameRange, seconds: float) -> tuple[int, int]:
    """The frames of a shot's first seconds, to the nearest frame: one at least, all of it at most."""
    ends = times.time(shot.start) + Fraction(seconds)
    found = shot.start + 1
    while found < shot.end and _middle_of(times, found) <= ends:
        found += 1
    return shot.start, found


def _middle_of(times: "FrameTimes", frame: int) -> Fraction:
    """When half of the time that a frame is shown is over."""
    return (times.time(frame) + _end_of(times, frame)) / 2


def _end_of(times: "FrameTimes", frame: int) -> Fraction:
    """When a frame is no longer shown."""
    return times.time(frame + 1) if frame + 1 < len(times) else times.time(frame) + times.last_duration


def verdict_on(one: FrameRange, other: FrameRange, said: Sequence[Verdict]) -> Verdict | None:
    """What was said of the cut between two shots: of exactly these frames, else of those that they mostly share."""
    sides = tuple(sorted((one, other)))
    covering = [verdict for verdict in said if verdict.covers(one, other)]
    exact = [verdict for verdict in covering if (verdict.first, verdict.second) == sides]
    return max(exact or covering, key=lambda verdict: verdict.said_at, default=None)
