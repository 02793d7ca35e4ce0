"""Exports name frames of the original so that a cutting room finds the very same pictures and sound."""

import csv
import io
import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from amber.client import Amber
from amber.editing.matching import MatchCuts
from amber.errors import ExportError, UsageError
from tests.editing.films import frames_of, original

#: Rate, start time code, and how many frames after 00:00:00:00 that is, counted by hand.
STARTS = [
    (Fraction(24000, 1001), "01:00:00:00", 86400),
    (Fraction(24), "00:00:00:00", 0),
    (Fraction(25), "09:59:58:24", 899974),
    # A minute whose codes 00 and 01 are skipped lies within the film.
    (Fraction(30000, 1001), "00:00:59;10", 1780),
    (Fraction(30000, 1001), "10:00:00:00", 1080000),
]


def _read_edl(text: str, rate: Fraction) -> list[otio.schema.Clip]:
    """The clips of an EDL, as its own library reads them."""
    timeline = otio.adapters.read_from_string(
        text, "cmx_3600", rate=float(rate), ignore_timecode_mismatch=False
    )
    return [clip for clip in timeline.find_clips() if clip.parent().kind == otio.schema.TrackKind.Video]


@pytest.mark.parametrize(("rate", "start", "counted"), STARTS, ids=lambda value: str(value))
def test_cutting_the_original_at_the_exported_codes_gives_the_frames_of_the_preview(
    amber: Amber, tmp_path: Path, rate: Fraction, start: str, counted: int
) -> None:
    source = original(tmp_path / "take.mov", rate, timecode=start)
    matches = amber.match(source, top=3, side_seconds=0.3)
    previews = amber.previews(matches, tmp_path / "previews")
    clips = _read_edl(amber.export(matches, "cuts.edl")[0], rate)
    assert len(clips) == 2 * len(previews) == 6
    for number, preview in enumerate(previews):
        shown = frames_of(preview)
        before, after = clips[2 * number : 2 * number + 2]
        cut = np.concatenate([_cut(source, clip, rate, counted) for clip in (before, after)])
        assert len(cut) == len(shown)
        apart = np.abs(cut - shown).mean(axis=(1, 2, 3))
        assert apart.max() < 6, "the same pictures, encoded once more"
        shifted = np.abs(cut[1:] - shown[:-1]).mean(axis=(1, 2, 3))
        assert shifted.min() > 1.5 * apart.max(), "and no neighbours of them"


def _cut(source: Path, clip: otio.schema.Clip, rate: Fraction, start: int) -> np.ndarray:
    """The frames that an event names, cut from the original by ffmpeg."""
    first = round(clip.source_range.start_time.value) - start
    count = round(clip.source_range.duration.value)
    # Half a frame early, so that rounding cannot skip one.
    seconds = max(0.0, float((first - Fraction(1, 2)) / rate))
    return frames_of(source, start_seconds=seconds, count=count)


def test_an_edl_reads_as_the_format_says(amber: Amber, tmp_path: Path) -> None:
    source = original(tmp_path / "Take 7 (final).mov", Fraction(30000, 1001), timecode="00:00:59;10")
    matches = amber.match(source, top=2, side_seconds=0.3)
    text, [named] = amber.export(matches, "cuts.edl")
    lines = text.splitlines()
    assert lines[:5] == [
        "TITLE: MATCH CUTS Take 7 (final)",
        "FCM: DROP FRAME",
        "",
        "001  TAKE_7_F AA/V  C        00:00:59;13 00:00:59;22 01:00:00;00 01:00:00;09",
        "* FROM CLIP NAME: Take 7 (final).mov",
    ]
    assert lines[5] == f"* SOURCE FILE: {source}"
    assert lines[6].startswith(f"* MATCH CUT {matches.cuts[0].id}, RANK 1, SCORE 0.5")
    assert lines[8].endswith("00:00:59;22 00:01:00;03 01:00:00;09 01:00:00;18"), "two codes are skipped"
    assert (named.reel, named.has_timecode, named.code(0)) == ("TAKE_7_F", True, "00:00:59;10")


