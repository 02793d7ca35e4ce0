"""Reading frames of a standard encode or a scan proxy, exactly, by index and by time."""

import io
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av.error
import numpy as np
from av.video.frame import VideoFrame

from jasper.bitstream import read_framing, split_units
from jasper.decode import VideoDecoder
from jasper.errors import CorruptMediaError, FrameOutOfRangeError, NoVideoError, SpanOutOfRangeError
from jasper.frames import Frame, FrameBatch, FrameTimes, Pixels
from jasper.media import MediaFile
from jasper.pipeline import read_ahead
from jasper.results import ProgressCallback
from jasper.samples import Samples, SpanReader
from jasper.shape import Scaler
from jasper.timing import Ticks

#: Frames that go through the read-ahead queue at once: handing over each by itself would cost more than its pixels.
_CHUNK_FRAMES = 16
_CHUNKS_AHEAD = 4
_READING_THREADS = 2
_JPEG_QUALITY = 90


class Cursor:
    """A place in a video file from which frames are decoded onwards."""

    def __init__(self, path: Path, times: FrameTimes, threads: int) -> None:
        """Open the file before its first frame.

        Raises:
            NoVideoError: It has no video.
            CorruptMediaError: It does not hold as many frames as it has times.
            MediaIOError: It cannot be read.
        """
        self._media = MediaFile(path)
        try:
            if not self._media.video_streams:
                raise NoVideoError(f"{str(path)!r} holds no video")
            self._stream = self._media.video_streams[0]
            entries = list(self._stream.index_entries)
            scale, ticks, _ = times.clock()
            if len(entries) != len(ticks) or self._stream.time_base != Fraction(1, scale):
                raise CorruptMediaError(
                    f"{str(path)!r} holds {len(entries)} frames, and does not belong to these {len(ticks)} frame times"
                )
        except BaseException:
            self._media.close()
            raise
        self._threads = threads
        self._framing = read_framing("h264", self._stream.codec_context.extradata)
        self.width, self.height = self._stream.codec_context.width, self._stream.codec_context.height
        # A key frame resets all order, so its place among the packets is its place among the frames.
        self._keys = [number for number, entry in enumerate(entries) if entry.is_keyframe]
        self._seek_times = ticks[self._keys].tolist()
        self._places = [entries[number].pos for number in self._keys]
        self._frames: Iterator[VideoFrame] = iter(())
        #: The index of the frame that `next` gives; beyond the end before the first `go`.
        self._next = len(ticks)

    def go(self, index: int) -> VideoFrame:
        """The frame at this index; cheap if it comes soon after the last one.

        Raises:
            CorruptMediaError: It cannot be decoded.
        """
        key = bisect_right(self._keys, index) - 1
        if not self._next <= index or self._keys[key] > self._next:
            self._seek(key)
        for _ in range(index - self._next):
            self.next()
        return self.next()

    def next(self) -> VideoFrame:
        """The frame after the last one.

        Raises:
            CorruptMediaError: It cannot be decoded.
        """
        frame = next(self._frames, None)
        if frame is None:
            raise CorruptMediaError(f"frame {self._next} of {str(self._media.path)!r} cannot be decoded")
        self._next += 1
        return frame

    def _seek(self, key: int) -> None:
        if isinstance(self._frames, Iterator) and hasattr(self._frames, "close"):
            self._frames.close()
        try:
            self._media.container.seek(self._seek_times[key], stream=self._stream)
        except av.error.FFmpegError as error:
            raise CorruptMediaError(f"{str(self._media.path)!r} has no frame {self._keys[key]}") from error
        self._frames = self._decoded(self._places[key])
        self._next = self._keys[key]

    def _decoded(self, place: int) -> Iterator[VideoFrame]:
        decoder = VideoDecoder.for_h264(self._threads)
        units = list(self._framing.parameter_sets)
        number = 0
        for packet in self._media.container.demux(self._stream):
            if not packet.size:
                continue
            if not number and packet.pos != place:
                raise CorruptMediaError(f"{str(self._media.path)!r} cannot be entered at byte {place}")
            units += split_units(bytes(packet), self._framing.length_size)
            yield from decoder.decode_units(units, number)
            units = []
            number += 1
        yield from decoder.flush()

    def close(self) -> None:
        """Close the file."""
        if hasattr(self._frames, "close"):
            self._frames.close()
        self._media.close()


