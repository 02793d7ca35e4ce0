"""An asset is named by its content: what a container does to it leaves the name, what an editor does changes it."""

import hashlib
import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from jasper.errors import TimelineConflictError
from jasper.frames import FrameTimes
from jasper.identity import identify
from tests.jasper.making import ffmpeg, make_film, remux


def test_a_renamed_and_touched_file_is_the_same_asset(film: Path, tmp_path: Path) -> None:
    moved = tmp_path / "- an 'odd'\n name: 100%.bin"
    shutil.copy(film, moved)
    os.utime(moved, (1, 1))
    assert identify(moved).asset == identify(film).asset


def one_frame_fewer(film: Path, out: Path) -> Path:
    ffmpeg("-i", film, "-map", "0", "-c", "copy", "-frames:v", 71, out)
    return out


def other_sound(film: Path, out: Path) -> Path:
    ffmpeg(
        "-i", film, "-f", "lavfi", "-i", "sine=frequency=500:duration=3", "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac", out,
    )  # fmt: skip
    return out


def without_sound(film: Path, out: Path) -> Path:
    return remux(film, out, "-an")


def with_second_sound(film: Path, out: Path) -> Path:
    other = other_sound(film, out.with_suffix(".other.mp4"))
    ffmpeg("-i", film, "-i", other, "-map", "0:v", "-map", "0:a", "-map", "1:a", "-c", "copy", out)
    return out


def turned(film: Path, out: Path) -> Path:
    return remux(film, out, before=("-display_rotation", 90))


def mirrored(film: Path, out: Path) -> Path:
    return remux(film, out, before=("-display_hflip",))


def retimed(film: Path, out: Path) -> Path:
    return remux(film, out, "-bsf:v", "setts=ts=TS*24/25:duration=DURATION*24/25")


def encoded_again(film: Path, out: Path) -> Path:
    ffmpeg("-i", film, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy", out)
    return out


DIFFERENT = (
    one_frame_fewer,
    other_sound,
    without_sound,
    with_second_sound,
    turned,
    mirrored,
    retimed,
    encoded_again,
)
#: Containers that cannot say how a picture is turned.
NEVER_TURNED = ("ts",)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "ts"])
@pytest.mark.parametrize("change", DIFFERENT, ids=lambda change: change.__name__)
def test_what_changes_the_content_makes_another_asset(
    film: Path, tmp_path: Path, change, container: str
) -> None:
    changed = identify(change(film, tmp_path / f"changed.{container}")).asset
    is_lost = container in NEVER_TURNED and change in (turned, mirrored)
    assert (changed == identify(film).asset) == is_lost


def test_a_container_that_drops_the_turn_makes_another_asset(film: Path, tmp_path: Path) -> None:
    upright = turned(film, tmp_path / "turned.mp4")
    dropped = identify(remux(upright, tmp_path / "dropped.ts"))
    assert dropped.rotation == 0
    assert dropped.asset == identify(film).asset != identify(upright).asset


@pytest.mark.parametrize(
    "how", [("-ar", 44100, "-ac", 2), ("-ar", 48000, "-ac", 1)], ids=["rate", "channels"]
)
def test_the_same_samples_at_another_rate_or_on_other_channels_are_another_asset(
    tmp_path: Path, how: tuple[object, ...]
) -> None:
    raw = tmp_path / "samples.raw"
    raw.write_bytes(bytes(range(256)) * 4 * 750)
    usual, other = tmp_path / "usual.wav", tmp_path / "other.wav"
    ffmpeg("-f", "s16le", "-ar", 48000, "-ac", 2, "-i", raw, "-c", "copy", usual)
    ffmpeg("-f", "s16le", *how, "-i", raw, "-c", "copy", other)
    assert usual.read_bytes()[-1000:] == other.read_bytes()[-1000:]
    assert identify(usual).asset != identify(other).asset


def test_all_changes_make_assets_of_their_own(film: Path, tmp_path: Path) -> None:
    made = {identify(change(film, tmp_path / f"{change.__name__}.mp4")).asset for change in DIFFERENT}
    assert len(made) == len(DIFFERENT)


def test_retimed_packets_have_the_other_rate(film: Path, tmp_path: Path) -> None:
    assert identify(retimed(film, tmp_path / "retimed.mp4")).rate == Fraction(25)


