"""Frames, and when each is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from jasper.errors import CorruptMediaError, FrameOutOfRangeError, TimelineConflictError
from jasper.timing import Ticks

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

#: Two sightings of the same content agree if no frame is further apart than this.
AGREEMENT_SECONDS = Fraction(2, 1000)

#: What is nearer than this is equal: the rounding of floats never decides.
_ROUNDING_SECONDS = 1e-9

#: Clocks of media files: players expect neither very few nor very many ticks a second.
_COARSEST_CLOCK = 10_000
_FINEST_CLOCK = 1_000_000
_ROUNDED_CLOCK = 90_000

#: Ticks between two frames that a media file has room for, however far frames are reordered.
_MOST_TICKS = 2**32 // 32

_TICKS = "tick"
_TIME_BASE = b"time_base"


@dataclass(frozen=True)
class Frame:
    """One frame of a video."""

    index: int
    #: When it is shown, counted from the first frame.
    seconds: float
    #: RGB, full range, uint8, shape (height, width, 3); other layouts where another `pixel_format` was asked.
    data: Pixels


@dataclass(frozen=True)
class FrameBatch:
    """Several frames of a video, in the order they were asked for."""

    #: Shape (n,).
    indices: Ticks
    #: Shape (n,).
    seconds: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    #: RGB, full range, uint8, shape (n, height, width, 3).
    data: Pixels

    def __len__(self) -> int:
        return len(self.indices)


class FrameTimes:
    """When each frame of a video is shown: whole ticks of a rational clock, from which seconds follow.

    The first frame of a standard timeline stands at 0; source times begin wherever the source does.
    """

    def __init__(self, ticks: Sequence[int] | Ticks, time_base: Fraction) -> None:
        """Give the ticks of all frames, in order.

        Args:
            ticks: Shape (frames,), ascending.
            time_base: Seconds a tick.
        """
        self.ticks: Ticks = np.asarray(ticks, dtype=np.int64)
        self.ticks.flags.writeable = False
        self.time_base = time_base

    @classmethod
    def at_rate(cls, rate: Fraction, frame_count: int) -> Self:
        """The times index ÷ rate."""
        return cls(np.arange(frame_count, dtype=np.int64), 1 / rate)

    def __len__(self) -> int:
        return len(self.ticks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameTimes):
            return NotImplemented
        return self.time_base == other.time_base and np.array_equal(self.ticks, other.ticks)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FrameTimes({len(self)} frames, ticks of {self.time_base} s)"

    @cached_property
    def seconds(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """All times in seconds; shape (frames,)."""
        return self.ticks * self.time_base.numerator / self.time_base.denominator

    def check(self, index: int) -> int:
        """The index, if there is such a frame.

        Raises:
            FrameOutOfRangeError: There is not.
        """
        if not 0 <= index < len(self):
            raise FrameOutOfRangeError(f"there is no frame {index}; the video has {len(self)}, from 0 on")
        return index

    def time(self, index: int) -> Fraction:
        """When a frame is shown, exactly, in seconds.

        Raises:
            FrameOutOfRangeError: There is no such frame.
        """
        return int(self.ticks[self.check(index)]) * self.time_base

    def seconds_at(self, index: int) -> float:
        """When a frame is shown, in seconds; `index_at` gives the index back.

        Raises:
            FrameOutOfRangeError: There is no such frame.
        """
        return float(self.seconds[self.check(index)])

    def index_at(self, seconds: float | Fraction) -> int:
        """The frame that is seen at this time: the last one shown by then; the last of all from the end on.

        Raises:
            FrameOutOfRangeError: The time lies before the first frame, or there are no frames.
        """
        index = int(np.searchsorted(self.seconds, float(seconds), side="right")) - 1
        if index < 0:
            raise FrameOutOfRangeError(
                f"no frame is shown at {float(seconds)} s; there are {len(self)} frames"
            )
        return index

    @property
    def last_duration(self) -> Fraction:
        """How long the last frame is shown: as long as the one before it; a single frame for one tick."""
        if len(self) < 2:
            return self.time_base if len(self) else Fraction(0)
        return int(self.ticks[-1] - self.ticks[-2]) * self.time_base

    @property
    def duration(self) -> Fraction:
        """From the first frame to the end of the last, in seconds."""
        if not len(self):
            return Fraction(0)
        return int(self.ticks[-1] - self.ticks[0]) * self.time_base + self.last_duration

    def clock(self) -> tuple[int, Ticks, int]:
        """The times as a media file has them: ticks a second, whole ticks, and those that the last frame lasts.

        Exact wherever the clock is one that a media file can have.
        """
        scale, step = self.time_base.denominator, self.time_base.numerator
        longest = int(np.diff(self.ticks).max(initial=1)) * self.time_base
        finest = int(_MOST_TICKS / longest)
        if scale > _FINEST_CLOCK or max(scale, 2 * _COARSEST_CLOCK) > finest:
            rounded = max(1, min(_ROUNDED_CLOCK, finest))
            exact = self.ticks * (step / scale * rounded)
            return rounded, np.rint(exact).astype(np.int64), max(1, round(self.last_duration * rounded))
        while scale < _COARSEST_CLOCK:
            scale, step = scale * 2, step * 2
        return scale, self.ticks * step, max(1, round(self.last_duration * scale))

    def check_agrees(self, other: "FrameTimes") -> None:
        """Compare with another sighting of the same content, both counted from their first frame.

        Raises:
            TimelineConflictError: A frame is more than 2 ms apart.
        """
        if len(self) != len(other):
            raise TimelineConflictError(
                f"the content is known with {len(self)} frames, here it has {len(other)}"
            )
        if not len(self):
            return
        apart = np.abs((self.seconds - self.seconds[0]) - (other.seconds - other.seconds[0]))
        worst = int(apart.argmax())
        if float(apart[worst]) > float(AGREEMENT_SECONDS) + _ROUNDING_SECONDS:
            raise TimelineConflictError(
                f"frame {worst} is known at {self.seconds[worst] - self.seconds[0]:.6f} s, here it is shown at "
                f"{other.seconds[worst] - other.seconds[0]:.6f} s; keep one of the two files"
            )

    def save(self, path: Path) -> Path:
        """Write the bytes that `to_bytes` gives."""
        path.write_bytes(self.to_bytes())
        return path

    def to_bytes(self) -> bytes:
        """An Arrow IPC file: one column `tick` (int64), the schema's metadata `time_base` as a fraction."""
        import pyarrow as pa

        schema = pa.schema(
            [pa.field(_TICKS, pa.int64(), nullable=False)],
            metadata={_TIME_BASE: str(self.time_base).encode()},
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(pa.record_batch([pa.array(self.ticks)], schema=schema))
        data: bytes = sink.getvalue().to_pybytes()
        return data

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            CorruptMediaError: It is no such file.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except CorruptMediaError as error:
            raise CorruptMediaError(f"{str(path)!r}: {error}") from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` gave.

        Raises:
            CorruptMediaError: These are no such bytes.
        """
        import pyarrow as pa

        try:
            table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
            time_base = Fraction(table.schema.metadata[_TIME_BASE].decode())
            return cls(table[_TICKS].to_numpy(), time_base)
        except (pa.ArrowInvalid, KeyError, ValueError, TypeError) as error:
            raise CorruptMediaError(f"the data holds no frame times: {error}") from error
