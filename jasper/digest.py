"""The asset hash: a name for media content that its container does not change. Pure: packets in, digests out.

Asset hash = SHA-256("amber-asset-1", the sorted digests of all video and audio streams).
A stream's digest covers its codec's name, its units in decode order, and a few facts about how they are presented.
Every item is preceded by its length in eight bytes, so that no two sequences of items read alike.
"""

import hashlib
import re
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from jasper.bitstream import (
    PARAMETER_SET,
    UNIT_KINDS,
    AacConfig,
    MalformedBitstreamError,
    NalCodec,
    read_aac_config,
    read_framing,
    split_adts,
    split_obus,
    split_units,
)

SCHEME = b"amber-asset-1"

#: Items are hashed once so much of them has come.
_TOGETHER_BYTES = 256 * 1024

_PCM_NAME = re.compile(r"pcm_([suf])(8|16|24|32|64)(?:le|be)?")


def asset_hash(stream_digests: Iterable[bytes]) -> str:
    """The asset hash of media with these streams, in whatever order they stand."""
    whole = hashlib.sha256()
    for item in (SCHEME, *sorted(stream_digests)):
        whole.update(len(item).to_bytes(8, "big"))
        whole.update(item)
    return whole.hexdigest()


class _Items:
    """A SHA-256 over items, each preceded by its length; many small ones are taken together."""

    def __init__(self, *items: bytes) -> None:
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        for item in items:
            self.add(item)

    def add(self, item: bytes) -> None:
        waiting = self._waiting
        waiting += len(item).to_bytes(8, "big")
        waiting += item
        if len(waiting) >= _TOGETHER_BYTES:
            self._take_waiting()

    def _take_waiting(self) -> None:
        self._hash.update(self._waiting)
        self._waiting.clear()

    def digest(self) -> bytes:
        self._take_waiting()
        return self._hash.digest()


