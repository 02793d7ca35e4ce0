"""Cuts as a CMX 3600 edit decision list."""

from collections.abc import Mapping
from fractions import Fraction

from amber.editing.cuts import Side
from amber.editing.matching import MatchCuts
from amber.editing.originals import Original, sides_of
from amber.errors import ExportError
from jasper.timecode import Counting

#: How an empty list counts.
_COUNTING = Counting(Fraction(24))
#: What the format numbers events with.
_MOST_EVENTS = 999
_TITLE_LENGTH = 70


def to_edl(matches: MatchCuts, sources: Mapping[str, Original]) -> str:
    """Two events a cut, end to end: straight cuts of picture and sound, out-points exclusive.

    Raises:
        ExportError: The originals are not counted in one way, or there are more events than the format numbers.

    Source: CMX 3600 as SMPTE 258M describes it: one way of counting a list, reels of at most eight characters.
    """
    counting = _counting(sources)
    sides = [(cut, side) for cut in matches.cuts for side in sides_of(cut)]
    if len(sides) > _MOST_EVENTS:
        raise ExportError(
            f"an EDL numbers {_MOST_EVENTS} events, and {len(matches.cuts)} cuts are {len(sides)}; "
            "ask for fewer with --top, or write .otio"
        )
    titles = ", ".join(title.record.title for title in matches.titles.values())
    lines = [f"TITLE: {_plain(f'MATCH CUTS {titles}')[:_TITLE_LENGTH]}"]
    # The programme begins at one o'clock, as programmes do.
    lines.append(f"FCM: {'DROP FRAME' if counting.is_drop_frame else 'NON-DROP FRAME'}")
    at = counting.frames("01:00:00;00" if counting.is_drop_frame else "01:00:00:00")
    for number, (cut, side) in enumerate(sides, start=1):
        length = side.cut_end - side.cut_start
        lines += [
            "",
            _event(number, side, sources[side.asset], counting.code(at), counting.code(at + length)),
        ]
        lines.append(f"* FROM CLIP NAME: {_plain(sources[side.asset].uri.rpartition('/')[2])}")
        lines.append(f"* SOURCE FILE: {_plain(sources[side.asset].uri)}")
        lines.append(f"* MATCH CUT {cut.id}, RANK {cut.rank}, SCORE {cut.score:.4f}")
        at += length
    return "\n".join(lines) + "\n"


def _counting(sources: Mapping[str, Original]) -> Counting:
    """The one way in which all originals are counted."""
    ordered = sorted(sources.values(), key=lambda source: source.title)
    ways: dict[Counting | None, str] = {source.counting: source.title for source in ordered}
    if None in ways:
        raise ExportError(
            f"{ways[None]!r} follows no frame rate, so an EDL cannot name its frames; write .otio or .csv"
        )
    if len(ways) > 1:
        told = "; ".join(f"{title!r} at {way}" for way, title in ways.items())
        raise ExportError(
            f"an EDL counts in one way, and these titles in {len(ways)}: {told}; export them apart, or write .otio"
        )
    return next((way for way in ways if way is not None), _COUNTING)


def _event(number: int, side: Side, source: Original, record_in: str, record_out: str) -> str:
    channels = "AA/V" if source.has_audio else "V"
    source_in, source_out = source.code(side.cut_start), source.code(side.cut_end)
    return f"{number:03}  {source.reel:<8} {channels:<5} C        {source_in} {source_out} {record_in} {record_out}"


def _plain(text: str) -> str:
    """Text in one line of printable characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
