"""Clips of a standard encode, exact to the frame, with sound."""

import os
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from av.audio.frame import AudioFrame

from jasper.encode import KeyPacer, VideoEncoder, encode_encoder
from jasper.errors import FrameOutOfRangeError, MediaIOError, NoAudioError
from jasper.frames import FrameTimes
from jasper.mp4 import AudioTrackPlan, VideoTrackPlan, write_mp4
from jasper.profile import HOUSE_1, Profile
from jasper.samples import Samples, SpanReader
from jasper.shape import Scaler
from jasper.sound import AacEncoder
from jasper.video import Cursor


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
    if not 0 <= start < end <= len(known):
        raise FrameOutOfRangeError(f"there is no clip [{start}, {end}); the video has {len(known)} frames")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=out.parent) as folder:
            scratch = Path(folder)
            video = _pictures(encode, known, start, end, scratch, profile)
            span = (known.time(start), known.time(start) + _duration(known, start, end))
            audio = _sound(encode, span, scratch, profile)
            os.replace(write_mp4(scratch / out.name, video, audio), out)
    except OSError as error:
        raise MediaIOError(f"the clip {str(out)!r} cannot be written: {error}") from error
    return out


def _duration(times: FrameTimes, start: int, end: int) -> Fraction:
    last = times.time(end) if end < len(times) else times.time(end - 1) + times.last_duration
    return last - times.time(start)


def _pictures(
    encode: Path, times: FrameTimes, start: int, end: int, scratch: Path, profile: Profile
) -> VideoTrackPlan:
    cursor = Cursor(encode, times, threads=2)
    try:
        size = (cursor.width // 2 * 2, cursor.height // 2 * 2)
        encoder: VideoEncoder = encode_encoder(scratch / "video.spool", size, profile)
        scaler, pacer = Scaler(*size), KeyPacer(profile.key_seconds)
        for index in range(start, end):
            frame = cursor.go(index) if index == start else cursor.next()
            encoder.add(scaler.scale(frame), is_key=pacer.is_due(times.time(index)))
        encoder.finish()
    finally:
        cursor.close()
    timescale, ticks, last_duration = times.clock()
    if end < len(times):
        last_duration = int(ticks[end] - ticks[end - 1])
    return VideoTrackPlan(
        source=encoder.spool.path,
        sizes=encoder.spool.sizes,
        keys=encoder.spool.keys,
        times=ticks[start + np.asarray(encoder.spool.times)] - ticks[start],
        timescale=timescale,
        last_duration=last_duration,
        width=size[0],
        height=size[1],
        parameter_sets=sorted(encoder.parameter_sets),
    )


def _sound(
    encode: Path, span: tuple[Fraction, Fraction], scratch: Path, profile: Profile
) -> AudioTrackPlan | None:
    try:
        reader = SpanReader(encode)
    except NoAudioError:
        return None
    rate = profile.audio_rate
    channels: Literal[1, 2] = 1 if reader.channels == 1 else 2
    encoder = AacEncoder(scratch / "audio.spool", profile, channels)
    try:
        for block in reader.read(round(span[0] * rate), round(span[1] * rate), rate=rate, channels=channels):
            encoder.take(_frame(block, rate), None)
        return encoder.finish(Fraction(0))
    finally:
        encoder.close()
        reader.close()


def _frame(block: Samples, rate: int) -> AudioFrame:
    layout = "mono" if block.shape[0] == 1 else "stereo"
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame
