"""Shots without the black at their ends, so that a cut joins the last lit frame of one to the first of the other; no I/O."""

from collections.abc import Sequence
from typing import Any

from amber.store.verdicts import FrameRange

#: The algorithm that says where a film is black; without it shots are shown whole.
BLACK_RUNS = "black_runs"
#: A run of black frames, half-open.
Run = tuple[int, int]


def runs_of(value: Any) -> tuple[Run, ...]:
    """The runs in a value of `black_runs`."""
    return tuple(zip(value.start.tolist(), value.end.tolist(), strict=True))


def lit(shot: FrameRange, black: Sequence[Run]) -> FrameRange:
    """The shot without the black frames at its ends; a shot that is black throughout as it is."""
    start, end = shot.start, shot.end
    for first, last in black:
        if first <= start < last:
            start = min(last, shot.end)
        if first < end <= last:
            end = max(first, shot.start)
    return FrameRange(shot.asset, start, end) if start < end else shot


def standing_for(shot: FrameRange, black: Sequence[Run]) -> int:
    """The frame that stands for a shot in pictures: its middle one, by which shots are compared, unless that is black.

    Then it is the middle one of what is lit.
    """
    middle = shot.start + (shot.end - shot.start) // 2
    if not any(first <= middle < last for first, last in black):
        return middle
    seen = lit(shot, black)
    return seen.start + (seen.end - seen.start) // 2
