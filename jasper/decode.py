"""The one way in which video packets become frames."""

import os
from collections.abc import Iterator
from fractions import Fraction

import av.error
from av.codec.context import CodecContext, ThreadType
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from jasper.bitstream import with_start_codes
from jasper.limits import DECODER_OPTIONS

#: More threads than this gain nothing on pictures of ordinary size.
_MOST_THREADS = 8
#: Memory for the frames that a decoder's threads work at, each at one of its own.
_THREADS_BYTES = 128 * 1024 * 1024


def decoding_threads(width: int = 0, height: int = 0) -> int:
    """Threads for a decoder that must be quick: as many as there are processors, fewer for huge frames.

    Frames do not depend on it.
    """
    affordable = _THREADS_BYTES // max(1, frame_bytes(width, height))
    return max(1, min(_MOST_THREADS, len(os.sched_getaffinity(0)), affordable))


def frame_bytes(width: int, height: int) -> int:
    """About what a decoded frame takes in memory: ten bits a sample, colour at half the resolution."""
    return width * height * 3


class VideoDecoder:
    """Turns packets into frames, each marked with the number of the packet that it came from.

    The number travels as the frame's `pts`, so the order of presentation is that of the content itself, whatever the
    container says of times.
    """

    def __init__(self, context: VideoCodecContext, threads: int) -> None:
        """Take a decoder that has decoded nothing yet."""
        context.thread_count = threads
        context.thread_type = ThreadType.FRAME
        context.options = {**context.options, **DECODER_OPTIONS}
        self.context = context
        #: Packets that the decoder refused.
        self.error_count = 0
        #: Pixels of all frames so far.
        self.pixel_count = 0

    @classmethod
    def for_h264(cls, threads: int) -> "VideoDecoder":
        """A decoder that knows nothing but the units it is given: all that it finds, the asset hash covers."""
        context = CodecContext.create("h264", "r")
        # Without it, the decoder guesses how far frames are reordered and may show the first ones too early.
        context.options = {"strict": "1"}
        return cls(context, threads)

    def decode(self, packet: "Packet[Stream]", number: int) -> list[VideoFrame]:
        """Take the packet of this number in decode order; the frames that are complete now."""
        packet.pts = number
        packet.dts = None
        return self._frames(packet)

    def decode_units(self, units: list[bytes], number: int) -> list[VideoFrame]:
        """As `decode`, of bare H.264 units."""
        data = with_start_codes(units)
        # A packet with memory of its own: one that borrows Python's is given back by the decoder's threads, which
        # need the interpreter's lock for it, and wait for ever where the lock's holder waits for them.
        packet: Packet[Stream] = Packet(len(data))
        packet.update(data)
        return self.decode(packet, number)

    def flush(self) -> list[VideoFrame]:
        """The frames that were still waiting; the decoder is done then."""
        return self._frames(None)

    def _frames(self, packet: "Packet[Stream] | None") -> list[VideoFrame]:
        try:
            frames = self.context.decode(packet)
        except av.error.EOFError:
            return []
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self.error_count += 1
            return []
        self.pixel_count += sum(frame.width * frame.height for frame in frames)
        return frames


def decode_h264(packets: Iterator[list[bytes]], threads: int) -> Iterator[tuple[VideoFrame, Fraction]]:
    """The frames of bare H.264 packets, in presentation order, each with the shape of pixels known by then."""
    decoder = VideoDecoder.for_h264(threads)
    for number, units in enumerate(packets):
        for frame in decoder.decode_units(units, number):
            yield frame, decoder.context.sample_aspect_ratio or Fraction(1)
    for frame in decoder.flush():
        yield frame, decoder.context.sample_aspect_ratio or Fraction(1)
