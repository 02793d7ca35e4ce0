"""The standard form of an asset, made in one pass over the source."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from jasper.bars import Rectangle
from jasper.errors import CorruptMediaError, DecompressionBombError, MediaIOError, SourceChangedError
from jasper.frames import FrameTimes
from jasper.identity import AudioTrack, Reading, VideoTrack
from jasper.limits import check_expansion
from jasper.media import MediaFile
from jasper.mp4 import AudioTrackPlan, VideoTrackPlan, write_mp4
from jasper.pictures import Pictures
from jasper.profile import HOUSE_1, Profile
from jasper.results import ProgressCallback, Standardized
from jasper.sound import Sounds
from jasper.timing import STANDARD_RATES

_PROGRESS_EVERY = 64
_NAMES = _ENCODE, _PROXY, _FRAME_TIMES, _SOURCE_TIMES = (
    "encode.mp4",
    "proxy.mp4",
    "frame-times.arrow",
    "source-times.arrow",
)


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

    A file with several videos is read twice if what its container says of them points at another one than what is in
    them. Sound alone has a standard form without frames.

    Args:
        source: A file that holds the asset.
        into: A folder; the four files appear there together at the end, and nothing is left there on failure.
        asset: The asset hash that the file must have.
        profile: What the standard form looks like.
        times: The frame times recorded when the asset was first seen; they hold where the timing is variable.
        progress: Called with frames done and frames in all, as far as these are known.

    Raises:
        SourceChangedError: The file holds something else.
        NoMediaError: There is neither video nor audio.
        UnknownCodecError: Nothing here decodes the video.
        CorruptMediaError: No frame can be decoded; or, of sound alone, nothing.
        TimelineConflictError: The file shows its frames at other times than those recorded.
        UnreadableMediaError: It is no media file, or is encrypted.
        MediaIOError: It cannot be read, or the results cannot be written.
    """
    wanted: int | None = None
    bytes_read = 0
    while True:
        with MediaFile(source) as media:
            reading = Reading(media)
            video = reading.announced_video if wanted is None else reading.videos[wanted]
            try:
                with _workplace(into) as scratch:
                    made = _once(reading, video, scratch, asset, profile, times, progress)
                    if made is not None:
                        for name in _NAMES:
                            os.replace(scratch / name, into / name)
            except OSError as error:
                raise MediaIOError(
                    f"the standard form of {str(source)!r} cannot be written: {error}"
                ) from error
            bytes_read += media.bytes_read
            if made is not None:
                return replace(made, bytes_read=bytes_read)
            assert reading.main_video is not None, "another video was found to be the main one"
            wanted = reading.videos.index(reading.main_video)


def _once(
    reading: Reading,
    video: VideoTrack | None,
    scratch: Path,
    asset: str,
    profile: Profile,
    times: FrameTimes | None,
    progress: ProgressCallback | None,
) -> Standardized | None:
    """One pass with this video; None if another one turned out to be the main one."""
    sounds = Sounds(reading.audios, scratch, profile)
    pictures = Pictures(video, scratch, profile) if video is not None else None
    try:
        _read(reading, pictures, sounds, progress)
        if reading.asset() != asset:
            raise SourceChangedError(f"{str(reading.media.path)!r} no longer holds asset {asset[:12]}")
        main = reading.main_video
        if main is None:
            return _write_sound(reading, sounds, scratch)
        if pictures is None or main is not video:
            return None
        return _write(reading, pictures, sounds, scratch, times)
    finally:
        if pictures is not None:
            pictures.abandon()
        sounds.abandon()


def _read(
    reading: Reading, pictures: Pictures | None, sounds: Sounds, progress: ProgressCallback | None
) -> None:
    total, shown = reading.expected_frame_count, repr(str(reading.media.path))
    told, is_foreseen = 0, False
    for portion in reading.portions():
        if isinstance(portion.track, AudioTrack):
            sounds.take(portion)
        elif pictures is not None and portion.track is pictures.track:
            pictures.take(portion)
            check_expansion(shown, reading.media.size_bytes, pictures.pixel_count)
            if pictures.frame_pixels and not is_foreseen:
                is_foreseen = True
                _foresee_expansion(reading, pictures)
            if progress is not None and pictures.frame_count >= told + _PROGRESS_EVERY:
                told = pictures.frame_count
                progress(told, max(told, total))
    if pictures is not None:
        pictures.finish_reading()
        if progress is not None:
            progress(pictures.frame_count, pictures.frame_count)


