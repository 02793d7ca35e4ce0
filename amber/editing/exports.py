"""Cuts as files that cutting rooms read: OpenTimelineIO, CMX 3600 EDL, and CSV, all of which refer to the original."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from amber.editing.edl import to_edl
from amber.editing.matching import MatchCuts
from amber.editing.originals import Original, originals, sides_of
from amber.editing.otio import to_otio
from amber.errors import UsageError
from amber.store.protocol import Store

_Writer = Callable[[MatchCuts, Mapping[str, Original]], str]


def to_csv(matches: MatchCuts, sources: Mapping[str, Original]) -> str:
    """A row a cut, its sides one after the other; ends are exclusive, in frames and in time codes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    side_columns = [
        "title",
        "asset",
        "shot",
        "shot_start",
        "shot_end",
        "start",
        "end",
        "start_seconds",
        "end_seconds",
        "original",
        "reel",
        "rate",
        "start_timecode",
        "end_timecode",
    ]
    header = ["rank", "id", "score", "state"]
    writer.writerow([*header, *(f"{column}_{side}" for side in "ab" for column in side_columns)])
    for cut in matches.cuts:
        row: list[object] = [cut.rank, cut.id, f"{cut.score:.6f}", cut.state]
        for side in sides_of(cut):
            source, times = sources[side.asset], matches.titles[side.asset].times
            last = times.last_duration + times.time(side.cut_end - 1)
            end = times.time(side.cut_end) if side.cut_end < len(times) else last
            codes = [source.code(side.cut_start), source.code(side.cut_end)] if source.counting else ["", ""]
            row += [side.title, side.asset, side.shot, side.start, side.end, side.cut_start, side.cut_end]
            row += [f"{float(times.time(side.cut_start)):.6f}", f"{float(end):.6f}", source.uri, source.reel]
            row += [str(source.counting.rate) if source.counting else "", *codes]
        writer.writerow(row)
    return text.getvalue()


#: Suffix → what writes such a file.
WRITERS: Mapping[str, _Writer] = {".otio": to_otio, ".edl": to_edl, ".csv": to_csv}


def check_export(path: Path) -> None:
    """See that there is a writer for a file, before anything is computed for it.

    Raises:
        UsageError: There is none, or no folder to write it in.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"no cuts are written as {path.name!r}; a file ends in one of: {', '.join(WRITERS)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{str(path)!r}: there is no folder {path.absolute().parent}")


def export(store: Store, matches: MatchCuts, path: Path) -> tuple[str, list[Original]]:
    """The text of the file that the suffix says, and the originals that it refers to.

    Raises:
        UsageError: There is no such kind of file, or this list cannot be one.
    """
    check_export(path)
    sources = originals(store, matches)
    return WRITERS[path.suffix.lower()](matches, sources), list(sources.values())
