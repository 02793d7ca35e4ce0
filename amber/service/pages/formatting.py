"""How numbers, times and names are written on pages; no I/O."""

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from amber.store.protocol import AssetRecord
from amber.wording import duration
from jasper.timecode import Counting


def timecode(record: AssetRecord, frame: int, times: Any = None) -> str:
    """When a frame is shown, from the first one on: HH:MM:SS:FF, or with milliseconds where frames follow no rate.

    Args:
        record: The asset.
        frame: Its index; the frame after the last is what would be next.
        times: The exact times, for frames that follow no rate.
    """
    if record.rate is not None and record.rate >= 1:
        return Counting(record.rate).code(frame)
    if times is None:
        return clock(record.duration_seconds)
    ended = frame >= len(times)
    return clock(float(times.duration if ended else times.time(frame)))


def clock(seconds: float) -> str:
    """HH:MM:SS.mmm."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"


def length(record: AssetRecord) -> str:
    """How long an asset lasts, as a time code; of sound alone, by the clock."""
    return timecode(record, record.frame_count) if record.frame_count else clock(record.duration_seconds)


def rate(value: Fraction | None) -> str:
    """`23.976 fps`, or that there is no rate."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".") + " fps" if value is not None else "variable rate"


def seconds(value: float | None) -> str:
    """A length of time as `amber.wording.duration` says it, or that it is not known."""
    return duration(value) if value is not None else "unknown"


def count(value: int) -> str:
    """A number with its thousands apart."""
    return f"{value:,}"


def moment(value: datetime | float | None) -> str:
    """A moment as ISO 8601, for `<time datetime>`, which a script turns into the reader's own time; empty for none."""
    if not value:
        return ""
    at = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else value
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat(timespec="seconds")


def day(value: datetime | float | None) -> str:
    """A moment for people, in UTC: `2026-11-26 02:17`."""
    return moment(value)[:16].replace("T", " ")


def listed(values: Iterable[object]) -> str:
    """Values with commas between them."""
    return ", ".join(map(str, values))


def plain(text: str) -> str:
    """A sentence of a docstring without its marks of code."""
    return text.replace("`", "")
