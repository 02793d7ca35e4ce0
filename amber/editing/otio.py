"""Cuts as an OpenTimelineIO timeline."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from amber.editing.cuts import Cut, Side
from amber.editing.matching import MatchCuts
from amber.editing.originals import Original, sides_of
from amber.errors import ExportError


def to_otio(matches: MatchCuts, sources: Mapping[str, Original]) -> str:
    """A timeline with a track of pictures and, if any original has sound, one of sound; two clips a cut, end to end.

    Each clip refers to its original by URL, with the whole original as available range, in source time code, so an
    editor has handles on both sides. A title without a rate is counted in the ticks of its frame times.

    Raises:
        ExportError: OpenTimelineIO is not installed.
    """
    schema, opentime = _library()
    titles = ", ".join(title.record.title for title in matches.titles.values())
    timeline = schema.Timeline(name=f"Match cuts in {titles}")
    if sources:
        first = next(iter(sources.values()))
        rate = _clock(first, matches)[0]
        timeline.global_start_time = opentime.RationalTime(_one_o_clock(first, rate), float(rate))
    kinds = [schema.TrackKind.Video]
    if any(source.has_audio for source in sources.values()):
        kinds.append(schema.TrackKind.Audio)
    for kind in kinds:
        track = schema.Track(name=kind, kind=kind)
        for cut in matches.cuts:
            for side in sides_of(cut):
                track.append(_item(cut, side, matches, sources[side.asset], kind == schema.TrackKind.Audio))
        timeline.tracks.append(track)
    return str(timeline.to_json_string())


def _one_o_clock(source: Original, rate: Fraction) -> int:
    """Where the programme begins, as programmes do: at one o'clock in the time code of its first title."""
    if source.counting is None:
        return round(3600 * rate)
    return source.counting.frames("01:00:00;00" if source.counting.is_drop_frame else "01:00:00:00")


def _library() -> tuple[Any, Any]:
    try:
        import opentimelineio
    except ImportError as error:
        raise ExportError(
            "writing .otio needs OpenTimelineIO: install amber[otio]; .edl and .csv need nothing more"
        ) from error
    return opentimelineio.schema, opentimelineio.opentime


def _item(cut: Cut, side: Side, matches: MatchCuts, source: Original, is_sound: bool) -> Any:
    schema, _ = _library()
    shown = _range(source, matches, side.cut_start, side.cut_end)
    if is_sound and not source.has_audio:
        return schema.Gap(source_range=shown)
    reference = schema.ExternalReference(
        target_url=source.url, available_range=_range(source, matches, 0, source.frame_count)
    )
    reference.name = source.reel
    clip = schema.Clip(name=f"{side.title}, shot {side.shot}", media_reference=reference, source_range=shown)
    clip.metadata["cmx_3600"] = {"reel": source.reel}
    clip.metadata["amber"] = {
        "cut": cut.id,
        "rank": cut.rank,
        "score": cut.score,
        "state": cut.state,
        "asset": side.asset,
        "shot": side.shot,
        "shot_frames": [side.start, side.end],
        "frames": [side.cut_start, side.cut_end],
        "drop_frame": bool(source.counting and source.counting.is_drop_frame),
    }
    return clip


def _clock(source: Original, matches: MatchCuts) -> tuple[Fraction, Any]:
    """Units a second of an original, and the unit at which each frame stands; None where these are frames."""
    if source.counting is not None:
        return source.counting.rate, None
    scale, ticks, last = matches.titles[source.asset].times.clock()
    return Fraction(scale), [*ticks.tolist(), int(ticks[-1]) + last]


def _range(source: Original, matches: MatchCuts, start: int, end: int) -> Any:
    _, opentime = _library()
    rate, places = _clock(source, matches)
    first, last = (
        (source.start + start, source.start + end) if places is None else (places[start], places[end])
    )
    return opentime.TimeRange(
        opentime.RationalTime(first, float(rate)), opentime.RationalTime(last - first, float(rate))
    )
