"""Clips of a standard encode, exact to the frame, with sound."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Literal

import numpy as np
from av.audio.frame import AudioFrame

from jasper.encode import KeyPacer, VideoEncoder, encode_encoder
from jasper.errors import FrameOutOfRangeError, MediaIOError, NoAudioError
from jasper.frames import FrameTimes
from jasper.mp4 import AudioTrackPlan, VideoTrackPlan, write_mp4
from jasper.profile import HOUSE_1, Profile
from jasper.results import ProgressCallback
from jasper.samples import Samples, SpanReader
from jasper.shape import Fitter
from jasper.sound import AacEncoder
from jasper.video import Cursor

#: A clock finer than this is replaced by one that players know.
_FINEST_CLOCK, _ROUNDED_CLOCK = 1_000_000, 90_000


@dataclass(frozen=True)
class Span:
    """The frames [start, end) of a standard encode."""

    encode: Path
    times: FrameTimes
    start: int
    end: int

    def check(self) -> None:
        """See that there are such frames.

        Raises:
            FrameOutOfRangeError: There are not, or none in between.
        """
        if not 0 <= self.start < self.end <= len(self.times):
            raise FrameOutOfRangeError(
                f"there is no clip [{self.start}, {self.end}); the video has {len(self.times)} frames"
            )

    @property
    def seconds(self) -> tuple[Fraction, Fraction]:
        """When it begins and how long it lasts."""
        start, times = self.times.time(self.start), self.times
        last = (
            times.time(self.end) if self.end < len(times) else times.time(self.end - 1) + times.last_duration
        )
        return start, last - start


def cut_clip(
    encode: Path, times: Path | FrameTimes, start: int, end: int, out: Path, *, profile: Profile = HOUSE_1
) -> Path:
    """Write the frames [start, end) of a standard encode as an MP4 file, with their sound.

    It is encoded anew, since a clip may begin between key frames; the same cut gives the same bytes.

    Args:
        encode: The standard encode.
        times: The times of its frames, or the file that holds them.
        start: First frame.
        end: Frame after the last.
        out: The file to write; it appears when it is whole.
        profile: How it is encoded.

    Raises:
        FrameOutOfRangeError: There are no such frames, or none in between.
        CorruptMediaError: The encode cannot be decoded there.
        MediaIOError: A file cannot be read or written.
    """
    known = times if isinstance(times, FrameTimes) else FrameTimes.load(times)
    return join_spans([Span(encode, known, start, end)], out, profile=profile)


def join_spans(
    spans: Sequence[Span], out: Path, *, profile: Profile = HOUSE_1, progress: ProgressCallback | None = None
) -> Path:
    """Write spans one after the other as one MP4 file, with their sound; each begins at a key frame.

    Every frame of every span is there once and as long as in its title. Pictures have the size of the first span's,
    with black around those of another shape; a span without sound is silent if another has some.

    Args:
        spans: One or more, of any standard encodes.
        out: The file to write; it appears when it is whole.
        profile: How it is encoded.
        progress: Called with frames done and frames in all; what it raises ends the work, and nothing is left.

    Raises:
        FrameOutOfRangeError: There are no such frames, or none in between.
        CorruptMediaError: An encode cannot be decoded there.
        MediaIOError: A file cannot be read or written.
    """
    for span in spans:
        span.check()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=out.parent) as folder:
            scratch = Path(folder)
            video = _pictures(spans, scratch, profile, progress)
            audio = _sound(spans, scratch, profile)
            os.replace(write_mp4(scratch / out.name, video, audio), out)
    except OSError as error:
        raise MediaIOError(f"the clip {str(out)!r} cannot be written: {error}") from error
    return out


def _pictures(
    spans: Sequence[Span], scratch: Path, profile: Profile, progress: ProgressCallback | None
) -> VideoTrackPlan:
    encoder: VideoEncoder | None = None
    shown: list[Fraction] = []
    total = sum(span.end - span.start for span in spans)
    began = Fraction(0)
    for span in spans:
        cursor = Cursor(span.encode, span.times, threads=2)
        try:
            if encoder is None:
                size = (cursor.width // 2 * 2, cursor.height // 2 * 2)
                encoder = encode_encoder(scratch / "video.spool", size, profile)
            fitter, pacer = Fitter(encoder.width, encoder.height), KeyPacer(profile.key_seconds)
            start, length = span.seconds
            for index in range(span.start, span.end):
                frame = cursor.go(index) if index == span.start else cursor.next()
                encoder.add(fitter.scale(frame), is_key=pacer.is_due(span.times.time(index)))
                if progress is not None:
                    progress(len(shown), total)
                shown.append(began + span.times.time(index) - start)
            began += length
        finally:
            cursor.close()
    assert encoder is not None, "there are spans"
    encoder.finish()
    timescale = lcm(*(span.times.clock()[0] for span in spans))
    timescale = timescale if timescale <= _FINEST_CLOCK else _ROUNDED_CLOCK
    ticks = np.array([round(time * timescale) for time in shown], dtype=np.int64)
    return VideoTrackPlan(
        source=encoder.spool.path,
        sizes=encoder.spool.sizes,
        keys=encoder.spool.keys,
        times=ticks[encoder.spool.times],
        timescale=timescale,
        last_duration=max(1, round(began * timescale) - int(ticks[-1])),
        width=encoder.width,
        height=encoder.height,
        parameter_sets=sorted(encoder.parameter_sets),
    )


def _sound(spans: Sequence[Span], scratch: Path, profile: Profile) -> AudioTrackPlan | None:
    with ExitStack() as opened:
        readers = [_reader(span.encode, opened) for span in spans]
        widest = max((reader.channels for reader in readers if reader is not None), default=0)
        if not widest:
            return None
        rate = profile.audio_rate
        channels: Literal[1, 2] = 1 if widest == 1 else 2
        encoder = AacEncoder(scratch / "audio.spool", profile, channels)
        opened.callback(encoder.close)
        began = Fraction(0)
        for span, reader in zip(spans, readers, strict=True):
            start, length = span.seconds
            # Counted from the first span on, so that what rounding takes from one it gives to the next.
            count = round((began + length) * rate) - round(began * rate)
            began += length
            first = round(start * rate)
            blocks: Iterable[Samples] = (
                reader.read(first, first + count, rate=rate, channels=channels)
                if reader is not None
                else [np.zeros((channels, count), dtype=np.float32)]
            )
            for block in blocks:
                encoder.take(_frame(block, rate), None)
        return encoder.finish(Fraction(0))


def _reader(encode: Path, opened: ExitStack) -> SpanReader | None:
    try:
        reader = SpanReader(encode)
    except NoAudioError:
        return None
    opened.callback(reader.close)
    return reader


def _frame(block: Samples, rate: int) -> AudioFrame:
    layout = "mono" if block.shape[0] == 1 else "stereo"
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame
