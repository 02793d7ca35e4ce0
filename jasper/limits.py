"""What reading one file may take before it is given up: the numbers, and who says that they are reached."""

from dataclasses import dataclass

from jasper.errors import (
    DecompressionBombError,
    FrameTooLargeError,
    TooManyFramesError,
    TooManyStreamsError,
)

#: 8K as cinemas have it (8192 × 4320) is the largest picture; no side is longer than decoders bear.
MOST_PIXELS = 8192 * 4320
LONGEST_SIDE = 16384
#: Has a decoder refuse what a stream grows to after its first frame.
DECODER_OPTIONS = {"max_pixels": str(MOST_PIXELS)}
MOST_STREAMS = 1000
#: Two days at 60 frames a second.
MOST_FRAMES = 2 * 86400 * 60

#: Pixels that any file may yield: two minutes of 1280 × 720, or a hundred pictures of the largest size.
FREE_PIXELS = 100 * MOST_PIXELS
#: Pixels that each byte may yield beyond that. Black film in 1920 × 1080 without sound yields about 26,000, most
#: slide shows less than 10,000, and moving pictures with sound less than 4,000.
PIXELS_A_BYTE = 20_000


@dataclass(frozen=True)
class Limits:
    """What a worker process may take for one file."""

    #: Seconds without a frame done or a byte read or written.
    stall_seconds: float = 30.0
    #: Seconds for naming a file, and bytes that earn one more.
    identify_seconds: float = 50.0
    identify_bytes_a_second: int = 1_000_000
    #: Seconds for a standard form, and bytes that earn one more.
    standardize_seconds: float = 600.0
    standardize_bytes_a_second: int = 5_000
    #: Resident memory, bytes of it that each byte of the file earns, and what no file exceeds.
    memory_bytes: int = 800_000_000
    memory_bytes_a_byte: int = 20
    most_memory_bytes: int = 3_000_000_000
    #: Size of any file that is written, and bytes that each byte of the source earns.
    output_bytes: int = 4_000_000_000
    output_bytes_a_byte: int = 2

    def memory_for(self, size_bytes: int) -> int:
        """Resident memory for a file of this size; large pictures come in large files."""
        return min(self.memory_bytes + self.memory_bytes_a_byte * size_bytes, self.most_memory_bytes)

    def output_for(self, size_bytes: int) -> int:
        """The largest file that may be written for a source of this size."""
        return self.output_bytes + self.output_bytes_a_byte * size_bytes


def check_streams(shown: str, count: int) -> None:
    """Refuse a file of too many streams.

    Raises:
        TooManyStreamsError: There are more than 1,000.
    """
    if count > MOST_STREAMS:
        raise TooManyStreamsError(
            f"{shown} has {count:,} streams, and {MOST_STREAMS:,} are allowed; take out those that are not needed"
        )


def check_size(shown: str, width: int, height: int) -> None:
    """Refuse pictures that are too large to be decoded.

    Raises:
        FrameTooLargeError: There are more pixels than 8192 × 4320, or a side is longer than 16,384.
    """
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise FrameTooLargeError(
            f"{shown} says that its pictures are {width} × {height}; 8192 × 4320 pixels are the most that is decoded, "
            "so check that the file is whole, or scale it down"
        )


def check_frame_count(shown: str, count: int) -> None:
    """Refuse to go on after too many frames.

    Raises:
        TooManyFramesError: There are more than two days at 60 a second have.
    """
    if count > MOST_FRAMES:
        raise TooManyFramesError(f"{shown} has more than {MOST_FRAMES:,} frames; cut it into parts")


def check_expansion(shown: str, size_bytes: int, pixel_count: int) -> None:
    """Refuse to go on with a small file that yields this many pixels, so far or in all.

    Raises:
        DecompressionBombError: No film of its size yields so many.
    """
    if pixel_count > FREE_PIXELS + PIXELS_A_BYTE * size_bytes:
        raise DecompressionBombError(
            f"{shown} has {size_bytes:,} bytes, and {pixel_count:,} pixels come out of it, more than a film of that "
            "size has; if it is meant, encode it again with smaller pictures"
        )
