"""Every source, however odd its times, gives one timeline: each frame once, in order, at its time."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jasper.identity import identify
from jasper.standard_form import standardize
from jasper.video import Video
from tests.jasper.making import FFMPEG, ffmpeg, raw_frames, remux

SIZE = (160, 90)
#: What two codings of one picture may differ by, in the mean of 0 to 255; neighbours differ by far more.
ALIKE = 7.0
#: Each frame is at least two steps of brightness from its neighbours.
FLICKER = "eq=brightness=0.1*mod(2*n\\,5)-0.2:eval=frame"

_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", 3, "-g", 20, "-threads", 1)
_X265 = (
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:pools=1:bframes=3:keyint=20",
)


def make(out: Path, *coding: object, rate: str = "24", filters: str = "null") -> Path:
    """Two seconds of moving, flickering pictures."""
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={rate}:duration=2", "-vf", f"{FLICKER},format=yuv420p,{filters}",
        "-fps_mode", "passthrough", *coding, out,
    )  # fmt: skip
    return out


def uneven(folder: Path) -> Path:
    jitter = "settb=1/12288,setpts=PTS+0.3*sin(N)/TB/24"
    return make(folder / "film.mp4", "-enc_time_base", "1:12288", *_X264, filters=jitter)


def with_gaps(folder: Path) -> Path:
    return make(
        folder / "film.mkv", *_X264, filters="select=not(eq(mod(n\\,7)\\,3))*not(between(n\\,20\\,28))"
    )


def late(folder: Path) -> Path:
    return remux(make(folder / "on-time.mp4", *_X264), folder / "film.mkv", "-output_ts_offset", 3.21)


def late_transport(folder: Path) -> Path:
    return remux(make(folder / "on-time.mp4", *_X264, rate="25"), folder / "film.ts", "-output_ts_offset", 7)


def with_edit_list(folder: Path) -> Path:
    """Begins between key frames: the frames before the edit are there, and are not shown."""
    return remux(make(folder / "whole.mp4", *_X264), folder / "film.mp4", before=("-ss", 1.1))


def film_rate(folder: Path) -> Path:
    return make(folder / "film.mp4", *_X264, rate="24000/1001")


def broadcast_rate(folder: Path) -> Path:
    return make(folder / "film.mov", "-c:v", "prores_ks", rate="30000/1001")


def open_groups(folder: Path) -> Path:
    return make(folder / "film.mkv", *_X265, rate="50")


def avi(folder: Path) -> Path:
    return remux(make(folder / "film.mp4", *_X264), folder / "film.avi")


def webm(folder: Path) -> Path:
    return make(
        folder / "film.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, rate="30000/1001"
    )


def programme(folder: Path) -> Path:
    return make(folder / "film.mpg", "-c:v", "mpeg2video", "-q:v", 2, "-bf", 2, rate="25")


SOURCES = (
    uneven, with_gaps, late, late_transport, with_edit_list, film_rate, broadcast_rate, open_groups, avi, webm, programme,
)  # fmt: skip


def shown_by_ffmpeg(path: Path) -> np.ndarray:
    """All frames that are presented, none dropped and none doubled, shape (frames, 90, 160, 3)."""
    data = raw_frames(path, SIZE, "-vf", "scale=in_color_matrix=bt709")
    return np.stack([np.frombuffer(picture, np.uint8) for picture in data]).reshape(-1, SIZE[1], SIZE[0], 3)


def times_by_ffmpeg(path: Path) -> np.ndarray:
    """When these frames are shown, in seconds from the first."""
    command = [
        FFMPEG, "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
        "-enc_time_base", "demux", "-f", "framemd5", "-",
    ]  # fmt: skip
    text = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    base = next(Fraction(line.split()[-1]) for line in text.splitlines() if line.startswith("#tb 0"))
    ticks = [int(line.split(",")[2]) for line in text.splitlines() if not line.startswith("#")]
    return np.array([float((tick - ticks[0]) * base) for tick in ticks])


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_frame_is_the_one_that_ffmpeg_shows_at_its_ordinal_and_time(source, tmp_path: Path) -> None:
    path = source(tmp_path)
    expected = shown_by_ffmpeg(path)
    made = standardize(path, tmp_path / "standard", asset=identify(path).asset)
    with Video.open(made.encode, made.frame_times) as video:
        frames = [frame.data.astype(float) for frame in video.frames_between(width=SIZE[0], height=SIZE[1])]
        assert len(frames) == video.frame_count == len(expected)
        own = [float(np.abs(frame - other).mean()) for frame, other in zip(frames, expected, strict=True)]
        beside = [
            float(np.abs(frame - other).mean()) for frame, other in zip(frames, expected[1:], strict=False)
        ]
        assert max(own) < ALIKE < min(beside)
        times = video.times
    if path.suffix != ".avi":  # of which ffmpeg does not know the times either
        assert np.abs(times.seconds - times_by_ffmpeg(path)).max() < 0.0021
    indices = range(len(times))
    assert [times.index_at(times.seconds_at(index)) for index in indices] == list(indices)
    assert [times.index_at(times.time(index)) for index in indices] == list(indices)
    middles = [(times.seconds_at(index) + times.seconds_at(index + 1)) / 2 for index in indices[:-1]]
    assert [times.index_at(middle) for middle in middles] == list(indices[:-1])
