"""The pictures of one pass: decoded once; kept or encoded, and made small for scanning, on the way."""

from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from jasper.bars import BarFinder, Rectangle
from jasper.bitstream import is_idr, is_slice, split_units, with_lengths
from jasper.conformance import Conformance
from jasper.decode import VideoDecoder, decode_h264, decoding_threads, frame_bytes
from jasper.encode import KeyPacer, VideoEncoder, encode_encoder, proxy_encoder
from jasper.errors import CorruptMediaError, UnknownCodecError
from jasper.frames import FrameTimes
from jasper.identity import Portion, VideoTrack
from jasper.mp4 import VideoTrackPlan
from jasper.pipeline import Worker
from jasper.profile import Profile, encode_size, proxy_size
from jasper.shape import Scaler, Shaper
from jasper.spool import PacketSpool
from jasper.timing import NO_TICK, Ticks, presented_ticks

#: Memory for decoded frames that wait for the next step.
_WAITING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Shape:
    """How frames are brought into standard shape."""

    encode_size: tuple[int, int]
    proxy_size: tuple[int, int]
    #: Decoded frames that may wait.
    depth: int


class Kept:
    """Packets of a source that may be standard already, spooled as they are."""

    def __init__(self, path: Path) -> None:
        """Begin an empty spool."""
        self.spool = PacketSpool(path)
        #: Parameter sets that stood before a packet, by its number.
        self._sets: dict[int, tuple[bytes, ...]] = {}
        #: The different ones among these, each kept once.
        self._different: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}

    def add(self, units: list[bytes]) -> None:
        """Take the next packet in decode order."""
        slices = [unit for unit in units if is_slice("h264", unit)]
        if len(slices) < len(units):
            sets = tuple(unit for unit in units if not is_slice("h264", unit))
            self._sets[len(self.spool)] = self._different.setdefault(sets, sets)
        self.spool.add(with_lengths(slices), is_key=any(map(is_idr, slices)))

    def packets(self) -> Iterator[list[bytes]]:
        """All packets as they were taken."""
        for number, (data, _, _) in enumerate(self.spool.packets()):
            yield [*self._sets.get(number, ()), *split_units(data, 4)]


