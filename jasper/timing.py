"""The timing class of a video: the standard frame rate that its frame times follow, if one does."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

#: Rates that material is made at, commonest first: at equal deviation the first one wins.
STANDARD_RATES: tuple[Fraction, ...] = (
    Fraction(24),
    Fraction(25),
    Fraction(30),
    Fraction(24000, 1001),
    Fraction(30000, 1001),
    Fraction(50),
    Fraction(60),
    Fraction(60000, 1001),
    Fraction(48),
    Fraction(48000, 1001),
    Fraction(15),
    Fraction(12),
    Fraction(10),
    Fraction(100),
    Fraction(120),
    Fraction(120000, 1001),
    Fraction(15000, 1001),
    Fraction(12000, 1001),
    Fraction(20),
    Fraction(8),
    Fraction(6),
    Fraction(5),
    Fraction(1),
)

#: Stands where a container gives a packet no time; the value that FFmpeg has for it.
NO_TICK = -(1 << 63)

#: Whole ticks, one for each packet or frame; shape (n,).
Ticks = np.ndarray[tuple[int], np.dtype[np.int64]]

#: What a container's rounding may move a frame by, besides one tick of its clock.
TOLERANCE_SECONDS = Fraction(1, 1000)

#: What is nearer than this is equal: the rounding of floats never decides.
_ROUNDING_SECONDS = 1e-9


def presented_ticks(ticks: Sequence[int] | Ticks) -> Ticks:
    """Presentation times in order, relative to the first."""
    ordered = np.sort(np.asarray(ticks, dtype=np.int64))
    return ordered - ordered[0] if len(ordered) else ordered


def timing_class(ticks: Sequence[int] | Ticks, time_base: Fraction) -> Fraction | None:
    """The standard rate that frames shown at these times follow; None if they follow none.

    It is the rate whose largest deviation is least, if that is within 1 ms and one tick.
    A single frame follows every rate, so it gets the first one.

    Args:
        ticks: Presentation times of all frames, in any order.
        time_base: Seconds a tick.
    """
    relative = presented_ticks(ticks)
    if not len(relative):
        return None
    allowed = float(TOLERANCE_SECONDS + time_base) + _ROUNDING_SECONDS
    seconds = relative.astype(np.float64) * float(time_base)
    ordinals = np.arange(len(relative), dtype=np.float64)
    deviations = [
        float(np.abs(seconds - ordinals * (rate.denominator / rate.numerator)).max())
        for rate in STANDARD_RATES
    ]
    least = min(
        range(len(deviations)), key=lambda number: (round(deviations[number] / _ROUNDING_SECONDS), number)
    )
    return STANDARD_RATES[least] if deviations[least] <= allowed else None