def _foresee_expansion(reading: Reading, pictures: Pictures) -> None:
    """Refuse a bomb at its first frame, which otherwise would be decoded for minutes until it is known as one.

    Only where the container announces too much are the packets counted, in another look at a file that is tiny then:
    a container may announce what is not there.

    Raises:
        DecompressionBombError: There will be more pixels than a file of this size may yield.
    """
    media, shown = reading.media, repr(str(reading.media.path))
    try:
        check_expansion(shown, media.size_bytes, reading.expected_frame_count * pictures.frame_pixels)
    except DecompressionBombError:
        with MediaFile(media.path) as again:
            wanted = pictures.track.stream.index
            count = sum(packet.stream_index == wanted for packet in again.packets())
        check_expansion(shown, media.size_bytes, count * pictures.frame_pixels)


def _write(
    reading: Reading, pictures: Pictures, sounds: Sounds, scratch: Path, recorded: FrameTimes | None
) -> Standardized:
    times, source_times = pictures.timeline(recorded)
    audio = sounds.finish(reading.main_audio, source_times.time(0))
    # The tables of each file are made, written and let go before those of the next: they grow with the film.
    size = _write_pictures(scratch / _ENCODE, pictures.encode_plan(times), audio)
    proxy_size = _write_pictures(scratch / _PROXY, pictures.proxy_plan(times))
    has_audio, audio = audio is not None, None
    return _written(
        reading,
        scratch,
        times,
        source_times,
        rate=pictures.track.rate(),
        size=size,
        proxy_size=proxy_size,
        picture=pictures.picture,
        has_audio=has_audio,
        remuxed=pictures.is_kept,
    )


def _write_pictures(
    path: Path, video: VideoTrackPlan, audio: AudioTrackPlan | None = None
) -> tuple[int, int]:
    """Write a file, and return the size of its pictures."""
    write_mp4(path, video, audio)
    return video.width, video.height


def _write_sound(reading: Reading, sounds: Sounds, scratch: Path) -> Standardized:
    """The standard form of sound alone: an encode without pictures, and a scan proxy without any track."""
    audio = sounds.finish(reading.main_audio, None)
    if audio is None:
        raise CorruptMediaError("nothing of the sound can be decoded; copy or download the file again")
    write_mp4(scratch / _ENCODE, None, audio)
    write_mp4(scratch / _PROXY, None)
    times = FrameTimes.at_rate(STANDARD_RATES[0], 0)
    return _written(
        reading,
        scratch,
        times,
        times,
        rate=None,
        size=(0, 0),
        proxy_size=(0, 0),
        picture=Rectangle(0, 0, 0, 0),
        has_audio=True,
        remuxed=False,
    )


def _written(
    reading: Reading,
    scratch: Path,
    times: FrameTimes,
    source_times: FrameTimes,
    *,
    rate: Fraction | None,
    size: tuple[int, int],
    proxy_size: tuple[int, int],
    picture: Rectangle,
    has_audio: bool,
    remuxed: bool,
) -> Standardized:
    """Save the times; all files will be moved from the scratch folder to the one that holds it."""
    times.save(scratch / _FRAME_TIMES)
    source_times.save(scratch / _SOURCE_TIMES)
    into, video, audio = scratch.parent, reading.main_video, reading.main_audio
    return Standardized(
        encode=into / _ENCODE,
        proxy=into / _PROXY,
        frame_times=into / _FRAME_TIMES,
        source_times=into / _SOURCE_TIMES,
        frame_count=len(times),
        rate=rate,
        width=size[0],
        height=size[1],
        proxy_width=proxy_size[0],
        proxy_height=proxy_size[1],
        picture=picture,
        has_audio=has_audio,
        remuxed=remuxed,
        video_stream=video.finish().hex() if video is not None else None,
        audio_stream=audio.finish().hex() if audio is not None else None,
        bytes_read=0,
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
