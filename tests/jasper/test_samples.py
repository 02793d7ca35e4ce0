"""The sound of a span is exactly as long as asked, stands where it is heard, and is silence where there is none."""

import itertools
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jasper.errors import MediaIOError, NoAudioError, SpanOutOfRangeError
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from jasper.video import Video
from tests.jasper.making import FFMPEG, ffmpeg, make_film, remux

Make = Callable[[Path], Standardized]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Standardizes a source."""
    return lambda source: standardize(
        source, tmp_path_factory.mktemp("standard"), asset=identify(source).asset
    )


def opened(made: Standardized) -> Video:
    return Video.open(made.encode, made.frame_times)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, make: Make) -> Video:
    """Its sound has none of the noise that AAC lets every decoder make up anew."""
    audio = ("-c:a", "aac", "-b:a", "96k", "-aac_pns", 0)
    return opened(make(make_film(tmp_path_factory.mktemp("film") / "film.mp4", audio=audio)))


def heard(path: Path, rate: int, channels: int) -> np.ndarray:
    """The whole sound as ffmpeg plays it from the first frame on, silence included."""
    command = [
        FFMPEG, "-v", "error", "-i", path, "-vn", "-af", f"aresample={rate}:async=1:first_pts=0", "-ac", channels,
        "-f", "f32le", "-",
    ]  # fmt: skip
    data = subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout
    return np.frombuffer(data, np.float32).reshape(-1, channels).T


def tone(path: Path, *, late: float = 0.0, rate: int = 48000, seconds: float = 3, hertz: int = 1000) -> Path:
    """A film of three seconds, beside which a sine begins at phase 0, `late` seconds after the first frame."""
    source = f"aevalsrc=0.5*sin({hertz}*2*PI*t):s={rate}:d={seconds}"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=3", "-itsoffset", late, "-f", "lavfi", "-i", source,
        "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", path,
    )  # fmt: skip
    return path


def delay_seconds(sound: np.ndarray, rate: int, start: float, hertz: int = 1000) -> float:
    """How much later a sine is heard than it should be, by its phase; to within half a period either way."""
    turns = (start + np.arange(sound.shape[-1]) / rate) * hertz
    phase = np.angle(np.sum(sound * np.exp(-2j * np.pi * turns))) + np.pi / 2
    return float(-((phase + np.pi) % (2 * np.pi) - np.pi) / (2 * np.pi * hertz))


@pytest.mark.parametrize(("start", "end"), [(0, 3), (0.3, 0.7), (1.0, 1.0), (2.9, 3), (0.00001, 0.04)])
def test_a_span_is_what_ffmpeg_plays_there(video: Video, start: float, end: float) -> None:
    reference = heard(video.path, 48000, 2)
    found = video.samples_between(start, end)
    assert found.dtype == np.float32
    assert found.shape == (2, round(end * 48000) - round(start * 48000))
    expected = reference[:, round(start * 48000) :][:, : found.shape[1]]
    assert np.abs(found - expected).max(initial=0) < 1e-4
    assert start == end or np.abs(found).max() > 0.1


@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (44100, 2), (16000, 1), (11025, 1)])
def test_adjoining_spans_make_up_the_whole(video: Video, rate: int, channels: int) -> None:
    marks = [0, 0.1, 1 / 3, Fraction(1), 1.00001, 2.5, 3]
    parts = [video.samples_between(*span, rate=rate, channels=channels) for span in itertools.pairwise(marks)]
    whole = video.samples_between(rate=rate, channels=channels)
    assert whole.shape == (channels, 3 * rate)
    assert np.abs(np.concatenate(parts, axis=1) - whole).max() < 1e-6


@pytest.mark.parametrize("sound_rate", [48000, 44100, 22050])
@pytest.mark.parametrize("rate", [48000, 44100, 16000, 12345])
def test_sound_stands_where_it_is_heard_at_every_rate(
    tmp_path: Path, make: Make, sound_rate: int, rate: int
) -> None:
    video = opened(make(tone(tmp_path / "film.mov", rate=sound_rate)))
    for start in (0.05, 1.0, 1.23456):
        found = video.samples_between(start, start + 0.5, rate=rate, channels=1)
        assert abs(delay_seconds(found, rate, round(start * rate) / rate)) < 2e-6


def test_sound_that_begins_late_is_silence_before_and_stands_where_it_is_heard(
    tmp_path: Path, make: Make
) -> None:
    # A whole number of the steps to which the start of sound is rounded.
    late = 48 * 512 / 48000
    video = opened(make(tone(tmp_path / "late.mov", late=late, seconds=2)))
    assert np.abs(video.samples_between(0, late - 0.03)).max() == 0
    assert np.abs(video.samples_between(late, late + 0.01)).max() > 0.4
    found = video.samples_between(1, 1.5, channels=1)
    assert abs(delay_seconds(found, 48000, 1 - late)) < 25e-6


def test_sound_that_ends_early_is_silence_after(tmp_path: Path, make: Make) -> None:
    video = opened(make(tone(tmp_path / "short.mov", seconds=1)))
    found = video.samples_between()
    assert found.shape == (2, 144000)
    assert np.abs(found[:, 40000:47000]).max() > 0.4
    assert np.abs(found[:, 48000 + 2048 :]).max() == 0


def test_a_gap_in_the_sound_is_silence_and_moves_nothing(film: Path, tmp_path: Path, make: Make) -> None:
    holey = remux(film, tmp_path / "holey.mkv", "-bsf:a", r"noise=drop=between(n\,50\,80)")
    whole, video = opened(make(film)).samples_between(), opened(make(holey)).samples_between()
    gap = slice(52 * 1024, 78 * 1024)
    assert np.abs(video[:, gap]).max() == 0 and np.abs(whole[:, gap]).max() > 0.1
    # A container's rounding may move what comes after by the ten milliseconds to which gaps are rounded.
    after = np.correlate(video[0, 100_000:130_000], whole[0, 99_000:131_000], "valid")
    assert abs(int(after.argmax()) - 1000) <= 512


def test_one_channel_of_two_is_their_mean(video: Video) -> None:
    both = video.samples_between(0.5, 1)
    assert np.abs(video.samples_between(0.5, 1, channels=1)[0] - both.mean(axis=0)).max() < 1e-4


def test_a_video_without_sound_says_so(film: Path, tmp_path: Path, make: Make) -> None:
    made = make(film)
    with (
        Video.open(made.proxy, made.frame_times) as scan,
        pytest.raises(NoAudioError, match="a scan proxy never does"),
    ):
        scan.samples_between(0, 1)
    silent = opened(make(make_film(tmp_path / "silent.mp4", audio=None)))
    with pytest.raises(NoAudioError, match="holds no sound"):
        silent.samples_between(0, 1)


@pytest.mark.parametrize(
    ("start", "end"), [(-0.1, 1), (2, 1), (0, 3.001), (float("nan"), 1), (0, float("inf"))]
)
def test_a_span_beyond_the_video_is_refused(video: Video, start: float, end: float) -> None:
    with pytest.raises(SpanOutOfRangeError, match=r"the video goes from 0 s to 3\.0 s"):
        video.samples_between(start, end)


def test_a_file_that_is_gone_is_said(film: Path, make: Make) -> None:
    made = make(film)
    video = opened(made)
    made.encode.unlink()
    with pytest.raises(MediaIOError):
        video.samples_between(0, 1)
