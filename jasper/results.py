"""What is found out about a file and made from it; light, as whoever asks needs no decoder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from jasper.bars import Rectangle
from jasper.frames import FrameTimes

#: (frames done, frames in all; 0 where that is not known).
ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class Identity:
    """What a file holds, and how it was found."""

    #: The asset hash, in hex.
    asset: str
    #: SHA-256 of the file, in hex.
    file_digest: str
    size_bytes: int
    #: The container's name, as FFmpeg has it; in no key.
    container: str
    #: The container's tags; in no key.
    metadata: Mapping[str, str]
    #: Whether the file is cut short; what is left of it has a hash of its own.
    partial: bool
    #: Presented frames; 0 without video.
    frame_count: int
    duration_seconds: float
    #: As shown: after rotation, before pixels are made square. 0 without video.
    width: int
    height: int
    #: Clockwise degrees that a decoded frame is turned by.
    rotation: int
    #: The timing class: frames a second; None if the times follow no standard rate, or there is no video.
    rate: Fraction | None
    video_codec: str | None
    audio_codec: str | None
    #: How many tracks of video and of audio there are; all that is told here is of the main one of each.
    video_track_count: int
    audio_track_count: int
    #: When the frames are shown, counted from the first; None without video.
    times: FrameTimes | None = field(compare=False)

    def check_timeline(self, recorded: FrameTimes | None) -> None:
        """Compare with the frame times that were recorded when the asset was first seen.

        Where the timing is a rate, times follow from it and are never in conflict.

        Raises:
            TimelineConflictError: A frame is shown more than 2 ms earlier or later than recorded.
        """
        if self.rate is None and self.times is not None and recorded is not None:
            recorded.check_agrees(self.times)


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
    #: What of the scan proxy's frames is the picture; the rest is black bars.
    picture: Rectangle
    has_audio: bool
    #: Whether the source's own pictures were kept.
    remuxed: bool
    #: Stream digests, in hex, of the video and the audio that were used: the main ones of all there are.
    video_stream: str | None
    audio_stream: str | None
    #: Bytes read from the source.
    bytes_read: int
