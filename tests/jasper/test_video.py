"""Frames are exact by index and by time, in any order, and equal to what another decoder shows."""

import io
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jasper.errors import CorruptMediaError, FrameOutOfRangeError, MediaIOError
from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.standard_form import Standardized, standardize
from jasper.video import Cursor, Video
from tests.jasper.making import ffmpeg, raw_frames


@pytest.fixture(scope="module")
def standard(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Standardized:
    return standardize(film, tmp_path_factory.mktemp("standard"), asset=identify(film).asset)


@pytest.fixture
def video(standard: Standardized):
    with Video.open(standard.encode, standard.frame_times) as opened:
        yield opened


@pytest.fixture
def scan(standard: Standardized):
    with Video.open(standard.proxy, standard.frame_times) as opened:
        yield opened


def worst_difference(one: np.ndarray, other: bytes) -> float:
    """The mean difference of two pictures, 0 to 255; layouts of colour differ a little between scalers."""
    return float(np.abs(one.astype(int) - np.frombuffer(other, np.uint8).reshape(one.shape)).mean())


@pytest.mark.parametrize("which", ["video", "scan"])
def test_each_frame_is_the_one_that_ffmpeg_shows_at_its_ordinal(
    which: str, request: pytest.FixtureRequest
) -> None:
    opened: Video = request.getfixturevalue(which)
    expected = raw_frames(opened.path, (opened.width, opened.height))
    assert len(expected) == opened.frame_count == 72
    order = np.random.default_rng(7).permutation(72)
    batch = opened.frames_at(order)
    own = [
        worst_difference(picture, expected[index]) for index, picture in zip(order, batch.data, strict=True)
    ]
    beside = [
        worst_difference(picture, expected[(index + 1) % 72])
        for index, picture in zip(order, batch.data, strict=True)
    ]
    assert max(own) < 2.0
    assert all(mine < other for mine, other in zip(own, beside, strict=True) if other > 0.5)


def test_frames_come_in_the_order_asked_with_repeats(video: Video) -> None:
    batch = video.frames_at([50, 3, 50, 4, 71, 0])
    assert batch.indices.tolist() == [50, 3, 50, 4, 71, 0]
    assert batch.data.shape == (6, 180, 320, 3)
    assert np.array_equal(batch.data[0], batch.data[2])
    assert batch.seconds.tolist() == [50 / 24, 0.125, 50 / 24, 4 / 24, 71 / 24, 0.0]
    assert len(video.frames_at([])) == 0


def test_reading_in_sequence_gives_the_frames_that_random_access_gives(video: Video) -> None:
    sequence = list(video.frames_between(20, 60))
    assert [frame.index for frame in sequence] == list(range(20, 60))
    assert np.array_equal(np.stack([frame.data for frame in sequence]), video.frames_at(range(20, 60)).data)


def test_a_range_is_half_open_and_may_be_empty(video: Video) -> None:
    assert [frame.index for frame in video.frames_between(70)] == [70, 71]
    assert list(video.frames_between(5, 5)) == []


def test_frames_are_scaled_and_laid_out_as_asked(video: Video) -> None:
    small = next(video.frames_between(30, width=64, height=36, pixel_format="bgr24"))
    colour = next(video.frames_between(30, width=64, height=36))
    grey = next(video.frames_between(30, height=90, pixel_format="gray"))
    assert small.data.shape == (36, 64, 3) and small.data.flags.c_contiguous
    # Two layouts may go through two paths of the scaler, which round differently.
    assert np.abs(small.data[:, :, ::-1].astype(int) - colour.data).max() <= 6
    assert grey.data.shape == (90, 160)


def test_time_finds_the_frame_that_is_seen_then(video: Video) -> None:
    assert video.frame_at_seconds(0.0).index == 0
    assert video.frame_at_seconds(1.0).index == 24
    assert video.frame_at_seconds(1.0 + 1 / 25).index == 24
    assert video.frame_at_seconds(100.0).index == 71
    assert [video.times.index_at(video.times.seconds_at(index)) for index in range(72)] == list(range(72))


@pytest.mark.parametrize("indices", [[-1], [72], [0, 5, 1000]])
def test_a_frame_that_is_not_there_is_refused(video: Video, indices: list[int]) -> None:
    with pytest.raises(FrameOutOfRangeError, match="the video has 72"):
        video.frames_at(indices)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 73)])
def test_a_range_beyond_the_video_is_refused(video: Video, start: int, end: int) -> None:
    with pytest.raises(FrameOutOfRangeError):
        video.frames_between(start, end)


