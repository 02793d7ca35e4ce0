"""Numbers and settings as people say them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """0.004 → `4 ms`, 12.3 → `12.3 s`, 754 → `12 min 34 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(size_bytes: int) -> str:
    """1536 → `1.5 kB`."""
    amount = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago a moment was, roughly; an empty text if it is not known."""
    if moment is None:
        return ""
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if seconds < 10:
        return "just now"
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def assignments(settings: Mapping[str, object]) -> str:
    """{"depth": 1000} → `depth=1000`, as `--set` takes it; an empty text if there are none."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
    return ", ".join(f"{name}={text}" for name, text in texts.items())


def short(digest: str) -> str:
    """The first twelve digits, which is how people meet hashes."""
    return digest[:12]
