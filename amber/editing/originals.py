"""Where the frames of a cut stand in the original: its location, its reel, and its source time code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from amber.editing.cuts import Cut, Side
from amber.editing.matching import MatchCuts, Title
from amber.errors import ExportError
from amber.store.protocol import AssetRecord, Location, Store
from jasper.errors import TimecodeError
from jasper.timecode import Counting

#: Characters of a reel's name in an EDL.
_REEL_LENGTH = 8


@dataclass(frozen=True)
class Original:
    """The file that an editor has, and how its frames are numbered."""

    asset: str
    title: str
    #: Absolute path, or another URI.
    uri: str
    #: At most eight capital letters, digits and underscores; no two originals of an export share one.
    reel: str
    frame_count: int
    has_audio: bool
    #: None where frames follow no rate.
    counting: Counting | None
    #: The time code of its first frame, as frames after 00:00:00:00.
    start: int
    #: Whether the file says where its time code begins; else it is counted from 00:00:00:00.
    has_timecode: bool

    @property
    def url(self) -> str:
        """The location as a URL."""
        return Path(self.uri).as_uri() if Path(self.uri).is_absolute() else self.uri

    def code(self, frame: int) -> str:
        """The source time code of a frame; of the frame after the last, what would be next.

        Raises:
            ExportError: The frames follow no rate.
        """
        if self.counting is None:
            raise ExportError(f"frames of {self.title!r} follow no rate, so they have no time codes")
        return self.counting.code(self.start + frame)


def originals(store: Store, matches: MatchCuts) -> dict[str, Original]:
    """Asset → its original, of all titles that the cuts are from.

    Raises:
        ExportError: A title has no location left, or one whose time code cannot be.
    """
    used = dict.fromkeys(side.asset for cut in matches.cuts for side in sides_of(cut))
    found: dict[str, Original] = {}
    reels: set[str] = set()
    for asset in used:
        title = matches.titles[asset]
        location = _location(store.catalog.locations(asset), title.record)
        reel = _free_reel(_reel_name(location), reels)
        reels.add(reel)
        found[asset] = _original(title, location, reel)
    return found


def sides_of(cut: Cut) -> tuple[Side, Side]:
    """Both sides of a cut, in the order in which they are seen."""
    return cut.before, cut.after


def _location(known: Sequence[Location], record: AssetRecord) -> Location:
    """The latest location whose file is there; if none is, the latest, which may be on a shelf."""
    if not known:
        raise ExportError(
            f"no location of {record.title!r} ({record.asset[:12]}) is known any more, so nothing can refer to it; "
            "ingest its file again"
        )
    return next((one for one in known if Path(one.uri).is_file()), known[0])


def _original(title: Title, location: Location, reel: str) -> Original:
    record = title.record
    counting, start, written = None, 0, _tag(location.metadata, "timecode")
    if record.rate is not None:
        try:
            counting = Counting.of(record.rate, written) if written else Counting(record.rate)
            start = counting.frames(written) if written else 0
        except TimecodeError as error:
            raise ExportError(f"{location.uri!r} says that it begins at {written}: {error}") from error
    return Original(
        asset=record.asset,
        title=record.title,
        uri=location.uri,
        reel=reel,
        frame_count=record.frame_count,
        has_audio=bool(title.standard.has_audio),
        counting=counting,
        start=start,
        has_timecode=bool(written),
    )


def _tag(metadata: Mapping[str, str], name: str) -> str:
    """A tag, whatever its case: Matroska has capital letters."""
    return next((value.strip() for key, value in metadata.items() if key.lower() == name), "")


def _reel_name(location: Location) -> str:
    name = _tag(location.metadata, "reel_name") or Path(location.uri).stem
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")[:_REEL_LENGTH].strip("_") or "AX"


def _free_reel(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: _REEL_LENGTH - len(str(number))]}{number}"
    return free


def clock(times: Any, rate: Fraction | None, frame: int) -> str:
    """When a frame of a title is shown, counted from its first frame: HH:MM:SS:FF, or with milliseconds without a rate."""
    if rate is not None and rate >= 1:
        return Counting(rate).code(frame)
    seconds, milliseconds = divmod(round(times.seconds_at(frame) * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