def test_a_turned_video_says_how(film: Path, tmp_path: Path) -> None:
    # The option turns counter-clockwise.
    found = identify(turned(film, tmp_path / "turned.mp4"))
    assert (found.rotation, found.width, found.height) == (270, 180, 320)


def test_samples_are_the_same_in_either_byte_order(tmp_path: Path) -> None:
    little = make_film(tmp_path / "little.mov", audio=("-c:a", "pcm_s16le"))
    big = tmp_path / "big.mov"
    ffmpeg("-i", little, "-c:v", "copy", "-c:a", "pcm_s16be", big)
    assert identify(big).asset == identify(little).asset
    assert identify(remux(little, tmp_path / "samples.mkv")).asset == identify(little).asset


@pytest.mark.parametrize(
    "rate", ["24000/1001", "25", "30000/1001", "30", "50", "60000/1001", "60", "12", "15"]
)
def test_every_container_shows_the_same_rate(tmp_path: Path, rate: str) -> None:
    made = make_film(
        tmp_path / "film.mp4", size="64x36", rate=rate, video=("-preset", "ultrafast"), audio=None
    )
    for path in (made, *(remux(made, tmp_path / f"film.{container}") for container in ("mkv", "ts"))):
        assert identify(path).rate == Fraction(rate), path.suffix


def test_uneven_times_follow_no_rate(uneven: Path) -> None:
    found = identify(uneven)
    assert found.rate is None
    assert found.times is not None and len(found.times) == found.frame_count


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """A film whose frames come at uneven times, to a twelve thousandth of a second."""
    made = tmp_path / "uneven.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=2", "-vf", "setpts=PTS+0.3*sin(N)/TB/24",
        "-fps_mode", "vfr", "-enc_time_base", "1:12288", "-c:v", "libx264", made,
    )  # fmt: skip
    return made


def test_uneven_times_are_the_same_through_the_clock_of_another_container(
    uneven: Path, tmp_path: Path
) -> None:
    known = identify(uneven)
    for container in ("mkv", "ts", "mov"):
        again = identify(remux(uneven, tmp_path / f"again.{container}", "-output_ts_offset", 2))
        assert again.asset == known.asset
        again.check_timeline(known.times)


@pytest.mark.parametrize(("late", "agrees"), [(0.0015, True), (0.003, False)])
def test_a_known_asset_at_other_uneven_times_is_a_conflict(
    uneven: Path, tmp_path: Path, late: float, agrees: bool
) -> None:
    moved = tmp_path / "moved.mp4"
    after = f"gte(N\\,20)*{late}/TB"
    times = f"setts=pts=PTS+{after}:dts=DTS+{after}"
    ffmpeg("-i", uneven, "-c", "copy", "-bsf:v", times, "-video_track_timescale", 12288, moved)
    known, again = identify(uneven), identify(moved)
    assert again.asset == known.asset
    if agrees:
        again.check_timeline(known.times)
    else:
        with pytest.raises(TimelineConflictError, match="here it is shown at"):
            again.check_timeline(known.times)


def test_a_rate_has_no_conflicts(film: Path) -> None:
    found = identify(film)
    found.check_timeline(None)
    found.check_timeline(FrameTimes([0, 1], Fraction(1)))


def test_an_identity_says_what_the_file_is(film: Path) -> None:
    told: list[tuple[int, int]] = []
    found = identify(film, progress=lambda done, total: told.append((done, total)))
    assert found.file_digest == hashlib.sha256(film.read_bytes()).hexdigest()
    assert found.size_bytes == film.stat().st_size
    assert (found.width, found.height, found.rotation, found.partial) == (320, 180, 0, False)
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert found.duration_seconds == 3.0
    assert told[-1] == (72, 72)


def test_sound_alone_is_an_asset_without_frames(film: Path, tmp_path: Path) -> None:
    sound = remux(film, tmp_path / "sound.m4a", "-vn")
    found = identify(sound)
    assert (found.frame_count, found.video_codec, found.times) == (0, None, None)
    assert found.asset == identify(remux(sound, tmp_path / "sound.mka")).asset


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_film_cut_short_is_partial_and_another_asset(film: Path, tmp_path: Path, container: str) -> None:
    whole = remux(
        film, tmp_path / f"whole.{container}", *(("-movflags", "+faststart") if container == "mp4" else ())
    )
    cut = tmp_path / f"cut.{container}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    found = identify(cut)
    assert found.partial
    assert found.asset != identify(whole).asset
    assert 0 < found.frame_count < 72
