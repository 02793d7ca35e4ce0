"""An asset is named by its content: what a container does to it leaves the name, what an editor does changes it."""

import hashlib
import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from jasper.identity import identify
from tests.jasper.making import ffmpeg, make_film, remux, sha256

CONTAINERS = ("mp4", "mov", "mkv", "ts")


def tagged(film: Path, out: Path) -> Path:
    return remux(film, out, "-metadata", "title=Another title", "-metadata", "comment=x")


def with_chapter(film: Path, out: Path) -> Path:
    chapters = out.with_suffix(".txt")
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n")
    ffmpeg("-i", film, "-i", chapters, "-map", "0:v", "-map", "0:a", "-map_metadata", 1, "-c", "copy", out)
    return out


def with_cover(film: Path, out: Path) -> Path:
    picture = out.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", 1, picture)
    if out.suffix == ".mkv":
        return remux(film, out, "-attach", picture, "-metadata:s:t", "mimetype=image/png")
    ffmpeg(
        "-i", film, "-i", picture, "-map", "0:v", "-map", "0:a", "-map", "1:v", "-c", "copy", "-disposition:v:1",
        "attached_pic", out,
    )  # fmt: skip
    return out


def with_subtitles(film: Path, out: Path) -> Path:
    lines = out.with_suffix(".srt")
    lines.write_text("1\n00:00:00,000 --> 00:00:02,500\nHello\n")
    codec = "srt" if out.suffix == ".mkv" else "mov_text"
    ffmpeg("-i", film, "-i", lines, "-map", "0", "-map", "1", "-c", "copy", "-c:s", codec, out)
    return out


def audio_first(film: Path, out: Path) -> Path:
    ffmpeg("-i", film, "-map", "0:a", "-map", "0:v", "-c", "copy", out)
    return out


def plain(film: Path, out: Path) -> Path:
    return remux(film, out)


def faststart(film: Path, out: Path) -> Path:
    return remux(film, out, "-movflags", "+faststart")


def fragmented(film: Path, out: Path) -> Path:
    return remux(film, out, "-movflags", "+frag_keyframe+empty_moov")


def shifted(film: Path, out: Path) -> Path:
    return remux(film, out, "-output_ts_offset", 3)


SAME = [
    (change, container) for container in CONTAINERS for change in (plain, tagged, audio_first, shifted)
] + [
    (with_chapter, "mp4"),
    (with_chapter, "mkv"),
    (with_cover, "mp4"),
    (with_cover, "mkv"),
    (with_subtitles, "mp4"),
    (with_subtitles, "mkv"),
    (faststart, "mp4"),
    (faststart, "mov"),
    (fragmented, "mp4"),
    (plain, "flv"),
]


@pytest.mark.parametrize(("change", "container"), SAME, ids=lambda v: getattr(v, "__name__", v))
def test_what_a_container_changes_leaves_the_asset(
    film: Path, tmp_path: Path, change, container: str
) -> None:
    changed = change(film, tmp_path / f"changed.{container}")
    before, after = identify(film), identify(changed)
    assert sha256(film) != sha256(changed)
    assert after.asset == before.asset
    assert (after.frame_count, after.rate) == (72, Fraction(24))


@pytest.mark.parametrize("container", ["mov", "mkv", "ts", "flv"])
def test_there_and_back_is_the_same_asset(film: Path, tmp_path: Path, container: str) -> None:
    there = remux(film, tmp_path / f"there.{container}")
    assert identify(remux(there, tmp_path / "back.mp4")).asset == identify(film).asset


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


@pytest.mark.parametrize("change", DIFFERENT, ids=lambda change: change.__name__)
def test_what_changes_the_content_makes_another_asset(film: Path, tmp_path: Path, change) -> None:
    assert identify(change(film, tmp_path / "changed.mp4")).asset != identify(film).asset


def test_all_changes_make_assets_of_their_own(film: Path, tmp_path: Path) -> None:
    made = {identify(change(film, tmp_path / f"{change.__name__}.mp4")).asset for change in DIFFERENT}
    assert len(made) == len(DIFFERENT)


def test_retimed_packets_have_the_other_rate(film: Path, tmp_path: Path) -> None:
    assert identify(retimed(film, tmp_path / "retimed.mp4")).rate == Fraction(25)


def test_a_turned_video_says_how(film: Path, tmp_path: Path) -> None:
    # The option turns counter-clockwise.
    found = identify(turned(film, tmp_path / "turned.mp4"))
    assert (found.rotation, found.width, found.height) == (270, 180, 320)


CODECS = {
    "hevc": (
        "libx265",
        ("-preset", "ultrafast", "-x265-params", "log-level=none:pools=1"),
        ("mp4", "mkv", "mov", "ts"),
    ),
    "av1": ("libsvtav1", ("-preset", 13, "-svtav1-params", "lp=1"), ("mp4", "mkv")),
    "vp9": ("libvpx-vp9", ("-deadline", "realtime", "-cpu-used", 8), ("mp4", "mkv", "webm")),
    "mpeg2video": ("mpeg2video", ("-q:v", 4, "-bf", 2), ("mp4", "mkv", "ts")),
    "mpeg4": ("mpeg4", ("-q:v", 4), ("mp4", "mkv", "mov")),
    "prores": ("prores_ks", (), ("mov", "mkv")),
}


@pytest.mark.parametrize("name", CODECS)
def test_other_codecs_keep_their_asset_across_containers(tmp_path: Path, name: str) -> None:
    encoder, settings, containers = CODECS[name]
    audio = ("-c:a", "libopus", "-ac", 2) if "webm" in containers else ("-c:a", "aac")
    pixel_format = "yuv422p10le" if name == "prores" else "yuv420p"
    first = make_film(
        tmp_path / f"film.{containers[0]}", codec=encoder, size="160x90", pixel_format=pixel_format, video=settings, audio=audio
    )  # fmt: skip
    found = identify(first)
    assert (found.video_codec, found.frame_count, found.rate) == (name, 72, Fraction(24))
    for container in containers[1:]:
        assert identify(remux(first, tmp_path / f"again.{container}")).asset == found.asset, container


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


def test_uneven_times_follow_no_rate(tmp_path: Path) -> None:
    made = tmp_path / "uneven.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=24:duration=2", "-vf", "setpts=PTS+0.3*sin(N)/TB/24",
        "-fps_mode", "vfr", "-enc_time_base", "1:12288", "-c:v", "libx264", made,
    )  # fmt: skip
    found = identify(made)
    assert found.rate is None
    assert found.times is not None and len(found.times) == found.frame_count


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
