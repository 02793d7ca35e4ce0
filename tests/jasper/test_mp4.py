"""Files we write are read by others as they were meant."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jasper.bitstream import AacConfig
from jasper.mp4 import AudioTrackPlan, VideoTrackPlan, decode_schedule, write_mp4
from tests.jasper.making import FFMPEG


@given(st.permutations(range(8)))
def test_nothing_is_shown_before_it_is_decoded(order: list[int]) -> None:
    times = [index * 10 for index in order]
    due, delay = decode_schedule(times)
    assert due.tolist() == sorted(times)
    assert all(decoded <= shown + delay for decoded, shown in zip(due, times, strict=True))
    assert any(decoded == shown + delay for decoded, shown in zip(due, times, strict=True))


def spool(path: Path, sizes: list[int]) -> Path:
    path.write_bytes(b"".join(bytes((number + 1,)) * size for number, size in enumerate(sizes)))
    return path


@pytest.fixture
def plan(tmp_path: Path) -> VideoTrackPlan:
    sizes = [50, 60, 70, 80]
    return VideoTrackPlan(
        source=spool(tmp_path / "video", sizes),
        sizes=sizes,
        keys=[True, False, False, True],
        times=[0, 1024, 512, 1536],
        timescale=12288,
        last_duration=512,
        width=64,
        height=36,
        parameter_sets=[
            bytes.fromhex("674d401fe8802802dd80b501010140000003004000000c03c60c4480"),
            bytes.fromhex("68ebef20"),
        ],
    )


def packets(path: Path) -> list[tuple[int, int, int, int]]:
    """(stream, dts, pts, size) of each packet, by ffmpeg."""
    command = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        path,
        "-map",
        "0",
        "-c",
        "copy",
        "-copyinkf",
        "-copyts",
        "-f",
        "framemd5",
        "-",
    ]
    text = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[4])) for row in rows]


def test_times_and_sizes_are_read_back(plan: VideoTrackPlan, tmp_path: Path) -> None:
    read = packets(write_mp4(tmp_path / "out.mp4", plan))
    assert read == [(0, -512, 0, 50), (0, 0, 1024, 60), (0, 512, 512, 70), (0, 1024, 1536, 80)]


@pytest.mark.parametrize("offset", [-1024, 0, 4800])
def test_sound_stands_where_it_belongs(plan: VideoTrackPlan, tmp_path: Path, offset: int) -> None:
    sizes = [30] * 12
    audio = AudioTrackPlan(
        source=spool(tmp_path / "audio", sizes),
        sizes=sizes,
        times=[1024 * number for number in range(12)],
        last_duration=1024,
        offset=offset,
        config=AacConfig(2, 48000, 2),
        channels=2,
    )
    read = [row for row in packets(write_mp4(tmp_path / "out.mp4", plan, audio)) if row[0] == 1]
    # A wait before the sound is counted by the picture's clock, which ticks every four samples.
    assert [row[2] for row in read] == pytest.approx([offset + 1024 * number for number in range(12)], abs=2)


def test_the_same_packets_give_the_same_bytes(plan: VideoTrackPlan, tmp_path: Path) -> None:
    assert (
        write_mp4(tmp_path / "a.mp4", plan).read_bytes() == write_mp4(tmp_path / "b.mp4", plan).read_bytes()
    )


def test_half_a_minute_is_interleaved(plan: VideoTrackPlan, tmp_path: Path) -> None:
    count = 24 * 30
    long = VideoTrackPlan(
        source=_zeros(tmp_path / "long", 10 * count),
        sizes=[10] * count,
        keys=[True] * count,
        times=[512 * number for number in range(count)],
        timescale=12288,
        last_duration=512,
        width=64,
        height=36,
        parameter_sets=plan.parameter_sets,
    )
    frames = 48000 * 30 // 1024
    audio = AudioTrackPlan(
        _zeros(tmp_path / "audio", 5 * frames), [5] * frames, [1024 * n for n in range(frames)], 1024, 0,
        AacConfig(2, 48000, 2), 2,
    )  # fmt: skip
    read = packets(write_mp4(tmp_path / "out.mp4", long, audio))
    assert [row[0] for row in read].count(0) == count and [row[0] for row in read].count(1) == frames
    assert max(row[1] for row in read if row[0] == 0) == 512 * (count - 1)
    assert Fraction(512 * count, 12288) == 30


def _zeros(path: Path, size: int) -> Path:
    path.write_bytes(bytes(size))
    return path