class VideoDigest:
    """The digest of one video stream, taken packet by packet."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        """Begin.

        Args:
            codec: The codec's name, as FFmpeg has it.
            extradata: What the container says about the stream; tells how units are framed.
        """
        self._items = _Items(b"video", codec.encode())
        self._codec = codec
        self._nal: NalCodec | None = "h264" if codec == "h264" else "hevc" if codec == "hevc" else None
        #: The kind of a unit by its first byte, where packets are made of units.
        self._kinds = UNIT_KINDS[self._nal] if self._nal is not None else None
        self._length_size = 0
        #: Every distinct parameter set so far (H.264, HEVC).
        self.parameter_sets: set[bytes] = set()
        #: Those of the latest extradata, in its order.
        self.last_declared_sets: tuple[bytes, ...] = ()
        #: Whether a packet did not follow its codec's syntax.
        self.is_damaged = False
        self.change_extradata(extradata)

    def change_extradata(self, extradata: bytes | None) -> None:
        """Go on with other extradata; packets from here on are framed as it says."""
        if self._nal is None:
            return
        try:
            framing = read_framing(self._nal, extradata)
        except MalformedBitstreamError:
            self.is_damaged = True
            return
        self._length_size = framing.length_size
        self.last_declared_sets = framing.parameter_sets
        self.parameter_sets.update(framing.parameter_sets)

    def add(self, data: bytes) -> list[bytes]:
        """Take the next presented packet in decode order.

        Returns:
            The units that make it up: slices and parameter sets of H.264 and HEVC, OBUs of AV1; else the packet.
        """
        units = self.split(data)
        kinds = self._kinds
        for unit in units:
            if kinds is not None and kinds[unit[0]] == PARAMETER_SET:
                self.parameter_sets.add(unit)
            else:
                self._items.add(unit)
        return units

    def split(self, data: bytes) -> list[bytes]:
        """The units of a packet that count, without taking it."""
        try:
            if self._kinds is not None:
                return [unit for unit in split_units(data, self._length_size) if self._kinds[unit[0]]]
            return split_obus(data) if self._codec == "av1" else [data]
        except MalformedBitstreamError:
            self.is_damaged = True
            return [data]

    def finish(self, frame_count: int, rotation: int, is_mirrored: bool, rate: Fraction | None) -> bytes:
        """The digest, given how the stream is presented.

        Args:
            frame_count: Presented frames.
            rotation: Clockwise degrees to turn a decoded frame by.
            is_mirrored: Whether it is mirrored before it is turned.
            rate: The timing class; None for variable.
        """
        self._items.add(b"parameters")
        for unit in sorted(self.parameter_sets):
            self._items.add(unit)
        presented = (
            f"frames {frame_count}",
            f"rotation {rotation}{' mirrored' if is_mirrored else ''}",
            f"rate {rate.numerator}/{rate.denominator}" if rate else "rate variable",
        )
        for fact in presented:
            self._items.add(fact.encode())
        return self._items.digest()


class AudioDigest:
    """The digest of one audio stream, taken packet by packet."""

    def __init__(self, codec: str, extradata: bytes | None, rate: int, channels: int) -> None:
        """Begin.

        Args:
            codec: The codec's name, as FFmpeg has it.
            extradata: What the container says about the stream.
            rate: Samples a second.
            channels: Number of channels.
        """
        self._sample_bytes, name = _pcm(codec)
        self._items = _Items(b"audio", name.encode())
        self._is_big_endian = codec.startswith("pcm_") and codec.endswith("be")
        self._pcm = hashlib.sha256() if self._sample_bytes else None
        self._is_adts = codec == "aac" and not extradata
        self._rate, self._channels = rate, channels
        #: The AAC configuration, once known; None for other codecs.
        self.aac: AacConfig | None = None
        #: Whether a packet did not follow its codec's syntax.
        self.is_damaged = False
        if codec == "aac" and extradata:
            try:
                self.aac = read_aac_config(extradata)
            except MalformedBitstreamError:
                self.is_damaged = True

    def add(self, data: bytes) -> list[bytes]:
        """Take the next packet.

        Returns:
            The bare frames in it.
        """
        if self._pcm is not None:
            self._pcm.update(_little_endian(data, self._sample_bytes) if self._is_big_endian else data)
            return [data]
        frames = self._bare(data) if self._is_adts else [data]
        for frame in frames:
            self._items.add(frame)
        return frames

    def _bare(self, data: bytes) -> list[bytes]:
        try:
            found = split_adts(data)
        except MalformedBitstreamError:
            found = None
        if found is None:
            self.is_damaged = True
            return [data]
        if self.aac is None:
            self.aac = found[0]
        return found[1]

    @property
    def form(self) -> tuple[int, int]:
        """Samples a second and channels, as far as the container does not change them."""
        if self.aac is not None and self.aac.channel_configuration:
            # What the container says may be the core's values or the replicated ones; the header's are the core's.
            return self.aac.sample_rate, self.aac.channel_configuration
        return self._rate, self._channels

    def finish(self) -> bytes:
        """The digest."""
        if self._pcm is not None:
            self._items.add(self._pcm.digest())
        rate, channels = self.form
        self._items.add(f"rate {rate}".encode())
        self._items.add(f"channels {channels}".encode())
        return self._items.digest()


def _pcm(codec: str) -> tuple[int, str]:
    """Bytes a sample and the name without byte order of linear PCM; 0 and the name as it is for other codecs."""
    match = _PCM_NAME.fullmatch(codec)
    return (int(match[2]) // 8, f"pcm_{match[1]}{match[2]}") if match else (0, codec)


def _little_endian(data: bytes, sample_bytes: int) -> bytes:
    """Big-endian samples with their bytes in the other order; a rest that is no whole sample stays as it is."""
    whole = len(data) - len(data) % sample_bytes
    samples = np.frombuffer(data, dtype=np.uint8, count=whole).reshape(-1, sample_bytes)
    return samples[:, ::-1].tobytes() + data[whole:]
