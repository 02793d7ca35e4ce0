"""Which asset a file holds: one read of the file, no decoding."""

import hashlib
from array import array
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from jasper.digest import AudioDigest, VideoDigest, asset_hash
from jasper.errors import MediaIOError, NoMediaError, UnreadableMediaError
from jasper.frames import FrameTimes
from jasper.limits import check_frame_count
from jasper.main_track import main_track
from jasper.media import MediaFile, codec_name, open_regular, side_data
from jasper.probe import OrientationFinder, is_cut_short, is_shown_vp8
from jasper.results import Identity, ProgressCallback
from jasper.timing import NO_TICK, STANDARD_RATES, Ticks, presented_ticks, timing_class

_PROGRESS_EVERY = 256
#: Times that lie further apart (two years) are damage.
_LONGEST_SECONDS = 2**26


class VideoTrack:
    """One video stream while it is read."""

    def __init__(self, stream: VideoStream) -> None:
        """Begin."""
        context = stream.codec_context
        self.stream = stream
        self.codec = codec_name(stream)
        self.extradata = context.extradata if context is not None else None
        self.digest = VideoDigest(self.codec, self.extradata)
        #: Parameter sets that the container gave outside of packets and no packet was preceded by yet.
        self._waiting_sets = list(self.digest.last_declared_sets)
        self.finder = OrientationFinder(stream)
        self.width = context.width if context is not None else 0
        self.height = context.height if context is not None else 0
        self.time_base = stream.time_base or Fraction(1, 90000)
        #: Presentation times of the presented packets in decode order; `NO_TICK` where the container has none.
        self.ticks = array("q")
        self.discarded_count = 0
        self._finished: bytes | None = None
        #: AVI has no times of presentation, and what the demuxer puts there follows the order of decoding.
        self._has_decode_times_only = stream.container.format.name == "avi"
        #: A transport stream says nothing of its units beside its packets, and asking each of them costs.
        self._has_start_codes_only = stream.container.format.name == "mpegts"

    @property
    def announced_count(self) -> int:
        """Packets that the container announces; 0 if it does not, or as AVI counts turns that pass without a picture."""
        return 0 if self._has_decode_times_only else self.stream.frames

    def tick_of(self, packet: "Packet[Stream]") -> int:
        """When the packet's frame is shown, or `NO_TICK`; in AVI, when it is its turn to be decoded."""
        tick = packet.dts if packet.pts is None or self._has_decode_times_only else packet.pts
        return tick if tick is not None else NO_TICK

    def take(self, packet: "Packet[Stream]", data: bytes) -> list[bytes]:
        """Take the next packet; its units, after the parameter sets that the container declared for it."""
        if self.finder.is_looking:
            self.finder.look(packet)
        if not self._has_start_codes_only:
            changed = side_data(packet, "new_extradata")
            if changed is not None:
                self.digest.change_extradata(changed)
                self._waiting_sets += self.digest.last_declared_sets
        if packet.is_discard:
            self.discarded_count += 1
            units = self.digest.split(data)
        else:
            if self.codec != "vp8" or is_shown_vp8(data):
                self.ticks.append(self.tick_of(packet))
            units = self.digest.add(data)
        if self._waiting_sets:
            units = self._waiting_sets + units
            self._waiting_sets = []
        return units

    @property
    def known_ticks(self) -> Ticks:
        """All presentation times, if every presented packet has one and they can be meant; else nothing."""
        known = np.array(self.ticks, dtype=np.int64)
        if not len(known) or NO_TICK in known:
            return known[:0]
        is_meant = (int(known.max()) - int(known.min())) * self.time_base < _LONGEST_SECONDS
        return known if is_meant else known[:0]

    def rate(self) -> Fraction | None:
        """The timing class."""
        known = self.known_ticks
        if len(known):
            return timing_class(known, self.time_base)
        guess = self.stream.guessed_rate
        near = [rate for rate in STANDARD_RATES if guess and abs(guess / rate - 1) < Fraction(1, 5000)]
        return near[0] if near else None

    def times(self) -> FrameTimes:
        """When the presented frames are shown, counted from the first."""
        rate = self.rate()
        if rate is not None:
            return FrameTimes.at_rate(rate, len(self.ticks))
        known = self.known_ticks
        if len(known):
            return FrameTimes(presented_ticks(known), self.time_base)
        return FrameTimes.at_rate(STANDARD_RATES[0], len(self.ticks))

    def finish(self) -> bytes:
        """The stream's digest, once everything was read; may be called again."""
        if self._finished is None:
            found = self.finder.conclude()
            self._finished = self.digest.finish(
                len(self.ticks), found.rotation, found.is_mirrored, self.rate()
            )
        return self._finished


