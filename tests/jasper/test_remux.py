"""What a container may do to a film, by film and container: the table of docs/architecture.md, one case a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jasper.identity import Identity, identify
from tests.jasper.making import SCENES, ffmpeg, remux, sha256

Change = Callable[[Path, Path], Path]
#: The container that says what it is by its suffix → what else ffmpeg must be told to write it.
NOT_STANDARD = ("-strict", "-2")


@dataclass(frozen=True)
class Material:
    """A film, or sound alone: its coding, and the containers that can hold it, the first one as it is made."""

    containers: tuple[str, ...]
    video: tuple[object, ...] = ()
    audio: tuple[object, ...] = ()

    def make(self, path: Path) -> Path:
        """The material at `path`, three seconds, 72 frames."""
        pixels = "yuv422p10le" if "prores_ks" in self.video else "yuv420p"
        scenes = SCENES.format(size="160x90", rate="24", format=pixels)
        pictures = ("-filter_complex", scenes, "-map", "[v]", *self.video) if self.video else ()
        sound = ("-f", "lavfi", "-i", "aevalsrc=sin(600*t*t)|sin(400*t):s=48000:d=3") if self.audio else ()
        ffmpeg(*sound, *pictures, *(("-map", "0:a", *self.audio) if self.audio else ()), *NOT_STANDARD, path)
        return path


_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", 48, "-bf", 2, "-threads", 1)
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1")
_AV1 = ("-c:v", "libsvtav1", "-preset", 13, "-svtav1-params", "lp=1")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8)
_MPEG2 = ("-c:v", "mpeg2video", "-q:v", 4, "-bf", 2)

MATERIALS = {
    "h264-aac": Material(("mp4", "mov", "mkv", "ts", "flv", "avi"), _X264, ("-c:a", "aac")),
    "h264-mp3": Material(("mp4", "mkv", "ts", "avi"), _X264, ("-c:a", "libmp3lame")),
    "h264-ac3": Material(("mkv", "mp4", "ts"), _X264, ("-c:a", "ac3")),
    "h264-pcm_s24le": Material(("mov", "mkv", "avi"), _X264, ("-c:a", "pcm_s24le")),
    "hevc-aac": Material(("mp4", "mov", "mkv", "ts"), _X265, ("-c:a", "aac")),
    "hevc-eac3": Material(("mkv", "mp4", "ts"), _X265, ("-c:a", "eac3")),
    "av1-opus": Material(("mkv", "webm", "mp4"), _AV1, ("-c:a", "libopus")),
    "vp9-opus": Material(("webm", "mkv", "mp4"), _VP9, ("-c:a", "libopus")),
    "mpeg2video-mp2": Material(("mkv", "ts", "mpg", "avi"), _MPEG2, ("-c:a", "mp2")),
    "mpeg2video-pcm_s16le": Material(("mkv", "mxf", "mov"), _MPEG2, ("-c:a", "pcm_s16le")),
    "mpeg4-mp3": Material(("mp4", "mkv", "mov"), ("-c:v", "mpeg4", "-q:v", 4), ("-c:a", "libmp3lame")),
    "prores-pcm_s24le": Material(("mov", "mkv", "mxf", "avi"), ("-c:v", "prores_ks"), ("-c:a", "pcm_s24le")),
    "pcm_s16le": Material(("wav", "w64", "mov", "mka", "caf", "avi"), audio=("-c:a", "pcm_s16le")),
    "pcm_s16be": Material(("aiff", "au", "mov", "mka"), audio=("-c:a", "pcm_s16be")),
    "aac": Material(("m4a", "aac", "ts", "mka"), audio=("-c:a", "aac")),
    "opus": Material(("ogg", "webm", "mka", "mp4", "ts"), audio=("-c:a", "libopus")),
    "flac": Material(("flac", "ogg", "mka", "mp4"), audio=("-c:a", "flac")),
    "mp3": Material(("mp3", "mp4", "mka", "wav"), audio=("-c:a", "libmp3lame")),
}


def plain(film: Path, out: Path) -> Path:
    return remux(film, out, *NOT_STANDARD)


def titled(film: Path, out: Path) -> Path:
    return remux(film, out, *NOT_STANDARD, "-metadata", "title=Another title", "-metadata", "comment=x" * 500)


def shifted(film: Path, out: Path) -> Path:
    return remux(film, out, *NOT_STANDARD, "-output_ts_offset", 3)


def with_chapter(film: Path, out: Path) -> Path:
    chapters = out.with_suffix(".txt")
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n")
    ffmpeg("-i", film, "-i", chapters, "-map", 0, "-map_metadata", 1, "-c", "copy", *NOT_STANDARD, out)
    return out


def with_cover(film: Path, out: Path) -> Path:
    picture = out.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:size=640x640", "-frames:v", 1, picture)
    if out.suffix == ".mkv":
        return remux(film, out, *NOT_STANDARD, "-attach", picture, "-metadata:s:t", "mimetype=image/png")
    ffmpeg(
        "-i", film, "-i", picture, "-map", 0, "-map", "1:v", "-c", "copy", *NOT_STANDARD,
        f"-disposition:v:{int(_has_pictures(film))}", "attached_pic", out,
    )  # fmt: skip
    return out


def with_attachment(film: Path, out: Path) -> Path:
    font = out.with_suffix(".ttf")
    font.write_bytes(bytes(range(256)) * 20)
    return remux(film, out, *NOT_STANDARD, "-attach", font, "-metadata:s:t", "mimetype=font/ttf")


def with_subtitles(film: Path, out: Path) -> Path:
    lines = out.with_suffix(".srt")
    lines.write_text("1\n00:00:00,000 --> 00:00:01,500\nHello\n")
    codec = {".mkv": "srt", ".webm": "webvtt", ".ts": "dvbsub"}.get(out.suffix, "mov_text")
    ffmpeg("-i", film, "-i", lines, "-map", 0, "-map", 1, "-c", "copy", *NOT_STANDARD, "-c:s", codec, out)
    return out


def with_data_track(film: Path, out: Path) -> Path:
    if out.suffix != ".ts":
        return remux(film, out, *NOT_STANDARD, "-timecode", "01:00:00:00")
    noise = out.with_suffix(".bin")
    noise.write_bytes(bytes(range(256)) * 20)
    ffmpeg("-i", film, "-f", "data", "-i", noise, "-map", 0, "-map", 1, "-c", "copy", out)
    return out


def faststart(film: Path, out: Path) -> Path:
    return remux(film, out, *NOT_STANDARD, "-movflags", "+faststart")


def fragmented(film: Path, out: Path) -> Path:
    return remux(film, out, *NOT_STANDARD, "-movflags", "+frag_keyframe+delay_moov")


def with_repeated_parameter_sets(film: Path, out: Path) -> Path:
    # Only where they have start codes can ffmpeg repeat them.
    raw = remux(film, out.with_suffix(".raw.ts"))
    return remux(raw, out, *NOT_STANDARD, "-bsf:v", "dump_extra=freq=keyframe")


def with_parameter_sets_in_the_packets(film: Path, out: Path) -> Path:
    tag = "hev1" if "hevc" in film.name else "avc3"
    raw = remux(film, out.with_suffix(".raw.ts"))
    return remux(raw, out, *NOT_STANDARD, "-tag:v", tag)


def _has_pictures(film: Path) -> bool:
    return identify(film).video_codec is not None


ISO = ("mp4", "mov", "m4a")
#: Each change, and the containers that can hold it; None for all.
CHANGES: dict[Change, tuple[str, ...] | None] = {
    plain: None,
    titled: None,
    shifted: (*ISO, "mkv", "webm", "ts", "flv", "ogg", "mka"),
    with_chapter: (*ISO, "mkv", "webm", "mka"),
    with_cover: ("mp4", "m4a", "mkv", "mp3", "flac"),
    with_attachment: ("mkv", "mka"),
    with_subtitles: ("mp4", "mov", "mkv", "webm"),
    with_data_track: ("mov", "mp4", "ts"),
    faststart: ISO,
    fragmented: ISO,
    with_repeated_parameter_sets: ("mp4", "mkv", "ts"),
    with_parameter_sets_in_the_packets: ("mp4", "mov"),
}
_OF_PICTURES = (with_subtitles, with_data_track)
_OF_UNITS = (with_repeated_parameter_sets, with_parameter_sets_in_the_packets)


def _is_possible(name: str, change: Change) -> bool:
    if change in _OF_UNITS:
        return name in ("h264-aac", "hevc-aac")
    return change not in _OF_PICTURES or bool(MATERIALS[name].video)


CELLS = [
    pytest.param(name, change, container, id=f"{name}-{change.__name__}-{container}")
    for name, material in MATERIALS.items()
    for change, containers in CHANGES.items()
    if _is_possible(name, change)
    for container in material.containers
    if containers is None or container in containers
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Identity]]:
    """Makes each material once."""
    folder = tmp_path_factory.mktemp("materials")

    def make(name: str) -> tuple[Path, Identity]:
        path = folder / f"{name}.{MATERIALS[name].containers[0]}"
        if not path.exists():
            MATERIALS[name].make(path)
        return path, identify(path)

    return make


@pytest.mark.parametrize(("name", "change", "container"), CELLS)
def test_what_a_container_changes_leaves_the_asset(
    made: Callable[[str], tuple[Path, Identity]], tmp_path: Path, name: str, change: Change, container: str
) -> None:
    film, before = made(name)
    changed = change(film, tmp_path / f"{name}.{container}")
    after = identify(changed)
    assert sha256(changed) != sha256(film) or change is plain
    assert after.asset == before.asset
    assert (after.frame_count, after.rate) == (before.frame_count, before.rate)
    assert (after.video_codec, after.partial) == (before.video_codec, False)
    assert before.frame_count == (72 if MATERIALS[name].video else 0)


@pytest.mark.parametrize(
    ("name", "container"),
    [
        (name, container)
        for name, material in MATERIALS.items()
        for container in material.containers[1:]
        # From these ffmpeg has no times of presentation, without which it writes no Matroska.
        if (name, container) not in {("mpeg2video-mp2", "mpg"), ("mpeg2video-mp2", "avi")}
    ],
)
def test_there_and_back_is_the_same_asset(
    made: Callable[[str], tuple[Path, Identity]], tmp_path: Path, name: str, container: str
) -> None:
    film, before = made(name)
    there = plain(film, tmp_path / f"there.{container}")
    back = plain(there, tmp_path / f"back{film.suffix}")
    assert identify(back).asset == before.asset
