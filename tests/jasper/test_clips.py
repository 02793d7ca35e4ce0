"""A clip holds exactly the frames that were asked for, and the sound beside them."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jasper.clips import Span, cut_clip, join_spans
from jasper.errors import FrameOutOfRangeError, MediaIOError
from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from jasper.video import Video
from tests.jasper.making import FFMPEG, make_film, raw_frames, remux, samples, sha256, sound_delay


@pytest.fixture(scope="module")
def standard(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Standardized:
    return standardize(film, tmp_path_factory.mktemp("standard"), asset=identify(film).asset)


@pytest.mark.parametrize(("start", "end"), [(0, 72), (5, 6), (23, 49), (30, 71)])
def test_a_clip_has_exactly_its_frames(standard: Standardized, tmp_path: Path, start: int, end: int) -> None:
    clip = cut_clip(standard.encode, standard.frame_times, start, end, tmp_path / "clip.mp4")
    shown = raw_frames(clip, (320, 180))
    with Video.open(standard.encode, standard.frame_times) as video:
        expected = video.frames_at(range(start, end)).data
    assert len(shown) == end - start
    for picture, other in zip(shown, expected, strict=True):
        difference = np.abs(np.frombuffer(picture, np.uint8).reshape(180, 320, 3).astype(int) - other)
        # The clip is BT.709, the film BT.601, and it was encoded once more.
        assert difference.mean() < 6


def test_a_clip_has_the_sound_of_its_frames(standard: Standardized, tmp_path: Path) -> None:
    clip = samples(cut_clip(standard.encode, standard.frame_times, 24, 48, tmp_path / "clip.mp4"))
    assert 48000 <= len(clip) < 48000 + 2048
    assert abs(sound_delay(clip, samples(standard.encode)[48000:96000])) <= 256


def test_a_silent_clip_stays_silent(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", audio=None)
    made = standardize(source, tmp_path / "out", asset=identify(source).asset)
    clip = cut_clip(made.encode, made.frame_times, 1, 3, tmp_path / "clip.mp4")
    said = subprocess.run(
        [FFMPEG, "-hide_banner", "-i", clip], capture_output=True, text=True, check=False
    ).stderr
    assert re.search("Video: h264", said) and "Audio" not in said


def test_the_same_cut_gives_the_same_bytes(standard: Standardized, tmp_path: Path) -> None:
    one, other = (cut_clip(standard.encode, standard.frame_times, 3, 9, tmp_path / f"{n}.mp4") for n in "ab")
    assert sha256(one) == sha256(other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5), (0, 73)])
def test_a_clip_of_no_frames_is_refused(standard: Standardized, tmp_path: Path, start: int, end: int) -> None:
    with pytest.raises(FrameOutOfRangeError, match="the video has 72 frames"):
        cut_clip(standard.encode, standard.frame_times, start, end, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(standard: Standardized, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MediaIOError, match="cannot be written"):
        cut_clip(standard.encode, standard.frame_times, 0, 2, tmp_path / "file" / "clip.mp4")


def test_joined_spans_have_each_frame_once_and_the_sound_of_each(
    standard: Standardized, tmp_path: Path
) -> None:
    times = FrameTimes.load(standard.frame_times)
    spans = [Span(standard.encode, times, 60, 72), Span(standard.encode, times, 5, 23)]
    joined = join_spans(spans, tmp_path / "joined.mp4")
    shown = np.array([np.frombuffer(p, np.uint8) for p in raw_frames(joined, (320, 180))])
    with Video.open(standard.encode, standard.frame_times) as video:
        expected = video.frames_at([*range(60, 72), *range(5, 23)]).data
    assert len(shown) == 30
    assert np.abs(shown.reshape(expected.shape).astype(int) - expected).mean(axis=(1, 2, 3)).max() < 6
    whole, part = samples(standard.encode), samples(joined)
    assert 60000 <= len(part) < 60000 + 2048
    assert abs(sound_delay(part[:24000], whole[120000:144000])) <= 256
    assert abs(sound_delay(part[24000:60000], whole[10000:46000])) <= 256


def test_spans_of_unlike_titles_are_joined(standard: Standardized, tmp_path: Path) -> None:
    """Another rate, another shape and no sound: frames keep their length, pictures get black bars, sound goes silent."""
    tall = make_film(tmp_path / "tall.mp4", size="120x240", rate="30000/1001", audio=None)
    other = standardize(tall, tmp_path / "tall", asset=identify(tall).asset)
    spans = [
        Span(standard.encode, FrameTimes.load(standard.frame_times), 0, 24),
        Span(other.encode, FrameTimes.load(other.frame_times), 0, 30),
    ]
    joined = join_spans(spans, tmp_path / "joined.mp4")
    found = identify(joined)
    assert found.frame_count == 54 and (found.width, found.height) == (320, 180)
    assert found.times is not None
    assert found.times.seconds[:24] == pytest.approx(np.arange(24) / 24, abs=1e-4)
    assert found.times.seconds[24:] == pytest.approx(1 + np.arange(30) * 1001 / 30000, abs=1e-4)
    last = np.frombuffer(raw_frames(joined, (320, 180))[-1], np.uint8).reshape(180, 320, 3)
    assert last[:, :110].max() < 24 and last[:, 210:].max() < 24, "black bars"
    assert last[:, 120:200].max() > 100
    sound = samples(joined)
    assert np.abs(sound[:48000]).max() > 0.1 and np.abs(sound[50000:95000]).max() < 1e-3


def test_the_time_code_and_reel_of_a_source_are_among_its_tags(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.mov", output=("-timecode", "10:00:00:12", "-metadata:s:d", "reel_name=A001")
    )
    assert identify(source).metadata["timecode"] == "10:00:00:12"
    moved = remux(source, tmp_path / "b.mov", "-timecode", "11:00:00:00")
    assert identify(moved).metadata["timecode"] == "11:00:00:00"
    assert identify(moved).asset == identify(source).asset, "the code is in no key"
    mxf = remux(make_film(tmp_path / "c.mp4", audio=None), tmp_path / "c.mkv", "-timecode", "01:00:00:00")
    assert identify(mxf).metadata.get("timecode", identify(mxf).metadata.get("TIMECODE")) == "01:00:00:00"
