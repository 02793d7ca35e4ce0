"""The standard form of an asset, which everything else reads instead of the source."""

from pathlib import Path
from typing import TYPE_CHECKING

from amber.algorithm import File, Source, algorithm, result
from amber.progress import report, scratch

if TYPE_CHECKING:
    from jasper.frames import FrameTimes
    from jasper.results import Standardized
    from jasper.video import Video


@result
class Standard:
    """An asset's standard encode, its scan proxy, and the times of its frames."""

    #: H.264, at most 1280 x 720, with its sound: what people see. Of an asset that is sound alone, the sound.
    encode: File
    #: Every frame, small: what algorithms read. Of sound alone, an MP4 without any track.
    proxy: File
    #: Frame index → time on the standard timeline.
    frame_times: File
    #: Frame index → time in the source.
    source_times: File
    #: 0 for sound alone, as are all sizes.
    frame_count: int
    width: int
    height: int
    proxy_width: int
    proxy_height: int
    #: The picture within the scan proxy, in its pixels; what lies around it is black bars.
    picture_left: int
    picture_top: int
    picture_width: int
    picture_height: int
    #: Frames a second as a fraction; 0/1 if frame times follow no rate, or there are none.
    rate_numerator: int
    rate_denominator: int
    has_audio: bool
    #: Whether the source's own packets were kept, as it was standard already.
    remuxed: bool
    #: Stream digests, in hex, of the video and the audio that were used, the main ones of the asset; None if it has none.
    video_stream: str | None
    audio_stream: str | None

    def video(self) -> "Video":
        """The standard encode, open for reading."""
        from jasper.video import Video

        return Video.open(self.encode.path, self.frame_times.path)

    def scan(self) -> "Video":
        """The scan proxy, open for reading: the same frames, small."""
        from jasper.video import Video

        return Video.open(self.proxy.path, self.frame_times.path)

    def picture(self, width: int, height: int) -> tuple[slice, slice]:
        """The rows and the columns of the picture, without black bars, in a frame that was scaled to this size."""
        across, down = width / max(self.proxy_width, 1), height / max(self.proxy_height, 1)
        left, top = round(self.picture_left * across), round(self.picture_top * down)
        right = round((self.picture_left + self.picture_width) * across)
        bottom = round((self.picture_top + self.picture_height) * down)
        return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))

    def times(self) -> "FrameTimes":
        """The exact time of every frame."""
        from jasper.frames import FrameTimes

        return FrameTimes.load(self.frame_times.path)


@algorithm(
    version="house-1", cpus=2, memory_bytes=300_000_000, memory_bytes_a_pixel=40, libraries=("av",)
)  # measured: 150 MB for 320×180, 310 MB for 1920×1080, 390 MB for 3840×2160, 550 MB for 7680×4320
def standard(source: Source) -> Standard:
    """Make the asset's standard form, in one pass over the first location that still holds it.

    Its version names the house profile: bytes of another profile are another version.

    Raises:
        SourceLostError: No location holds the asset any more.
        MediaIOError: A location is there and cannot be read, or the results cannot be written; this may pass.
        CorruptMediaError, UnknownCodecError: The asset cannot be decoded; every location holds the same packets, so no
            other is tried.
        DecodingLimitError, DecoderCrashedError: Decoding takes too much, or ends the decoder; no other is tried either.
        DecoderStoppedError: The decoder was ended from outside; this may pass.

    Source: ours (docs/architecture.md).

    Known limits: highlights of HDR sources beyond 1,000 cd/m² are white; bars that come and go are taken for picture;
    subtitles and all tracks but the main video and the main sound are left out.
    """
    from jasper.errors import MediaIOError, SourceChangedError, UnreadableMediaError
    from jasper.frames import FrameTimes
    from jasper.sandbox import standardize

    tried: dict[Path, str] = {}
    trouble: MediaIOError | None = None
    times = FrameTimes.from_bytes(source.frame_times) if source.frame_times is not None else None
    for path in source.paths:
        try:
            return _manifest(standardize(path, scratch(), asset=source.asset, times=times, progress=report))
        except (SourceChangedError, UnreadableMediaError):
            tried[path] = "it holds something else now"
            source.mark_changed(path)
        except MediaIOError as error:
            tried[path] = str(error)
            trouble = error if path.exists() else trouble
    raise trouble or source.lost(tried)


def _manifest(made: "Standardized") -> Standard:
    return Standard(
        encode=File.at(made.encode),
        proxy=File.at(made.proxy),
        frame_times=File.at(made.frame_times),
        source_times=File.at(made.source_times),
        frame_count=made.frame_count,
        width=made.width,
        height=made.height,
        proxy_width=made.proxy_width,
        proxy_height=made.proxy_height,
        picture_left=made.picture.left,
        picture_top=made.picture.top,
        picture_width=made.picture.width,
        picture_height=made.picture.height,
        rate_numerator=made.rate.numerator if made.rate else 0,
        rate_denominator=made.rate.denominator if made.rate else 1,
        has_audio=made.has_audio,
        remuxed=made.remuxed,
        video_stream=made.video_stream,
        audio_stream=made.audio_stream,
    )
