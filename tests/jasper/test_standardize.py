"""One pass makes the standard form: the same bytes from every container, every frame once, nothing half-written."""

import re
import subprocess
import threading
from dataclasses import astuple
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jasper import limits
from jasper.errors import (
    CorruptMediaError,
    DecompressionBombError,
    NoVideoError,
    SourceChangedError,
    TimelineConflictError,
    UnknownCodecError,
)
from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from tests.jasper.making import FFMPEG, ffmpeg, frame_digests, make_film, remux, samples, sha256, sound_delay


def made(path: Path, into: Path) -> Standardized:
    return standardize(path, into, asset=identify(path).asset)


def facts(path: Path) -> str:
    """What ffmpeg says of a file."""
    return subprocess.run(
        [FFMPEG, "-hide_banner", "-i", path], capture_output=True, text=True, check=False
    ).stderr


def key_frames(path: Path) -> list[int]:
    """The places of key frames among the frames of a video at 24 a second, by ffmpeg."""
    command = [FFMPEG, "-v", "error", "-skip_frame", "nokey", "-i", path, "-fps_mode", "passthrough", "-an"]
    text = subprocess.run(
        [*command, "-f", "framemd5", "-"], capture_output=True, text=True, check=True
    ).stdout
    clock = Fraction(re.findall(r"#tb 0: (\S+)", text)[0])
    times = [int(line.split(",")[2]) * clock for line in text.splitlines() if not line.startswith("#")]
    return [round(time * 24) for time in times]