def test_a_still_is_a_jpeg_of_the_frame(video: Video) -> None:
    picture = Image.open(io.BytesIO(video.still(40, width=160)))
    assert (picture.format, picture.size) == ("JPEG", (160, 90))
    whole = Image.open(io.BytesIO(video.still(40)))
    assert worst_difference(np.asarray(whole), video.frames_at([40]).data[0].tobytes()) < 4


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by each file that is opened for reading frames, and by each seek in one."""
    counted: list[str] = []
    opening, seeking = Cursor.__init__, Cursor._seek

    def opens(cursor: Cursor, *given) -> None:
        counted.append("open")
        opening(cursor, *given)

    def seeks(cursor: Cursor, key: int) -> None:
        counted.append("seek")
        seeking(cursor, key)

    monkeypatch.setattr(Cursor, "__init__", opens)
    monkeypatch.setattr(Cursor, "_seek", seeks)
    return counted


@pytest.mark.parametrize("start", [0, 37])
def test_a_sequential_reader_never_waits_for_a_seek(video: Video, entered: list[str], start: int) -> None:
    assert len(list(video.frames_between(start))) == 72 - start
    assert entered == ["open", "seek"]


def test_frames_asked_one_after_the_other_are_entered_once(video: Video, entered: list[str]) -> None:
    assert [int(video.frames_at([index]).indices[0]) for index in range(72)] == list(range(72))
    assert entered == ["seek"]


def test_frames_are_ready_before_they_are_asked_for(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, enough = [], threading.Event()
    going = Cursor.next

    def goes(cursor: Cursor):
        decoded.append(1)
        if len(decoded) == 64:
            enough.set()
        return going(cursor)

    monkeypatch.setattr(Cursor, "next", goes)
    reading = video.frames_between()
    assert next(reading).index == 0
    assert enough.wait(30), "the reader asked for one frame, and 64 are decoded meanwhile"
    reading.close()  # type: ignore[attr-defined]


def test_an_abandoned_reading_leaves_no_thread(video: Video) -> None:
    before = threading.active_count()
    reading = video.frames_between()
    assert next(reading).index == 0
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_two_readings_at_once_do_not_disturb_each_other(video: Video) -> None:
    one, other = video.frames_between(), video.frames_between(40)
    pairs = [(next(one).index, next(other).index) for _ in range(20)]
    assert pairs == [(index, index + 40) for index in range(20)]
    assert video.frames_at([10]).indices.tolist() == [10]
    one.close()  # type: ignore[attr-defined]
    other.close()  # type: ignore[attr-defined]


def test_many_threads_may_ask_one_video(video: Video) -> None:
    expected = video.frames_at(range(72)).data
    wrong: list[int] = []

    def look(first: int) -> None:
        batches = ((index, video.frames_at([index]).data[0]) for index in range(first, 72, 6))
        wrong.extend(index for index, data in batches if not np.array_equal(data, expected[index]))

    threads = [threading.Thread(target=look, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_progress_counts_to_the_end(video: Video) -> None:
    told: list[tuple[int, int]] = []
    list(video.frames_between(10, 60, progress=lambda *done: told.append(done)))
    assert told == [(16, 50), (32, 50), (48, 50), (50, 50)]


def test_a_video_can_be_used_after_it_was_closed_and_opened_again(standard: Standardized) -> None:
    video = Video.open(standard.proxy, FrameTimes.load(standard.frame_times))
    video.close()
    assert video.frames_at([3]).data.shape == (1, 256, 456, 3)
    video.close()


def test_times_of_another_video_are_refused(standard: Standardized) -> None:
    with pytest.raises(CorruptMediaError, match="does not belong"):
        Video.open(standard.encode, FrameTimes.at_rate(Fraction(24), 71))
    with pytest.raises(CorruptMediaError, match="does not belong"):
        Video.open(standard.encode, FrameTimes.at_rate(Fraction(25), 72))


def test_a_missing_or_damaged_file_is_said(standard: Standardized, tmp_path: Path) -> None:
    with pytest.raises(MediaIOError, match="cannot be opened"):
        Video.open(tmp_path / "missing.mp4", standard.frame_times)
    data = bytearray(standard.encode.read_bytes())
    data[data.find(b"mdat") + 12 :] = bytes(len(data) - data.find(b"mdat") - 12)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with (
        Video.open(damaged, standard.frame_times) as video,
        pytest.raises(CorruptMediaError, match="cannot be decoded"),
    ):
        video.frames_at([5])
    with Video.open(damaged, standard.frame_times) as video, pytest.raises(CorruptMediaError):
        list(video.frames_between())


@pytest.mark.parametrize("cut", [7, 24, 48])
def test_a_joined_film_cuts_exactly_where_it_was_joined(tmp_path: Path, cut: int) -> None:
    source = tmp_path / "film.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=24:duration=3", "-c:v", "mpeg2video", "-q:v", 2, "-bf", 2,
        "-vf", f"drawbox=c=black:t=fill:enable='lt(n,{cut})'", source,
    )  # fmt: skip
    result = standardize(source, tmp_path / "out", asset=identify(source).asset)
    for path in (result.encode, result.proxy):
        with Video.open(path, result.frame_times) as video:
            light = [frame.data.mean() > 16 for frame in video.frames_between()]
        assert light == [False] * cut + [True] * (72 - cut)