def test_otio_round_trips_through_its_library(amber: Amber, tmp_path: Path) -> None:
    source = original(tmp_path / "take.mov", Fraction(24000, 1001), timecode="01:00:00:00")
    matches = amber.match(source, top=2, side_seconds=0.5)
    text, _ = amber.export(matches, "cuts.otio")
    path = tmp_path / "cuts.otio"
    path.write_text(text)
    timeline = otio.adapters.read_from_file(str(path))
    again = otio.adapters.write_to_string(timeline, "otio_json")
    assert json.loads(again) == json.loads(text)
    assert timeline.global_start_time == otio.opentime.RationalTime(86400, 24000 / 1001)
    video, sound = timeline.tracks
    assert (video.kind, sound.kind) == ("Video", "Audio")
    for track in timeline.tracks:
        assert len(track) == 4
        for clip, side in zip(track, [s for c in matches.cuts for s in (c.before, c.after)], strict=True):
            assert clip.media_reference.target_url == source.as_uri()
            assert clip.media_reference.available_range == _range(86400, 48)
            assert clip.source_range == _range(86400 + side.cut_start, side.cut_end - side.cut_start)
            assert clip.metadata["cmx_3600"]["reel"] == "TAKE"
            assert list(clip.metadata["amber"]["frames"]) == [side.cut_start, side.cut_end]
    assert video[1].range_in_parent().start_time == _range(12, 12).start_time


def _range(start: int, count: int) -> otio.opentime.TimeRange:
    rate = 24000 / 1001
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(count, rate)
    )


def test_titles_of_two_rates_are_in_one_timeline_and_not_in_one_edl(
    amber: Amber, film: Path, other_film: Path
) -> None:
    matches = amber.match(film, other_film, top=30)
    timeline = otio.adapters.read_from_string(amber.export(matches, "cuts.otio")[0], "otio_json")
    rates = {clip.source_range.start_time.rate for clip in timeline.find_clips()}
    assert rates == {24.0, 25.0}
    gaps = [one for one in timeline.tracks[1] if isinstance(one, otio.schema.Gap)]
    silent = [s for c in matches.cuts for s in (c.before, c.after) if s.title == "other film"]
    assert len(gaps) == len(silent) > 0, "what has no sound leaves a gap in the track of sound"
    assert timeline.tracks[0].duration().to_seconds() == pytest.approx(
        timeline.tracks[1].duration().to_seconds()
    )
    with pytest.raises(
        ExportError, match="'first film' at 24 frames a second; 'other film' at 25"
    ) as refused:
        amber.export(matches, "cuts.edl")
    assert "export them apart" in str(refused.value)


def test_csv_has_a_row_a_cut_with_both_sides(amber: Amber, film: Path, other_film: Path) -> None:
    amber.reject(amber.match(other_film, top=1).cuts[0])
    matches = amber.match(film, other_film, top=30, side_seconds=0.2, shown="all")
    rows = list(csv.DictReader(io.StringIO(amber.export(matches, "cuts.csv")[0])))
    assert len(rows) == 21
    assert {row["state"] for row in rows} == {"open", "rejected"}
    row = next(
        row for row in rows if row["title_a"] == row["title_b"] == "other film" and row["shot_a"] == "0"
    )
    assert (row["start_a"], row["end_a"], row["start_timecode_a"], row["end_timecode_a"]) == (
        "7",
        "12",
        "10:00:00:07",
        "10:00:00:12",
    )
    assert (row["rate_b"], row["reel_b"], row["original_b"]) == ("25", "OTHER_FI", str(other_film))
    assert (row["start_seconds_b"], row["end_seconds_b"]) == ("0.480000", "0.680000")