@pytest.fixture(scope="module")
def standard(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Standardized:
    return made(film, tmp_path_factory.mktemp("standard"))


def test_a_standard_film_keeps_its_own_pictures_and_sound(film: Path, standard: Standardized) -> None:
    assert standard.remuxed and standard.has_audio
    assert frame_digests(standard.encode) == frame_digests(film)
    assert (standard.width, standard.height, standard.frame_count) == (320, 180, 72)
    assert (standard.proxy_width, standard.proxy_height) == (456, 256)
    assert standard.rate == Fraction(24)


def test_the_source_is_read_once(film: Path, standard: Standardized) -> None:
    assert standard.bytes_read <= film.stat().st_size * 1.05


@pytest.mark.parametrize("container", ["mov", "mkv", "ts", "flv"])
def test_every_container_yields_the_same_bytes(
    film: Path, standard: Standardized, tmp_path: Path, container: str
) -> None:
    again = made(remux(film, tmp_path / f"film.{container}"), tmp_path / "out")
    assert sha256(again.encode) == sha256(standard.encode)
    assert sha256(again.proxy) == sha256(standard.proxy)
    assert sha256(again.frame_times) == sha256(standard.frame_times)


@pytest.mark.parametrize(
    ("rate", "sound"), [("24000/1001", "libmp3lame"), ("30000/1001", "ac3"), ("60", "alac")]
)
def test_what_is_encoded_is_the_same_from_every_container(tmp_path: Path, rate: str, sound: str) -> None:
    first = make_film(
        tmp_path / "film.mp4", rate=rate, codec="mpeg4", video=("-q:v", 4), audio=("-c:a", sound)
    )
    copies = [first, *(remux(first, tmp_path / f"film.{container}") for container in ("mkv", "mov"))]
    results = [made(copy, tmp_path / copy.suffix) for copy in copies]
    assert not any(result.remuxed for result in results)
    assert len({sha256(result.encode) for result in results}) == 1
    assert len({sha256(result.proxy) for result in results}) == 1


def test_making_it_twice_gives_the_same_bytes(film: Path, standard: Standardized, tmp_path: Path) -> None:
    again = made(film, tmp_path)
    assert [sha256(path) for path in astuple(again)[:4]] == [sha256(path) for path in astuple(standard)[:4]]


def test_the_proxy_has_every_frame_and_a_key_frame_every_24(standard: Standardized) -> None:
    assert len(frame_digests(standard.proxy)) == 72
    assert key_frames(standard.proxy) == [0, 24, 48]


def test_a_player_finds_the_index_first(standard: Standardized) -> None:
    for path in (standard.encode, standard.proxy):
        data = path.read_bytes()
        assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_no_file_says_who_made_it_or_when(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", codec="mpeg4", video=("-q:v", 4), audio=("-c:a", "libmp3lame"))
    result = made(source, tmp_path / "out")
    for path in (result.encode, result.proxy):
        data = path.read_bytes()
        assert b"x264" not in data and b"Lavc" not in data and b"Lavf" not in data


NOT_STANDARD = {
    "too large": {"size": "1300x732", "video": ("-preset", "ultrafast")},
    "ten bits": {"pixel_format": "yuv420p10le"},
    "full colour": {"pixel_format": "yuv444p"},
    "another codec": {"codec": "mpeg4", "video": ("-q:v", 4)},
    "oblong pixels": {"video": ("-preset", "ultrafast", "-aspect", "4:3")},
    "turned": {},
}


@pytest.mark.parametrize("problem", NOT_STANDARD)
def test_what_is_not_standard_is_encoded(tmp_path: Path, problem: str) -> None:
    source = make_film(tmp_path / "film.mp4", **NOT_STANDARD[problem])
    if problem == "turned":
        source = remux(source, tmp_path / "turned.mp4", before=("-display_rotation", 90))
    result = made(source, tmp_path / "out")
    sizes = {"too large": (1278, 720), "oblong pixels": (240, 180), "turned": (180, 320)}
    assert not result.remuxed
    assert (result.width, result.height) == sizes.get(problem, (320, 180))
    said = facts(result.encode)
    assert (
        re.search(r"Video: h264 .*yuv420p\(tv, bt709", said) and "SAR 1:1" in said and "rotation" not in said
    )
    assert len(frame_digests(result.encode)) == result.frame_count == 72
    assert key_frames(result.encode) == [0, 24, 48]


def test_key_frames_too_far_apart_are_seen_at_the_end_and_the_source_is_not_read_again(
    tmp_path: Path,
) -> None:
    source = tmp_path / "long.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=24:duration=8", "-c:v", "libx264", "-preset", "veryfast",
        "-g", 192, "-sc_threshold", 0, "-pix_fmt", "yuv420p", source,
    )  # fmt: skip
    result = made(source, tmp_path / "out")
    assert not result.remuxed
    assert result.bytes_read <= source.stat().st_size * 1.05
    assert key_frames(result.encode) == [0, 24, 48, 72, 96, 120, 144, 168]
    mkv = made(remux(source, tmp_path / "long.mkv"), tmp_path / "mkv")
    assert sha256(mkv.encode) == sha256(result.encode)


def test_a_turned_film_stands_upright(film: Path, tmp_path: Path) -> None:
    turned = remux(film, tmp_path / "turned.mp4", before=("-display_rotation", 90))
    result = made(turned, tmp_path / "out")
    upright = tmp_path / "upright.mp4"
    ffmpeg("-i", turned, "-c:v", "libx264", "-crf", 21, "-pix_fmt", "yuv420p", "-an", upright)
    assert similarity(result.encode, upright, (180, 320)) > 30


def similarity(one: Path, other: Path, size: tuple[int, int]) -> float:
    """The peak signal to noise ratio of two videos, in decibels, by ffmpeg."""
    text = subprocess.run(
        [FFMPEG, "-i", one, "-i", other, "-lavfi", f"[0:v]scale={size[0]}:{size[1]}[a];[a][1:v]psnr", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    return float(re.findall(r"average:(\S+)", text)[-1].replace("inf", "100"))


def test_the_proxy_looks_like_the_film(film: Path, standard: Standardized) -> None:
    assert similarity(standard.proxy, film, (320, 180)) > 25


def test_foreign_sound_becomes_aac_and_the_pictures_are_kept(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mkv", audio=("-c:a", "libopus", "-ac", 1))
    result = made(source, tmp_path / "out")
    assert result.remuxed and result.has_audio
    assert frame_digests(result.encode) == frame_digests(source)
    assert re.search(r"Audio: aac \(LC\).*48000 Hz, mono", facts(result.encode))


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("codec", ["aac", "ac3", "libmp3lame"])
def test_sound_stays_with_the_pictures(tmp_path: Path, codec: str, container: str) -> None:
    source = make_film(tmp_path / f"film.{container}", audio=("-c:a", codec))
    result = made(source, tmp_path / "out")
    # The film's own sound runs from 0; offsets are rounded to 512 samples, so at most 256 are lost.
    expected = np.sin(600 * (np.arange(48000) / 48000) ** 2) + np.sin(400 * np.arange(48000) / 48000)
    assert abs(sound_delay(samples(result.encode), expected)) <= 256


def test_a_silent_film_has_no_sound(tmp_path: Path) -> None:
    result = made(make_film(tmp_path / "film.mp4", audio=None), tmp_path / "out")
    assert not result.has_audio
    assert "Audio" not in facts(result.encode)


def test_frame_times_are_index_over_rate_and_source_times_are_the_sources(film: Path, tmp_path: Path) -> None:
    late = remux(film, tmp_path / "late.ts", "-output_ts_offset", 3)
    result = made(late, tmp_path / "out")
    times, source = FrameTimes.load(result.frame_times), FrameTimes.load(result.source_times)
    assert [times.time(index) for index in (0, 1, 71)] == [Fraction(0), Fraction(1, 24), Fraction(71, 24)]
    assert source.time_base == Fraction(1, 90000)
    assert source.time(0) > 3
    assert source.time(24) - source.time(0) == 1


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=2", "-vf", "setpts=PTS+0.3*sin(N)/TB/24",
        "-fps_mode", "vfr", "-enc_time_base", "1:12288", "-c:v", "libx264", "-pix_fmt", "yuv420p", path,
    )  # fmt: skip
    return path


def test_uneven_times_are_kept_exactly(uneven: Path, tmp_path: Path) -> None:
    result = made(uneven, tmp_path)
    times = FrameTimes.load(result.frame_times)
    ticks = [int(line.split(",")[2]) for line in packet_lines(uneven)]
    assert result.rate is None and result.remuxed
    assert times.time_base == Fraction(1, 12288)
    assert times.ticks.tolist() == [tick - min(ticks) for tick in sorted(ticks)]
    assert sorted(int(line.split(",")[2]) for line in packet_lines(result.encode)) == times.ticks.tolist()


def packet_lines(path: Path) -> list[str]:
    """ffmpeg's list of a video's packets: stream, dts, pts, duration, size, digest."""
    command = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        path,
        "-map",
        "0:v",
        "-c",
        "copy",
        "-copyts",
        "-f",
        "framemd5",
        "-",
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_recorded_times_hold_where_timing_is_variable(uneven: Path, tmp_path: Path) -> None:
    asset = identify(uneven).asset
    found = FrameTimes.load(made(uneven, tmp_path / "first").frame_times)
    nearby = FrameTimes(found.ticks + (np.arange(len(found)) > 5), found.time_base)
    again = standardize(uneven, tmp_path / "again", asset=asset, times=nearby)
    assert FrameTimes.load(again.frame_times) == nearby
    apart = FrameTimes(found.ticks + 100 * (np.arange(len(found)) > 5), found.time_base)
    with pytest.raises(TimelineConflictError, match=r"frame \d+ is known at"):
        standardize(uneven, tmp_path / "apart", asset=asset, times=apart)


def test_recorded_times_hold_for_those_frames_that_can_be_decoded(uneven: Path, tmp_path: Path) -> None:
    """The first group of pictures cannot be, as its key frame is lost."""
    broken = tmp_path / "broken.mp4"
    ffmpeg(
        "-i", uneven, "-c:v", "libx264", "-g", 12, "-sc_threshold", 0, "-fps_mode", "passthrough", "-enc_time_base",
        "1:12288", broken,
    )  # fmt: skip
    with av.open(str(broken)) as container:
        key = next(container.demux(video=0))
    data, start = bytearray(broken.read_bytes()), key.pos or 0
    # The encoder's note about itself comes before the picture.
    picture = start + 4 + int.from_bytes(data[start : start + 4], "big") + 4
    assert data[picture] == 0x65
    data[picture + 1 : start + key.size] = bytes(start + key.size - picture - 1)
    broken.write_bytes(data)
    found = identify(broken)
    assert found.rate is None and found.times is not None and found.frame_count == 48
    result = standardize(broken, tmp_path / "made", asset=found.asset, times=found.times)
    times = FrameTimes.load(result.frame_times)
    assert 0 < len(times) < 48
    ticks = found.times.ticks[-len(times) :]
    assert times.ticks.tolist() == (ticks - ticks[0]).tolist()


def test_another_file_at_the_place_is_refused_and_leaves_nothing(film: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceChangedError, match="no longer holds asset 000000000000"):
        standardize(film, tmp_path / "out", asset="0" * 64)
    assert list((tmp_path / "out").iterdir()) == []


def test_progress_rises_to_the_end(film: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    standardize(film, tmp_path, asset=identify(film).asset, progress=lambda *done: told.append(done))
    assert told == sorted(told)
    assert told[-1] == (72, 72)


class StopHere(KeyboardInterrupt):
    """Ctrl-C, as it reaches the middle of a pass."""


@pytest.mark.parametrize("kind", ["kept", "encoded"])
def test_an_interrupted_pass_leaves_no_thread_and_no_file(film: Path, tmp_path: Path, kind: str) -> None:
    source = film if kind == "kept" else make_film(tmp_path / "film.mp4", pixel_format="yuv444p")
    before = threading.active_count()

    def stop(done: int, total: int) -> None:
        raise StopHere

    with pytest.raises(StopHere):
        standardize(source, tmp_path / "out", asset=identify(source).asset, progress=stop)
    assert threading.active_count() == before
    assert list((tmp_path / "out").iterdir()) == []


def test_pictures_that_cannot_be_decoded_are_an_error(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mkv", audio=None)
    data = bytearray(source.read_bytes())
    start = data.find(b"\x1f\x43\xb6\x75")
    rng = np.random.default_rng(1)
    data[start + 40 :: 3] = rng.integers(0, 256, len(data[start + 40 :: 3]), dtype=np.uint8).tobytes()
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(bytes(data))
    with pytest.raises((CorruptMediaError, NoVideoError)) as raised:
        made(broken, tmp_path / "out")
    assert str(raised.value)


def test_pictures_of_an_unknown_codec_are_named_and_not_decoded(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mkv")
    other = tmp_path / "other.mkv"
    other.write_bytes(source.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_UNHEARD/OF/YET"[:15]))
    assert identify(other).asset != identify(source).asset
    with pytest.raises(UnknownCodecError, match="convert it with another program"):
        made(other, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("name", "pixels"), [("film.mp4", "4,147,200"), ("film.h264", r"2,\d{3},\d{3}")])
def test_a_file_that_yields_pictures_without_end_is_given_up(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pixels: str
) -> None:
    """At once where the container announces the frames, else when there are too many."""
    monkeypatch.setattr(limits, "FREE_PIXELS", 320 * 180 * 40)
    monkeypatch.setattr(limits, "PIXELS_A_BYTE", 0)
    path = tmp_path / name
    ffmpeg("-i", film, "-c", "copy", "-an", path)
    asset = identify(path).asset
    with pytest.raises(DecompressionBombError, match=rf"bytes, and {pixels} pixels come out of it"):
        standardize(path, tmp_path / "out", asset=asset)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_container_announces_in_vain_makes_no_bomb(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE_PIXELS", 320 * 180 * 60)
    monkeypatch.setattr(limits, "PIXELS_A_BYTE", 0)
    front = tmp_path / "front.mp4"
    ffmpeg("-i", film, "-c", "copy", "-movflags", "faststart", front)
    data = front.read_bytes()
    part = tmp_path / "part.mp4"
    part.write_bytes(data[: len(data) // 2])
    assert 0 < made(part, tmp_path / "part").frame_count <= 60
    with pytest.raises(DecompressionBombError):
        made(front, tmp_path / "whole")


def test_a_long_wait_between_frames_fits_the_clock_of_a_file() -> None:
    times = FrameTimes([0, 1, 90_000 * 86_400 * 300], Fraction(1, 90_000))
    timescale, ticks, last = times.clock()
    assert max(ticks[-1] - ticks[-2], last) < 2**32
    assert abs(Fraction(ticks[-1], timescale) - 86_400 * 300) <= Fraction(1, timescale)
    assert FrameTimes([0, 1, 90_000 * 600], Fraction(1, 90_000)).clock()[0] == 90_000