class AudioTrack:
    """One audio stream while it is read."""

    def __init__(self, stream: AudioStream) -> None:
        """Begin."""
        context = stream.codec_context
        self.stream = stream
        self.codec = codec_name(stream)
        self.extradata = context.extradata if context is not None else None
        self.sample_rate = context.sample_rate if context is not None else 0
        self.channels = context.channels if context is not None else 0
        self.digest = self.splitter()
        self.time_base = stream.time_base or Fraction(1, 90000)
        self.packet_count = 0
        #: Bytes of the bare frames.
        self.size_bytes = 0
        self._finished: bytes | None = None

    def splitter(self) -> AudioDigest:
        """What splits this track's packets into bare frames, at its beginning."""
        return AudioDigest(self.codec, self.extradata, self.sample_rate, self.channels)

    def take(self, _packet: "Packet[Stream]", data: bytes) -> list[bytes]:
        """Take the next packet; the bare frames in it."""
        self.packet_count += 1
        frames = self.digest.add(data)
        for frame in frames:
            self.size_bytes += len(frame)
        return frames

    def finish(self) -> bytes:
        """The stream's digest, once everything was read; may be called again."""
        if self._finished is None:
            self._finished = self.digest.finish()
        return self._finished


class Portion(NamedTuple):
    """One packet as it was read, with what was made of it; a tuple, as a film has hundreds of thousands."""

    track: VideoTrack | AudioTrack
    packet: "Packet[Stream]"
    data: bytes
    #: Units or bare frames.
    units: list[bytes]


