"""Of several tracks the main one is used, the same whatever file they stand in; sound alone has no frames."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from jasper.errors import FrameOutOfRangeError
from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.main_track import main_track
from jasper.standard_form import Standardized, standardize
from jasper.video import Video
from tests.jasper.making import ffmpeg, frame_digests, remux, samples, sha256


def made(path: Path, into: Path) -> Standardized:
    return standardize(path, into, asset=identify(path).asset)


def video(path: Path, size: str, *, seconds: float = 1, picture: str = "testsrc2") -> Path:
    ffmpeg(
        "-f", "lavfi", "-i", f"{picture}=size={size}:rate=24", "-t", seconds, "-c:v", "libx264", "-preset", "ultrafast",
        "-pix_fmt", "yuv420p", path,
    )  # fmt: skip
    return path


def tone(path: Path, hertz: int, *, codec: str = "aac", channels: int = 2, seconds: float = 1) -> Path:
    ffmpeg(
        "-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration={seconds}", "-ac", channels, "-c:a",
        codec, path,
    )  # fmt: skip
    return path


def joined(out: Path, *parts: Path) -> Path:
    inputs = [word for part in parts for word in ("-i", part)]
    maps = [word for number in range(len(parts)) for word in ("-map", number)]
    ffmpeg(*inputs, *maps, "-c", "copy", out)
    return out


def loudest_hertz(path: Path) -> float:
    sound = samples(path)[4800:43200]
    return float(np.abs(np.fft.rfft(sound)).argmax() * 48000 / len(sound))


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_large_picture_of_one_frame_is_not_the_film(tmp_path: Path, container: str) -> None:
    film = video(tmp_path / "film.mp4", "160x90")
    still = video(tmp_path / "still.mp4", "640x360", seconds=0.04)
    for name, order in (("first", (still, film)), ("last", (film, still))):
        both = joined(tmp_path / f"{name}.{container}", *order)
        found = identify(both)
        assert (found.frame_count, found.width, found.video_track_count) == (24, 160, 2)
        result = made(both, tmp_path / name)
        assert (result.frame_count, result.width) == (24, 160)
        assert frame_digests(result.encode) == frame_digests(film)


def test_of_two_films_the_larger_one_is_meant_and_then_the_same_one_in_any_order(tmp_path: Path) -> None:
    small, large = video(tmp_path / "small.mp4", "80x46"), video(tmp_path / "large.mp4", "160x90")
    twin = video(tmp_path / "twin.mp4", "160x90", picture="smptebars")
    tracks = (small, large, twin)
    chosen = {
        sha256(made(joined(tmp_path / f"{number}.mkv", *order), tmp_path / f"out{number}").encode)
        for number, order in enumerate(itertools.permutations(tracks))
    }
    assert len(chosen) == 1
    assert len({identify(tmp_path / f"{number}.mkv").asset for number in range(6)}) == 1


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_of_several_sounds_the_one_with_most_channels_is_meant(tmp_path: Path, container: str) -> None:
    film = video(tmp_path / "film.mp4", "160x90")
    stereo, surround = tone(tmp_path / "1.mp4", 300), tone(tmp_path / "2.mp4", 900, channels=6)
    jingle = tone(tmp_path / "3.mp4", 2000, codec="ac3", channels=6, seconds=0.04)
    result = made(joined(tmp_path / f"all.{container}", film, stereo, surround, jingle), tmp_path / "out")
    assert identify(tmp_path / f"all.{container}").audio_track_count == 3
    assert abs(loudest_hertz(result.encode) - 900) < 5


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_of_equal_sounds_the_same_one_is_meant_in_any_order(tmp_path: Path, codec: str) -> None:
    film = video(tmp_path / "film.mp4", "160x90")
    sounds = [tone(tmp_path / f"{hertz}.mp4", hertz, codec=codec) for hertz in (400, 800, 1600)]
    results = [
        made(joined(tmp_path / f"{number}.{suffix}", film, *order), tmp_path / f"out{number}")
        for (number, order), suffix in zip(
            enumerate(itertools.permutations(sounds)), ("mp4", "mkv", "ts", "mp4", "mkv", "mp4"), strict=True
        )
    ]
    assert len({result.audio_stream for result in results}) == 1
    assert len({sha256(result.encode) for result in results}) == 1


def test_the_least_digest_decides_between_equals() -> None:
    def chosen(*tracks: tuple[int, int, bytes]) -> tuple[int, int, bytes] | None:
        return main_track(tracks, amount=lambda t: t[0], rank=lambda t: (t[1],), digest=lambda t: t[2])

    assert chosen() is None
    assert chosen((100, 1, b"b"), (100, 1, b"a")) == (100, 1, b"a")
    assert chosen((100, 1, b"a"), (10, 2, b"b")) == (10, 2, b"b")
    assert chosen((100, 1, b"a"), (9, 2, b"b")) == (100, 1, b"a")


SOUNDS = {
    "m4a": "aac",
    "wav": "pcm_s16le",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "flac": "flac",
    "mka": "ac3",
}


@pytest.mark.parametrize("suffix", SOUNDS)
def test_sound_alone_has_a_standard_form_without_frames(tmp_path: Path, suffix: str) -> None:
    source = tone(tmp_path / f"sound.{suffix}", 700, codec=SOUNDS[suffix])
    result = made(source, tmp_path / "out")
    assert (result.frame_count, result.width, result.proxy_height, result.rate) == (0, 0, 0, None)
    assert result.has_audio and not result.remuxed
    assert result.video_stream is None and result.audio_stream is not None
    assert abs(loudest_hertz(result.encode) - 700) < 5
    assert abs(len(samples(result.encode)) - 48000) < 4800
    times = FrameTimes.load(result.frame_times)
    assert (len(times), times.duration) == (0, 0)


def test_sound_alone_is_the_same_from_every_container(tmp_path: Path) -> None:
    first = tone(tmp_path / "sound.m4a", 700)
    results = [
        made(path, tmp_path / path.suffix)
        for path in (first, remux(first, tmp_path / "sound.mka"), remux(first, tmp_path / "sound.ts"))
    ]
    assert len({sha256(result.encode) for result in results}) == 1
    assert len({sha256(result.proxy) for result in results}) == 1


def test_a_film_without_frames_reads_as_such(tmp_path: Path) -> None:
    result = made(tone(tmp_path / "sound.m4a", 700), tmp_path / "out")
    with Video.open(result.proxy, result.frame_times) as scan:
        assert (scan.frame_count, list(scan.frames_between())) == (0, [])
        assert len(scan.frames_at([])) == 0
        with pytest.raises(FrameOutOfRangeError, match="there is no frame 0; the video has 0"):
            scan.frames_at([0])