class Video:
    """A standard encode or a scan proxy, with the times of its frames.

    Frames are named by their index; index and seconds are converted by stored times, never by a rate.
    May be used from several threads; each sequential reading has a decoder of its own.
    """

    def __init__(self, path: Path, times: FrameTimes, width: int, height: int) -> None:
        """Use `open` instead."""
        self.path = path
        #: When each frame is shown.
        self.times = times
        self.width = width
        self.height = height
        self._lock = threading.Lock()
        self._cursor: Cursor | None = None

    @classmethod
    def open(cls, path: Path, frame_times: Path | FrameTimes) -> Self:
        """Open a video; nothing is decoded yet. That of sound alone has no frames, and no size.

        Args:
            path: The video file.
            frame_times: The times of its frames, or the file that holds them.

        Raises:
            MediaIOError: A file cannot be read.
            CorruptMediaError: The two do not belong together.
        """
        times = frame_times if isinstance(frame_times, FrameTimes) else FrameTimes.load(frame_times)
        if not len(times):
            return cls(path, times, 0, 0)
        cursor = Cursor(path, times, threads=1)
        video = cls(path, times, cursor.width, cursor.height)
        video._cursor = cursor
        return video

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return len(self.times)

    def frames_at(self, indices: Sequence[int] | Ticks) -> FrameBatch:
        """The frames at these indices.

        Decodes from the nearest key frame before each run of indices, so sorted indices are cheap.

        Args:
            indices: Frame indices; shape (n,), any order, repeats allowed.

        Returns:
            `n` frames in the order asked: RGB, full range, uint8, shape (n, height, width, 3).

        Raises:
            FrameOutOfRangeError: An index is negative, or not below `frame_count`.
            CorruptMediaError: The video cannot be decoded there.
        """
        asked = np.asarray(indices, dtype=np.int64)
        for index in (asked.min(), asked.max()) if len(asked) else ():
            self.times.check(int(index))
        data: Pixels = np.empty((len(asked), self.height, self.width, 3), dtype=np.uint8)
        scaler = Scaler(self.width, self.height, "rgb24")
        with self._lock:
            last = -1
            for place in np.argsort(asked, kind="stable"):
                if asked[place] != last:
                    last = int(asked[place])
                    pixels = scaler.scale(self._entered().go(last)).to_ndarray()
                data[place] = pixels
        return FrameBatch(asked, self.times.seconds[asked], data)

    def frame_at_seconds(self, seconds: float) -> Frame:
        """The frame that is seen at this time.

        Raises:
            FrameOutOfRangeError: The time lies before the first frame.
            CorruptMediaError: The video cannot be decoded there.
        """
        batch = self.frames_at([self.times.index_at(seconds)])
        return Frame(int(batch.indices[0]), float(batch.seconds[0]), batch.data[0])

    def frames_between(
        self,
        start: int = 0,
        end: int | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        pixel_format: str = "rgb24",
        progress: ProgressCallback | None = None,
    ) -> Iterator[Frame]:
        """The frames from `start` up to, but not including, `end`, decoded and scaled ahead of the reader.

        Args:
            start: First index.
            end: Index after the last; None for all.
            width: Width to scale to; the video's own, or in proportion to `height`.
            height: Height to scale to; likewise.
            pixel_format: Layout of `Frame.data`, by FFmpeg's name: `rgb24`, `bgr24`, `gray`.
            progress: Called with frames done and frames in all.

        Raises:
            FrameOutOfRangeError: The range reaches beyond the video.
            CorruptMediaError: The video cannot be decoded there.
        """
        stop = self.frame_count if end is None else end
        if not 0 <= start <= stop <= self.frame_count:
            raise FrameOutOfRangeError(
                f"there are no frames [{start}, {stop}); the video has {self.frame_count}"
            )
        scaler = Scaler(*self._size(width, height), pixel_format)
        return self._told(self._sequence(start, stop, scaler), stop - start, progress)

    def _sequence(self, start: int, stop: int, scaler: Scaler) -> Iterator[Frame]:
        if start == stop:
            return
        ahead = read_ahead(self._chunks(start, stop, scaler), _CHUNKS_AHEAD)
        try:
            for chunk in ahead:
                yield from chunk
        finally:
            ahead.close()  # type: ignore[attr-defined]

    def _chunks(self, start: int, stop: int, scaler: Scaler) -> Iterator[list[Frame]]:
        cursor = Cursor(self.path, self.times, _READING_THREADS)
        try:
            seconds = self.times.seconds
            indices = iter(range(start, stop))
            while chunk := list(islice(indices, _CHUNK_FRAMES)):
                frames = (cursor.go(index) if index == start else cursor.next() for index in chunk)
                yield [
                    Frame(
                        index, float(seconds[index]), np.ascontiguousarray(scaler.scale(frame).to_ndarray())
                    )
                    for index, frame in zip(chunk, frames, strict=True)
                ]
        finally:
            cursor.close()

    @staticmethod
    def _told(frames: Iterator[Frame], total: int, progress: ProgressCallback | None) -> Iterator[Frame]:
        if progress is None:
            yield from frames
            return
        for done, frame in enumerate(frames, start=1):
            yield frame
            if done % _CHUNK_FRAMES == 0 or done == total:
                progress(done, total)

    def samples_between(
        self,
        start_seconds: float | Fraction = 0,
        end_seconds: float | Fraction | None = None,
        *,
        rate: int = 48_000,
        channels: Literal[1, 2] = 2,
    ) -> Samples:
        """The sound from `start_seconds` up to `end_seconds`, on the timeline of the frames.

        Its samples are those numbered `round(start_seconds * rate)` to `round(end_seconds * rate)`, the last one left
        out, so spans that adjoin neither overlap nor leave a gap.
        Where there is no sound, before it begins, in a gap, or after it ended, there is silence.
        Noise that AAC lets a decoder make up is another one in each span.

        Args:
            start_seconds: Where to begin; 0 is when the first frame is shown.
            end_seconds: Where to end; None for the end of the last frame.
            rate: Samples a second; resampled where the sound has another.
            channels: 1 or 2. One channel is given twice; two make one by their mean, more are mixed as usual.

        Returns:
            float32, shape (channels, samples), full scale at -1 and 1.

        Raises:
            NoAudioError: The video has no sound; a scan proxy never has.
            SpanOutOfRangeError: The span reaches beyond the video, or ends before it begins.
            MediaIOError: The file cannot be read.
        """
        first, last = self._span(start_seconds, end_seconds, rate)
        found: Samples = np.zeros((channels, last - first), dtype=np.float32)
        reader = SpanReader(self.path)
        try:
            at = 0
            for block in reader.read(first, last, rate=rate, channels=channels):
                found[:, at : at + block.shape[1]] = block
                at += block.shape[1]
        finally:
            reader.close()
        return found

    def _span(self, start: float | Fraction, end: float | Fraction | None, rate: int) -> tuple[int, int]:
        """The numbers of the first sample and the one after the last."""
        length = self.times.duration
        try:
            first, last = (
                round(Fraction(start) * rate),
                round(Fraction(length if end is None else end) * rate),
            )
        except (ValueError, OverflowError):
            first, last = -1, -1
        if not 0 <= first <= last <= round(length * rate):
            raise SpanOutOfRangeError(
                f"there is no sound from {start} s to {end} s; the video goes from 0 s to {float(length)} s"
            )
        return first, last

    def still(self, index: int, *, width: int | None = None) -> bytes:
        """A frame as a JPEG file.

        Args:
            index: The frame.
            width: Width of the picture; the video's own if None.

        Raises:
            FrameOutOfRangeError: There is no such frame.
            CorruptMediaError: The video cannot be decoded there.
        """
        from PIL import Image

        self.times.check(index)
        scaler = Scaler(*self._size(width, None), "rgb24")
        with self._lock:
            pixels = scaler.scale(self._entered().go(index)).to_ndarray()
        target = io.BytesIO()
        Image.fromarray(pixels).save(target, "JPEG", quality=_JPEG_QUALITY)
        return target.getvalue()

    def _size(self, width: int | None, height: int | None) -> tuple[int, int]:
        if width is None and height is None:
            return self.width, self.height
        if width is None:
            assert height is not None, "one of the two is given"
            width = max(1, round(self.width * height / self.height))
        return width, height if height is not None else max(1, round(self.height * width / self.width))

    def _entered(self) -> Cursor:
        if self._cursor is None:
            self._cursor = Cursor(self.path, self.times, threads=1)
        return self._cursor

    def close(self) -> None:
        """Close the file; readings that are under way go on."""
        with self._lock:
            if self._cursor is not None:
                self._cursor.close()
                self._cursor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