class Reading:
    """One pass over an open file, which takes the asset hash while the caller uses the packets."""

    def __init__(self, media: MediaFile) -> None:
        """Begin.

        Raises:
            NoMediaError: There is neither video nor audio.
        """
        self.media = media
        self.videos = [VideoTrack(stream) for stream in media.video_streams]
        self.audios = [AudioTrack(stream) for stream in media.audio_streams]
        self._tracks: dict[int, VideoTrack | AudioTrack] = {}
        self._tracks.update({track.stream.index: track for track in self.videos})
        self._tracks.update({track.stream.index: track for track in self.audios})
        self._is_broken = False

    @property
    def announced_video(self) -> VideoTrack | None:
        """The video that will most likely turn out to be the main one, by what the container says of it."""
        return main_track(
            self.videos,
            amount=lambda track: track.announced_count,
            rank=lambda track: (track.width * track.height, track.announced_count),
        )

    @property
    def main_video(self) -> VideoTrack | None:
        """The video that is meant, once everything was read: the largest picture, then the most frames."""
        return main_track(
            [track for track in self.videos if track.ticks],
            amount=lambda track: len(track.ticks),
            rank=lambda track: (track.width * track.height, len(track.ticks)),
            digest=VideoTrack.finish,
        )

    @property
    def main_audio(self) -> AudioTrack | None:
        """The sound that is meant, once everything was read: the most channels, then the highest rate, then bytes."""
        return main_track(
            [track for track in self.audios if track.packet_count],
            amount=lambda track: track.size_bytes,
            rank=lambda track: (track.digest.form[1], track.digest.form[0], track.size_bytes),
            digest=AudioTrack.finish,
        )

    @property
    def expected_frame_count(self) -> int:
        """Frames that the container announces; 0 if it does not."""
        track = self.announced_video
        if track is None:
            return 0
        duration, rate = self.media.container.duration, track.stream.average_rate
        return track.stream.frames or (int(duration * rate / 1_000_000) if duration and rate else 0)

    def portions(self) -> Iterator[Portion]:
        """Every packet of every stream that counts, in file order.

        Raises:
            MediaIOError: A read failed.
            EncryptedMediaError: A stream is encrypted.
            UnreadableMediaError: Nothing can be read.
        """
        tracks, has_begun = self._tracks, False
        try:
            for packet in self.media.packets():
                has_begun = True
                if packet.is_corrupt:
                    self._is_broken = True
                track, data = tracks[packet.stream_index], bytes(packet)
                yield Portion(track, packet, data, track.take(packet, data))
        except UnreadableMediaError as error:
            if not has_begun or not isinstance(error.__cause__, av.error.FFmpegError):
                raise
            self._is_broken = True

    def asset(self) -> str:
        """The asset hash of what was read.

        Raises:
            NoMediaError: No stream had a packet.
            TooManyFramesError: There are more frames than are allowed.
        """
        for track in self.videos:
            check_frame_count(repr(str(self.media.path)), len(track.ticks))
        digests = [track.finish() for track in self.videos if track.ticks]
        digests += [track.finish() for track in self.audios if track.packet_count]
        if not digests:
            raise NoMediaError(
                f"{str(self.media.path)!r} has no packets of video or audio; it may be cut short"
            )
        return asset_hash(digests)

    def is_partial(self) -> bool:
        """Whether less was read than the container announces."""
        announced = any(
            track.announced_count > len(track.ticks) + track.discarded_count for track in self.videos
        )
        return self._is_broken or announced or is_cut_short(self.media.path)


def identify(path: Path, *, progress: ProgressCallback | None = None) -> Identity:
    """Name the asset that a file holds.

    Args:
        path: A media file.
        progress: Called with frames done and frames in all, as far as these are known.

    Raises:
        UnreadableMediaError: It is no media file, or is encrypted, or has neither video nor audio.
        MediaIOError: It cannot be read; an error while reading never yields a hash.
    """
    with MediaFile(path) as media, ThreadPoolExecutor(1, "file-digest") as beside:
        digest = beside.submit(_file_digest, path)
        reading = Reading(media)
        total = reading.expected_frame_count
        for number, portion in enumerate(reading.portions()):
            if (
                progress is not None
                and number % _PROGRESS_EVERY == 0
                and isinstance(portion.track, VideoTrack)
            ):
                progress(len(portion.track.ticks), total)
        identity = _identity(reading, digest)
    if progress is not None:
        progress(identity.frame_count, identity.frame_count)
    return identity


def _identity(reading: Reading, digest: "Future[str]") -> Identity:
    media = reading.media
    asset = reading.asset()
    video = reading.main_video
    audio = reading.main_audio
    times = video.times() if video is not None else None
    seconds = float(times.duration) if times is not None else (media.container.duration or 0) / 1_000_000
    sides = (video.width, video.height) if video is not None else (0, 0)
    if video is not None and video.finder.orientation.swaps_sides:
        sides = (sides[1], sides[0])
    return Identity(
        asset=asset,
        file_digest=digest.result(),
        size_bytes=media.size_bytes,
        container=media.container.format.name,
        metadata=MappingProxyType(media.tags()),
        partial=reading.is_partial(),
        frame_count=len(video.ticks) if video is not None else 0,
        duration_seconds=seconds,
        width=sides[0],
        height=sides[1],
        rotation=video.finder.orientation.rotation if video is not None else 0,
        rate=video.rate() if video is not None else None,
        video_codec=video.codec if video is not None else None,
        audio_codec=audio.codec if audio is not None else None,
        video_track_count=sum(bool(track.ticks) for track in reading.videos),
        audio_track_count=sum(bool(track.packet_count) for track in reading.audios),
        times=times,
    )


def _file_digest(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaIOError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
