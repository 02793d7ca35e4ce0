"""A clip holds exactly the frames that were asked for, and the sound beside them."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jasper.clips import cut_clip
from jasper.errors import FrameOutOfRangeError, MediaIOError
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from jasper.video import Video
from tests.jasper.making import FFMPEG, make_film, raw_frames, samples, sha256, sound_delay


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
