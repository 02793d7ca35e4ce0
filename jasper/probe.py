"""Facts about a source that its packets do not say by themselves: how it is turned, whether it is cut short."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av.error
import numpy as np
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jasper.limits import DECODER_OPTIONS

#: Packets in which a decoder shows its first frame, if it ever does.
_PATIENCE = 64

#: A packet of a transport stream begins with "G".
_TS_PACKET_BYTES = 188
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_BOX_KINDS = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"sidx", b"moof"})


@dataclass(frozen=True)
class Orientation:
    """How a decoded frame is turned before it is shown."""

    #: Clockwise: 0, 90, 180 or 270.
    rotation: int = 0
    #: Whether it is mirrored left to right before that.
    is_mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.rotation in (90, 270)


def orientation_of(frame: VideoFrame) -> Orientation:
    """How the container says that this decoded frame is turned; other angles go to the nearest quarter turn."""
    try:
        matrix = np.frombuffer(bytes(frame.side_data[Type.DISPLAYMATRIX]), dtype=np.int32)  # type: ignore[typeddict-item]
    except KeyError:
        return Orientation()
    except ValueError:
        # PyAV cannot list side data of a kind that it does not know; it still tells the angle, counter-clockwise.
        return Orientation(round(-frame.rotation / 90) * 90 % 360)
    a, b, c, d = (float(matrix[at]) for at in (0, 1, 3, 4))
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    return Orientation(round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, is_mirrored)


class OrientationFinder:
    """Finds a stream's orientation from the first frame that can be decoded; no other frame is."""

    def __init__(self, stream: VideoStream) -> None:
        """Begin with the first packets of this stream."""
        self.orientation = Orientation()
        self._context = stream.codec_context
        self._left = _PATIENCE if self._context is not None else 0
        if self._context is not None:
            self._context.thread_count = 1
            self._context.options = {**self._context.options, **DECODER_OPTIONS}

    @property
    def is_looking(self) -> bool:
        """Whether no frame was seen yet, and one may still come."""
        return self._left > 0

    def look(self, packet: "Packet[Stream]") -> None:
        """Take the stream's next packet; costs nothing once a frame was seen."""
        if self._left:
            self._left -= 1
            self._decode(packet)

    def conclude(self) -> Orientation:
        """The orientation, once there are no more packets or one cannot wait for them."""
        if self._left:
            self._decode(None)
            self._left = 0
        return self.orientation

    def stand_aside(self, frame: VideoFrame | None = None) -> None:
        """Decode nothing any more, as another does, and take the orientation from the first frame of that one."""
        self._left = 0
        if frame is not None:
            self.orientation = orientation_of(frame)

    def _decode(self, packet: "Packet[Stream] | None") -> None:
        try:
            frames = self._context.decode(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            return
        if frames:
            self.orientation = orientation_of(frames[0])
            self._left = 0


def is_shown_vp8(data: bytes) -> bool:
    """Whether a packet of VP8 yields a frame that is shown; some only serve others."""
    return not data or bool(data[0] & 0x10)


def is_cut_short(path: Path) -> bool:
    """Whether the file ends before the end that its own container structure gives."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return any(end > size for end in _declared_ends(file, size))


def _declared_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Where the elements of an MP4, Matroska or RIFF file, or the last packet of a transport stream, must end."""
    head = file.read(400)
    if head[:4] == b"RIFF":
        yield 8 + int.from_bytes(head[4:8], "little")
    elif head[:4] == _EBML:
        at = head.find(_SEGMENT, 0, 64)
        if at >= 0:
            yield from _ebml_end(head, at + 4)
    elif head[4:8] in _BOX_KINDS:
        yield from _box_ends(file, size)
    elif head[::_TS_PACKET_BYTES][:3] == b"GGG":
        yield -(-size // _TS_PACKET_BYTES) * _TS_PACKET_BYTES


def _ebml_end(head: bytes, at: int) -> Iterator[int]:
    width = 9 - head[at].bit_length()
    if width <= 8:
        value = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
        if value != (1 << 7 * width) - 1:
            yield at + width + value


def _box_ends(file: BinaryIO, size: int) -> Iterator[int]:
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return
        at += length
        yield at