def test_frames_without_a_rate_have_seconds_and_no_codes(amber: Amber, tmp_path: Path) -> None:
    """Frames at irregular times: a timeline and a table name them, an EDL cannot."""
    steady = original(tmp_path / "steady.mp4", Fraction(24))
    uneven = tmp_path / "uneven.mp4"
    _retime(steady, uneven)
    matches = amber.match(uneven, top=1, side_seconds=0.3)
    assert matches.titles[matches.cuts[0].before.asset].record.rate is None
    [row] = csv.DictReader(io.StringIO(amber.export(matches, "cuts.csv")[0]))
    assert (row["rate_a"], row["start_timecode_a"]) == ("", "")
    times, side = matches.titles[matches.cuts[0].before.asset].times, matches.cuts[0].before
    assert float(row["start_seconds_a"]) == pytest.approx(times.seconds_at(side.cut_start), abs=1e-6)
    timeline = otio.adapters.read_from_string(amber.export(matches, "cuts.otio")[0], "otio_json")
    clip = next(iter(timeline.find_clips()))
    assert clip.source_range.start_time.to_seconds() == pytest.approx(times.seconds_at(side.cut_start))
    with pytest.raises(ExportError, match=r"'uneven' follows no frame rate.*\.otio or \.csv"):
        amber.export(matches, "cuts.edl")


def _retime(source: Path, out: Path) -> None:
    import subprocess

    from tests.editing.films import FFMPEG

    command = [FFMPEG, "-nostdin", "-v", "error", "-y", "-i", str(source), "-an"]
    command += [
        "-vf",
        "setpts='(N+mod(N,3)*0.37)/(24*TB)'",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "libx264",
        str(out),
    ]
    subprocess.run(command, check=True)


def test_an_export_prefers_a_location_that_is_there(amber: Amber, tmp_path: Path) -> None:
    source = original(tmp_path / "take.mov", Fraction(24), timecode="01:00:00:00")
    copy = tmp_path / "copy.mov"
    copy.write_bytes(source.read_bytes())
    amber.ingest(source)
    matches = amber.match(copy, top=1)
    assert [one.uri for one in amber.export(matches, "a.csv")[1]] == [str(copy)]
    os.unlink(copy)
    assert [one.uri for one in amber.export(matches, "a.csv")[1]] == [str(source)]
    os.unlink(source)
    assert [one.uri for one in amber.export(matches, "a.csv")[1]] == [str(copy)], "it may be on a shelf"
    for uri in (source, copy):
        amber.store.catalog.mark_changed(str(uri))
    with pytest.raises(ExportError, match="ingest its file again"):
        amber.export(matches, "a.csv")


def test_two_titles_of_one_name_have_two_reels(amber: Amber, tmp_path: Path) -> None:
    films = []
    for number, tone in enumerate((300, 500, 700)):
        (tmp_path / str(number)).mkdir()
        films.append(original(tmp_path / str(number) / "Long name.mp4", Fraction(24), tone=tone))
    _, sources = amber.export(amber.match(*films, top=100), "cuts.csv")
    assert sorted(one.reel for one in sources) == ["LONG_NA2", "LONG_NA3", "LONG_NAM"]


def test_what_is_no_export_is_refused(amber: Amber, film: Path, tmp_path: Path) -> None:
    matches = amber.match(film, top=1)
    with pytest.raises(UsageError, match=r"'cuts.xml'; a file ends in one of: \.otio, \.edl, \.csv"):
        amber.export(matches, tmp_path / "cuts.xml")
    with pytest.raises(UsageError, match="there is no folder"):
        amber.export(matches, tmp_path / "nowhere" / "cuts.edl")


def test_an_edl_numbers_999_events(amber: Amber, film: Path) -> None:
    matches = amber.match(film, top=6)
    many = MatchCuts(matches.ask, matches.feature, matches.titles, matches.cuts * 84)
    with pytest.raises(ExportError, match="504 cuts are 1008"):
        amber.export(many, "cuts.edl")


def test_no_cuts_make_empty_files(amber: Amber, film: Path) -> None:
    matches = amber.match(film, settings={"length": 100})
    assert amber.export(matches, "cuts.edl")[0] == "TITLE: MATCH CUTS first film\nFCM: NON-DROP FRAME\n"
    assert len(amber.export(matches, "cuts.csv")[0].splitlines()) == 1
    timeline = otio.adapters.read_from_string(amber.export(matches, "cuts.otio")[0], "otio_json")
    assert [len(track) for track in timeline.tracks] == [0]
