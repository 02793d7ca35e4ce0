"""Index and seconds are converted by stored rational times, and back to the same index."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jasper.errors import CorruptMediaError, FrameOutOfRangeError, TimelineConflictError
from jasper.frames import FrameTimes
from jasper.timing import STANDARD_RATES


@given(st.sampled_from(STANDARD_RATES), st.integers(1, 300_000))
def test_index_to_seconds_and_back_at_every_rate(rate: Fraction, frame_count: int) -> None:
    times = FrameTimes.at_rate(rate, frame_count)
    for index in {0, frame_count // 3, frame_count - 1}:
        assert times.time(index) == Fraction(index) / rate
        assert times.index_at(times.seconds_at(index)) == index
        assert times.index_at(times.time(index)) == index


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50), st.sampled_from([1000, 12288, 90000, 10**9]))
def test_index_to_seconds_and_back_at_uneven_times(steps: list[int], ticks_a_second: int) -> None:
    times = FrameTimes(np.cumsum([0, *steps]), Fraction(1, ticks_a_second))
    assert [times.index_at(times.seconds_at(index)) for index in range(len(times))] == list(range(len(times)))


def test_a_frame_is_seen_until_the_next_one() -> None:
    times = FrameTimes([0, 10, 40], Fraction(1, 10))
    assert [times.index_at(seconds) for seconds in (0, 0.99, 1, 3.9, 4, 1000)] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(FrameOutOfRangeError, match=r"no frame is shown at -0\.1 s"):
        times.index_at(-0.1)


def test_the_last_frame_lasts_as_long_as_the_one_before() -> None:
    assert FrameTimes([0, 10, 40], Fraction(1, 10)).duration == 7
    assert FrameTimes.at_rate(Fraction(24000, 1001), 24).duration == Fraction(1001, 1000)
    assert FrameTimes.at_rate(Fraction(25), 1).duration == Fraction(1, 25)
    assert FrameTimes([], Fraction(1, 10)).duration == 0


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_time_for_a_frame_that_is_not_there(index: int) -> None:
    with pytest.raises(FrameOutOfRangeError, match=f"no frame {index}; the video has 3, from 0 on"):
        FrameTimes([0, 1, 2], Fraction(1)).time(index)


def test_times_are_kept_in_a_file_that_others_can_read(tmp_path: Path) -> None:
    times = FrameTimes([0, 1001, 2002], Fraction(1, 24000))
    path = times.save(tmp_path / "times.arrow")
    assert FrameTimes.load(path) == times
    with pa.OSFile(str(path), "rb") as file:
        table = pa.ipc.open_file(file).read_all()
    assert table.column_names == ["tick"]
    assert table["tick"].to_pylist() == [0, 1001, 2002]
    assert table.schema.metadata == {b"time_base": b"1/24000"}
    assert times.save(tmp_path / "again.arrow").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no times at all", b"ARROW1\x00\x00" + bytes(100)])
def test_a_file_without_times_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "times.arrow"
    path.write_bytes(content)
    with pytest.raises(CorruptMediaError, match="holds no frame times"):
        FrameTimes.load(path)


def test_sightings_agree_within_two_milliseconds() -> None:
    known = FrameTimes([0, 40, 100], Fraction(1, 1000))
    known.check_agrees(FrameTimes([700, 742, 798], Fraction(1, 1000)))
    with pytest.raises(
        TimelineConflictError, match=r"frame 1 is known at 0.040000 s, here it is shown at 0.043000 s"
    ):
        known.check_agrees(FrameTimes([700, 743, 798], Fraction(1, 1000)))
    with pytest.raises(TimelineConflictError, match="known with 3 frames, here it has 2"):
        known.check_agrees(FrameTimes([0, 40], Fraction(1, 1000)))


def test_a_media_clock_is_exact_where_it_can_be() -> None:
    def clock(times: FrameTimes) -> tuple[int, list[int], int]:
        scale, ticks, last = times.clock()
        return scale, ticks.tolist(), last

    assert clock(FrameTimes.at_rate(Fraction(24), 3)) == (12288, [0, 512, 1024], 512)
    assert clock(FrameTimes.at_rate(Fraction(30000, 1001), 3)) == (30000, [0, 1001, 2002], 1001)
    assert clock(FrameTimes([0, 7, 9], Fraction(1, 90000))) == (90000, [0, 7, 9], 2)
    assert clock(FrameTimes([0, 10**9], Fraction(1, 10**9))) == (90000, [0, 90000], 90000)