class Pictures:
    """Takes the packets of one video track, in decode order."""

    def __init__(self, track: VideoTrack, scratch: Path, profile: Profile) -> None:
        """Begin.

        Args:
            track: The track, of which nothing was read yet.
            scratch: A folder for spools.
            profile: What the standard form looks like.

        Raises:
            UnknownCodecError: Nothing here decodes the track.
        """
        if track.stream.codec_context is None:
            raise UnknownCodecError(
                "the video is of a codec that nothing here decodes, or the file names a wrong one; "
                "convert it with another program, or copy or download it again"
            )
        self.track = track
        self._scratch = scratch
        self._profile = profile
        self.conformance = Conformance(track, profile)
        self._is_h264 = track.codec == "h264"
        threads = decoding_threads(track.width, track.height)
        if self._is_h264:
            self._decoder = VideoDecoder.for_h264(threads)
        else:
            track.finder.stand_aside()
            self._decoder = VideoDecoder(track.stream.codec_context, threads)
        self._kept = Kept(scratch / "kept.spool") if self._is_h264 else None
        #: Source ticks by packet number; `NO_TICK` where the container has none.
        self._ticks = array("q")
        self._hidden: set[int] = set()
        #: Packet numbers in presentation order.
        self._shown = array("I")
        #: Pixels of the first frame; 0 until there is one.
        self.frame_pixels = 0
        self._shaping: _Shaping | None = None

    @property
    def frame_count(self) -> int:
        """Frames decoded so far."""
        return len(self._shown)

    @property
    def pixel_count(self) -> int:
        """Pixels decoded so far."""
        return self._decoder.pixel_count

    def take(self, portion: Portion) -> None:
        """Take the next packet."""
        packet, number = portion.packet, len(self._ticks)
        self._ticks.append(self.track.tick_of(packet))
        if packet.is_discard:
            self._hidden.add(number)
        if self._is_h264:
            self.conformance.see_packet(portion.units, is_presented=not packet.is_discard)
            frames = self._decoder.decode_units(portion.units, number)
        else:
            frames = self._decoder.decode(packet, number)
        if self._kept is not None:
            self._kept.add(portion.units)
        for frame in frames:
            self._show(frame)

    def _show(self, frame: VideoFrame) -> None:
        if frame.pts is None or frame.pts in self._hidden:
            return
        if self._shaping is None:
            self._shaping = self._begin(frame)
        self.conformance.see_frame(frame)
        number = frame.pts
        self._shown.append(number)
        self._shaping.put(frame, self._aspect_now(), self._seconds(number))

    def _aspect_now(self) -> Fraction:
        """The shape of pixels; where it changes, the decoder knows of it before it shows the first such frame."""
        aspect = self._decoder.context.sample_aspect_ratio or Fraction(1)
        if aspect != self._aspect:
            self.conformance.see_shape(aspect, is_upright=True)
        return aspect

    def _seconds(self, number: int) -> Fraction:
        tick = self._ticks[number]
        return (tick if tick != NO_TICK else number) * self.track.time_base

    def _begin(self, frame: VideoFrame) -> "_Shaping":
        """Decide by the first frame what is to be done with all."""
        if self._is_h264:
            aspect = self._decoder.context.sample_aspect_ratio
            orientation = self.track.finder.conclude()
        else:
            aspect = self.track.stream.sample_aspect_ratio
            self.track.finder.stand_aside(frame)
            orientation = self.track.finder.orientation
        aspect = aspect or Fraction(1)
        self._aspect = self._decoder.context.sample_aspect_ratio or Fraction(1)
        self.frame_pixels = frame.width * frame.height
        self.conformance.see_frame(frame)
        self.conformance.see_shape(
            aspect, is_upright=orientation.rotation == 0 and not orientation.is_mirrored
        )
        sides = (round(frame.width * aspect), frame.height)
        if orientation.swaps_sides:
            sides = (sides[1], sides[0])
        self._shape = Shape(
            encode_size(self._profile, *sides),
            proxy_size(self._profile, *sides),
            max(1, min(16, _WAITING_BYTES // max(1, frame_bytes(frame.width, frame.height)))),
        )
        self._orientation = orientation
        if self._kept is not None and self.conformance.problem is not None:
            self._kept.spool.close()
            self._kept = None
        return _Shaping(self._shaper(), self._shape, self._scratch, self._profile, encodes=self._kept is None)

    def _shaper(self) -> Shaper:
        return Shaper(self._orientation, self._shape.encode_size, self._scratch)

    def finish_reading(self) -> None:
        """Decode what is still waiting, and wait for all steps.

        Raises:
            CorruptMediaError: There were packets and no frame.
        """
        for frame in self._decoder.flush():
            self._show(frame)
        if self._shaping is None and not self.track.ticks:
            return
        if self._shaping is None:
            raise CorruptMediaError("no frame of the video can be decoded; copy or download the file again")
        self._shaping.finish()
        if self._kept is not None:
            self._kept.spool.close()

    def abandon(self) -> None:
        """Stop all steps and close all files; does nothing once they are finished."""
        if self._shaping is not None:
            self._shaping.abandon()
        if self._kept is not None:
            self._kept.spool.close()

    def timeline(self, recorded: FrameTimes | None) -> tuple[FrameTimes, FrameTimes]:
        """Standard times and source times of all frames.

        Raises:
            TimelineConflictError: They differ from the recorded ones, where those count.
        """
        known = self.track.known_ticks
        ordinals = self._ordinals(known)
        rate = self.track.rate()
        first = int(ordinals[0])
        if not len(known):
            nominal = 1 / rate if rate else self.track.times().time_base
            times = FrameTimes(ordinals - first, nominal)
            return times, times
        source = FrameTimes(np.sort(known)[ordinals], self.track.time_base)
        if rate is not None:
            return FrameTimes(ordinals - first, 1 / rate), source
        # All presented frames are compared, and not only those that could be decoded: so they were recorded.
        presented = FrameTimes(presented_ticks(known), self.track.time_base)
        if recorded is not None:
            recorded.check_agrees(presented)
            presented = recorded
        ticks = presented.ticks[ordinals]
        return FrameTimes(ticks - ticks[0], presented.time_base), source

    def _ordinals(self, known: Ticks) -> Ticks:
        """The place of each decoded frame among all presented ones; some of these may not have been decodable."""
        everything = np.arange(len(self._shown), dtype=np.int64)
        if len(self._shown) == len(self.track.ticks) or not len(known):
            return everything
        shown = np.asarray(self._ticks)[np.asarray(self._shown)]
        shown[shown == NO_TICK] = 0
        places = np.searchsorted(np.sort(known), shown)
        # Frames of one time take the places of that time one after the other.
        places += np.arange(len(shown)) - np.searchsorted(shown, shown)
        is_ordered = bool(np.all(np.diff(places) > 0)) and int(places[-1]) < len(known)
        return places.astype(np.int64) if is_ordered else everything

    def encode_plan(self, times: FrameTimes) -> VideoTrackPlan:
        """The track of the standard encode: the source's own packets if they conform, else ours."""
        if self._kept is not None:
            shown_at = np.full(len(self._kept.spool), -1, dtype=np.int64)
            shown_at[np.asarray(self._shown)] = np.arange(len(self._shown))
            self._see_all(self._kept, times, shown_at)
            if self.conformance.problem is None:
                sets = sorted(self.track.digest.parameter_sets)
                return _plan(self._kept.spool, shown_at, times, self._shape.encode_size, sets)
            encoder = self._encode_kept(self._kept)
        else:
            assert self._shaping is not None and self._shaping.encoder is not None, (
                "what is not kept is encoded"
            )
            encoder = self._shaping.encoder
        return _plan(
            encoder.spool,
            encoder.spool.times,
            times,
            self._shape.encode_size,
            sorted(encoder.parameter_sets),
        )

    def _see_all(self, kept: Kept, times: FrameTimes, shown_at: Ticks) -> None:
        """Look back at all packets, given the frame index of each; -1 for those that gave no frame."""
        is_shown = shown_at >= 0
        keys = shown_at[kept.spool.keys & is_shown].tolist()
        self.conformance.see_all(
            self.track.digest.parameter_sets,
            [*map(times.time, keys), times.duration],
            is_whole=bool(is_shown.all())
            and not self._decoder.error_count
            and not self.track.digest.is_damaged,
        )

    def _encode_kept(self, kept: Kept) -> VideoEncoder:
        """Encode from the spool what turned out too late not to conform; the source is not read again."""
        encoder = encode_encoder(self._scratch / "encode.spool", self._shape.encode_size, self._profile)
        scaler, pacer = Scaler(*self._shape.encode_size), KeyPacer(self._profile.key_seconds)
        shaper = self._shaper()
        keys: deque[bool] = deque()
        for frame, aspect in decode_h264(
            kept.packets(), decoding_threads(self.track.width, self.track.height)
        ):
            if frame.pts is None or frame.pts in self._hidden:
                continue
            keys.append(pacer.is_due(self._seconds(frame.pts)))
            for shaped in shaper.shape(frame, aspect):
                encoder.add(scaler.scale(shaped), is_key=keys.popleft())
        for shaped in shaper.flush():
            encoder.add(scaler.scale(shaped), is_key=keys.popleft())
        encoder.finish()
        return encoder

    def proxy_plan(self, times: FrameTimes) -> VideoTrackPlan:
        """The track of the scan proxy."""
        assert self._shaping is not None, "there was a frame"
        proxy = self._shaping.proxy
        return _plan(
            proxy.spool, proxy.spool.times, times, self._shape.proxy_size, sorted(proxy.parameter_sets)
        )

    @property
    def picture(self) -> Rectangle:
        """What of the scan proxy's frames is the picture, without black bars; known after `finish_reading`."""
        assert self._shaping is not None, "there was a frame"
        return self._shaping.bars.picture()

    @property
    def is_kept(self) -> bool:
        """Whether the source's own packets are the encode; known after `encode_plan`."""
        return self._kept is not None and self.conformance.problem is None


class _Shaping:
    """The steps after decoding, each in a thread of its own: shaping with the proxy's encoder, and encoding."""

    def __init__(
        self, shaper: Shaper, shape: Shape, scratch: Path, profile: Profile, *, encodes: bool
    ) -> None:
        self._shaper = shaper
        self._small = Scaler(*shape.proxy_size)
        self._large = Scaler(*shape.encode_size)
        self._pacer = KeyPacer(profile.key_seconds)
        self._keys: deque[bool] = deque()
        self.bars = BarFinder(*shape.proxy_size)
        self.proxy = proxy_encoder(scratch / "proxy.spool", shape.proxy_size, profile)
        self.encoder = (
            encode_encoder(scratch / "encode.spool", shape.encode_size, profile) if encodes else None
        )
        self._encoding: Worker[tuple[VideoFrame, bool]] | None = None
        if self.encoder is not None:
            self._encoding = Worker("encode", self._encode, shape.depth)
        self._shaping: Worker[tuple[VideoFrame, Fraction, bool]] = Worker("shape", self._shape, shape.depth)

    def put(self, frame: VideoFrame, aspect: Fraction, seconds: Fraction) -> None:
        self._shaping.put((frame, aspect, self.encoder is not None and self._pacer.is_due(seconds)))

    def _shape(self, item: tuple[VideoFrame, Fraction, bool]) -> None:
        frame, aspect, is_key = item
        self._keys.append(is_key)
        for shaped in self._shaper.shape(frame, aspect):
            self._use(shaped)

    def _use(self, frame: VideoFrame) -> None:
        large = self._large.scale(frame) if self._encoding is not None else None
        small = self._small.scale(frame)
        self.bars.see(small)
        self.proxy.add(small)
        is_key = self._keys.popleft()
        if self._encoding is not None and large is not None:
            self._encoding.put((large, is_key))

    def _encode(self, item: tuple[VideoFrame, bool]) -> None:
        assert self.encoder is not None, "this step runs only where there is an encoder"
        self.encoder.add(item[0], is_key=item[1])

    def finish(self) -> None:
        self._shaping.finish()
        for frame in self._shaper.flush():
            self._use(frame)
        self.proxy.finish()
        if self._encoding is not None and self.encoder is not None:
            self._encoding.finish()
            self.encoder.finish()

    def abandon(self) -> None:
        self._shaping.abandon()
        if self._encoding is not None:
            self._encoding.abandon()
        for encoder in (self.proxy, self.encoder):
            if encoder is not None:
                encoder.spool.close()


def _plan(
    spool: PacketSpool,
    shown_at: Ticks,
    times: FrameTimes,
    size: tuple[int, int],
    parameter_sets: list[bytes],
) -> VideoTrackPlan:
    """A track from a spool, given the frame index of each packet."""
    timescale, ticks, last_duration = times.clock()
    return VideoTrackPlan(
        source=spool.path,
        sizes=spool.sizes,
        keys=spool.keys,
        times=ticks[shown_at],
        timescale=timescale,
        last_duration=last_duration,
        width=size[0],
        height=size[1],
        parameter_sets=parameter_sets,
    )
