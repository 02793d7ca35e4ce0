"""The standard form of an asset, made in one pass over the source."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jasper.errors import MediaIOError, NoVideoError, SourceChangedError
from jasper.frames import FrameTimes
from jasper.identity import Reading
from jasper.media import MediaFile, ProgressCallback
from jasper.mp4 import write_mp4
from jasper.pictures import Pictures
from jasper.profile import HOUSE_1, Profile
from jasper.sound import SoundTrack

_PROGRESS_EVERY = 64
_NAMES = _ENCODE, _PROXY, _FRAME_TIMES, _SOURCE_TIMES = (
    "encode.mp4",
    "proxy.mp4",
    "frame-times.arrow",
    "source-times.arrow",
)


@dataclass(frozen=True)
class Standardized:
    """The files of an asset's standard form, and what is in them."""

    #: MP4: H.264, and AAC if there is sound.
    encode: Path
    #: MP4: every frame, small, without sound.
    proxy: Path
    #: Frame index → standard time (`FrameTimes`).
    frame_times: Path
    #: Frame index → time in the source (`FrameTimes`).
    source_times: Path
    frame_count: int
    #: Frames a second; None if frame times follow no standard rate.
    rate: Fraction | None
    width: int
    height: int
    proxy_width: int
    proxy_height: int
    has_audio: bool
    #: Whether the source's own pictures were kept.
    remuxed: bool
    #: Bytes read from the source.
    bytes_read: int


def standardize(
    source: Path,
    into: Path,
    *,
    asset: str,
    profile: Profile = HOUSE_1,
    times: FrameTimes | None = None,
    progress: ProgressCallback | None = None,
) -> Standardized:
    """Make the standard form of an asset from one of its files, read once.

    Args:
        source: A file that holds the asset.
        into: A folder; the four files appear there together at the end, and nothing is left there on failure.
        asset: The asset hash that the file must have.
        profile: What the standard form looks like.
        times: The frame times recorded when the asset was first seen; they hold where the timing is variable.
        progress: Called with frames done and frames in all, as far as these are known.

    Raises:
        SourceChangedError: The file holds something else.
        NoVideoError: There are no pictures.
        CorruptMediaError: No frame can be decoded.
        TimelineConflictError: The file shows its frames at other times than those recorded.
        UnreadableMediaError: It is no media file, or is encrypted.
        MediaIOError: It cannot be read, or the results cannot be written.
    """
    with MediaFile(source) as media:
        reading = Reading(media)
        video = reading.main_video
        if video is None:
            raise NoVideoError(f"{str(source)!r} holds no video; only its sound could be used")
        try:
            with _workplace(into) as scratch:
                sound = SoundTrack(reading.main_audio, scratch / "sound.spool", profile)
                pictures = Pictures(video, scratch, profile)
                try:
                    _read(reading, pictures, sound, progress)
                    if reading.asset() != asset:
                        raise SourceChangedError(f"{str(source)!r} no longer holds asset {asset[:12]}")
                    made = _write(pictures, sound, scratch, into, times, media.bytes_read)
                finally:
                    pictures.abandon()
                    sound.abandon()
                for name in _NAMES:
                    os.replace(scratch / name, into / name)
        except OSError as error:
            raise MediaIOError(f"the standard form of {str(source)!r} cannot be written: {error}") from error
    return made


def _read(reading: Reading, pictures: Pictures, sound: SoundTrack, progress: ProgressCallback | None) -> None:
    total = reading.expected_frame_count
    told = 0
    for portion in reading.portions():
        if portion.track is pictures.track:
            pictures.take(portion)
            if progress is not None and pictures.frame_count >= told + _PROGRESS_EVERY:
                told = pictures.frame_count
                progress(told, max(told, total))
        elif portion.track is sound.track:
            sound.take(portion)
    pictures.finish_reading()
    if progress is not None:
        progress(pictures.frame_count, pictures.frame_count)


def _write(
    pictures: Pictures,
    sound: SoundTrack,
    scratch: Path,
    into: Path,
    recorded: FrameTimes | None,
    bytes_read: int,
) -> Standardized:
    times, source_times = pictures.timeline(recorded)
    audio = sound.finish(source_times.time(0))
    video, proxy = pictures.encode_plan(times), pictures.proxy_plan(times)
    write_mp4(scratch / _ENCODE, video, audio)
    write_mp4(scratch / _PROXY, proxy)
    times.save(scratch / _FRAME_TIMES)
    source_times.save(scratch / _SOURCE_TIMES)
    return Standardized(
        encode=into / _ENCODE,
        proxy=into / _PROXY,
        frame_times=into / _FRAME_TIMES,
        source_times=into / _SOURCE_TIMES,
        frame_count=pictures.frame_count,
        rate=pictures.track.rate(),
        width=video.width,
        height=video.height,
        proxy_width=proxy.width,
        proxy_height=proxy.height,
        has_audio=audio is not None,
        remuxed=pictures.is_kept,
        bytes_read=bytes_read,
    )


@contextmanager
def _workplace(into: Path) -> Iterator[Path]:
    """A folder beside the results that is gone afterwards, whatever happened."""
    into.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".standardize-", dir=into))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
