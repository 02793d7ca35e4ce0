"""The sound of a standard encode: AAC, the source's own frames where they are that already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import CodecContext, Flags
from av.packet import Packet
from av.stream import Stream

from jasper.bitstream import AAC_LOW_COMPLEXITY, AacConfig
from jasper.identity import AudioTrack, Portion
from jasper.mp4 import AudioTrackPlan
from jasper.pipeline import Worker
from jasper.profile import Profile
from jasper.spool import PacketSpool
from jasper.timing import NO_TICK

SAMPLES_A_FRAME = 1024

_SPOOL = "sound.spool"

#: Samples that the encoder puts before the first one it is given.
_PRIMING_SAMPLES = 1024

#: A gap this long is kept, a shorter one is a container's rounding.
_GAP_SECONDS = Fraction(1, 10)
#: No gap is filled beyond this: it is a broken clock.
_LONGEST_GAP_SECONDS = Fraction(60)
#: Frames that are decoded to see whether AAC is what it says.
_SAMPLE_FRAMES = 8
#: Codecs whose packets and extradata say all that a decoder needs.
_SELF_CONTAINED = frozenset({"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "vorbis"})
_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8}


def coarse_offset(samples: int, rate: int) -> int:
    """The start of the sound against the picture, rounded to about ten milliseconds.

    Containers round times to a millisecond or less; rounded further, all of them give the same.
    """
    grid: int = 1 << (max(1, rate // 100) - 1).bit_length()
    return (2 * samples + grid) // (2 * grid) * grid


def is_low_complexity(config: AacConfig | None, frames: Iterable[bytes]) -> bool:
    """Whether these AAC frames are plain low complexity: what every player can play.

    Seen by decoding the bare frames, since headers do not always tell of replicated bands.
    """
    if (
        config is None
        or config.object_type != AAC_LOW_COMPLEXITY
        or config.channel_configuration not in _CHANNELS
    ):
        return False
    context = CodecContext.create("aac", "r")
    context.extradata = config.record()
    try:
        decoded = [frame for data in frames for frame in context.decode(Packet(data))]
    except av.error.FFmpegError:
        return False
    return bool(decoded) and all(
        frame.samples == SAMPLES_A_FRAME and frame.sample_rate == config.sample_rate for frame in decoded
    )


def bare_decoder(track: AudioTrack) -> AudioCodecContext:
    """A decoder for the track's packets that knows as little as possible of the container.

    Containers mark samples to skip in ways of their own, which a decoder that they have set up obeys.
    """
    found = track.stream.codec_context
    if not (found.codec.canonical_name in _SELF_CONTAINED or found.codec.canonical_name.startswith("pcm_")):
        return found
    context = CodecContext.create(found.codec.name, "r")
    assert isinstance(context, AudioCodecContext), "an audio track has an audio decoder"
    context.sample_rate = found.sample_rate
    context.layout = found.layout
    if track.extradata:
        context.extradata = track.extradata
    return context


class AacKeeper:
    """Spools AAC frames as they are, each placed by the samples before it."""

    def __init__(self, path: Path, config: AacConfig) -> None:
        """Begin an empty spool."""
        self._spool = PacketSpool(path)
        self._config = config
        self._next = 0
        self._start: Fraction | None = None

    def take(self, frames: list[bytes], seconds: Fraction | None) -> None:
        """Take the frames of one packet, which the container plays at this time."""
        if self._start is None:
            self._start = seconds if seconds is not None else Fraction(0)
        elif seconds is not None:
            self._skip_gap(seconds)
        for frame in frames:
            self._spool.add(frame, time=self._next)
            self._next += SAMPLES_A_FRAME

    def _skip_gap(self, seconds: Fraction) -> None:
        rate = self._config.sample_rate
        assert self._start is not None, "a gap comes after something"
        gap = seconds - self._start - Fraction(self._next, rate)
        if _GAP_SECONDS < gap < _LONGEST_GAP_SECONDS:
            self._next += coarse_offset(round(gap * rate), rate)

    def close(self) -> None:
        """Close the spool; nothing can be taken after that."""
        self._spool.close()

    def finish(self, video_start: Fraction | None) -> AudioTrackPlan | None:
        """The track, given when the first frame of a video is shown, if there is one; None if there is no sound."""
        self._spool.close()
        if not len(self._spool):
            return None
        rate = self._config.sample_rate
        start = self._start or Fraction(0)
        late = start - (video_start if video_start is not None else start)
        return AudioTrackPlan(
            source=self._spool.path,
            sizes=self._spool.sizes,
            times=self._spool.times,
            last_duration=SAMPLES_A_FRAME,
            offset=coarse_offset(round(late * rate), rate),
            config=self._config,
            channels=_CHANNELS[self._config.channel_configuration],
        )


class AacEncoder:
    """Encodes decoded sound as AAC, mono or stereo; gaps are filled with silence."""

    def __init__(self, path: Path, profile: Profile, channels: int) -> None:
        """Begin an empty spool."""
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = profile.audio_rate
        self._spool = PacketSpool(path)
        self._resampler = AudioResampler(
            format="fltp", layout=self._layout, rate=self._rate, frame_size=SAMPLES_A_FRAME
        )
        self._context = CodecContext.create("aac", "w")
        self._context.sample_rate = self._rate
        self._context.layout = self._layout
        self._context.format = "fltp"
        self._context.bit_rate = profile.audio_bit_rate // (2 if channels == 1 else 1)
        self._context.thread_count = 1
        self._context.flags |= Flags.bitexact
        self._start: Fraction | None = None
        self._taken = Fraction(0)

    def take(self, frame: AudioFrame, seconds: Fraction | None) -> None:
        """Encode decoded sound that is played at this time."""
        if self._start is None:
            self._start = seconds if seconds is not None else Fraction(0)
        elif seconds is not None:
            gap = seconds - self._start - self._taken
            if _GAP_SECONDS < gap < _LONGEST_GAP_SECONDS:
                self._silence(frame, gap)
        self._resample(frame)

    def _silence(self, like: AudioFrame, gap: Fraction) -> None:
        left = round(gap * like.sample_rate)
        while left > 0:
            samples = min(left, SAMPLES_A_FRAME)
            quiet = AudioFrame(format=like.format, layout=like.layout, samples=samples)
            for plane in quiet.planes:
                plane.update(bytes(plane.buffer_size))
            quiet.sample_rate = like.sample_rate
            self._resample(quiet)
            left -= samples

    def _resample(self, frame: AudioFrame) -> None:
        self._taken += Fraction(frame.samples, frame.sample_rate)
        frame.pts = None
        for ready in self._resampler.resample(frame):
            self._encode(ready)

    def _encode(self, frame: AudioFrame | None) -> None:
        for packet in self._context.encode(frame):
            self._spool.add(bytes(packet), time=len(self._spool) * SAMPLES_A_FRAME)

    def close(self) -> None:
        """Close the spool; nothing can be taken after that."""
        self._spool.close()

    def finish(self, video_start: Fraction | None) -> AudioTrackPlan | None:
        """The track, given when the first frame of a video is shown, if there is one; None if there is no sound."""
        if self._start is not None:
            for ready in self._resampler.resample(None):
                self._encode(ready)
            self._encode(None)
        self._spool.close()
        if not len(self._spool):
            return None
        start = self._start or Fraction(0)
        late = start - (video_start if video_start is not None else start)
        channels = 1 if self._layout == "mono" else 2
        return AudioTrackPlan(
            source=self._spool.path,
            sizes=self._spool.sizes,
            times=self._spool.times,
            last_duration=SAMPLES_A_FRAME,
            offset=coarse_offset(round(late * self._rate) - _PRIMING_SAMPLES, self._rate),
            config=AacConfig(AAC_LOW_COMPLEXITY, self._rate, channels),
            channels=channels,
        )


@dataclass(frozen=True)
class Heard:
    """One packet of sound."""

    data: bytes
    #: The bare frames in it.
    units: list[bytes]
    #: When the container plays it; None if it does not say.
    seconds: Fraction | None


class SoundTrack:
    """The sound of one track: decides by the first packets whether frames are kept or encoded."""

    def __init__(self, track: AudioTrack | None, path: Path, profile: Profile) -> None:
        """Begin; without a track there is no sound."""
        self.track = track
        self._path = path
        self._profile = profile
        self._first: list[Heard] | None = []
        self._keeper: AacKeeper | None = None
        self._decoder: AudioCodecContext | None = None
        self._encoder: AacEncoder | None = None
        self._worker: Worker[tuple[bytes, Fraction | None]] | None = None

    def take(self, heard: Heard) -> None:
        """Take the next packet of the track."""
        if self._first is not None:
            self._first.append(heard)
            if len(self._first) >= _SAMPLE_FRAMES:
                self._decide()
        else:
            self._pass_on(heard)

    def _decide(self) -> None:
        assert self.track is not None and self._first is not None, (
            "a packet has a track, and one decides once"
        )
        first, self._first = self._first, None
        config = self.track.digest.aac
        if config is not None and is_low_complexity(
            config, (unit for heard in first for unit in heard.units)
        ):
            self._keeper = AacKeeper(self._path, config)
        elif self.track.stream.codec_context is not None:
            self._decoder = bare_decoder(self.track)
            self._encoder = AacEncoder(self._path, self._profile, self.track.channels)
            self._worker = Worker("sound", self._encode, depth=256)
        for heard in first:
            self._pass_on(heard)

    def _pass_on(self, heard: Heard) -> None:
        if self._keeper is not None:
            self._keeper.take(heard.units, heard.seconds)
        elif self._worker is not None:
            self._worker.put((heard.data, heard.seconds))

    def _encode(self, item: tuple[bytes, Fraction | None]) -> None:
        data, seconds = item
        # Bare data: containers mark samples to skip in ways of their own; times say the same for all of them.
        packet: Packet[Stream] = Packet(len(data))
        packet.update(data)
        self._decode(packet, seconds)

    def _decode(self, packet: Packet[Stream] | None, seconds: Fraction | None) -> None:
        assert self._decoder is not None and self._encoder is not None, "there is something to encode"
        try:
            frames = self._decoder.decode(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            # What cannot be decoded is a gap, which the next packet's time fills with silence.
            return
        for frame in frames:
            self._encoder.take(frame, seconds)
            seconds = None

    def finish(self, video_start: Fraction | None) -> AudioTrackPlan | None:
        """The track to write, given when the first frame is shown, if there is one; None if there is no sound."""
        if self._first:
            self._decide()
        if self._keeper is not None:
            return self._keeper.finish(video_start)
        if self._worker is None or self._encoder is None:
            return None
        self._worker.finish()
        self._decode(None, None)
        return self._encoder.finish(video_start)

    def abandon(self) -> None:
        """Stop; does nothing after `finish`."""
        if self._worker is not None:
            self._worker.abandon()
        for spooling in (self._keeper, self._encoder):
            if spooling is not None:
                spooling.close()


class Sounds:
    """The sound of one pass: where there are several tracks, their packets wait until the main one is known."""

    def __init__(self, tracks: Sequence[AudioTrack], scratch: Path, profile: Profile) -> None:
        """Begin with the tracks of a file; there may be none."""
        self._scratch = scratch
        self._profile = profile
        self._only = SoundTrack(tracks[0], scratch / _SPOOL, profile) if len(tracks) == 1 else None
        self._numbers = {track: number for number, track in enumerate(tracks)}
        #: One file for all of them: a process may not have as many open as a hostile file has tracks.
        self._waiting = PacketSpool(scratch / "sounds.spool") if len(tracks) > 1 else None

    def take(self, portion: Portion) -> None:
        """Take the next packet of any track of sound."""
        track, pts = portion.track, portion.packet.pts
        if self._only is not None:
            seconds = pts * track.time_base if pts is not None else None
            self._only.take(Heard(portion.data, portion.units, seconds))
        elif self._waiting is not None and isinstance(track, AudioTrack):
            time = pts if pts is not None else NO_TICK
            self._waiting.add(portion.data, time=time, track=self._numbers[track])

    def finish(self, main: AudioTrack | None, video_start: Fraction | None) -> AudioTrackPlan | None:
        """The track to write, given the main one and when the first frame is shown; None if there is no sound."""
        if self._waiting is not None and main is not None:
            self._waiting.close()
            self._only = SoundTrack(main, self._scratch / _SPOOL, self._profile)
            number, splitter = self._numbers[main], main.splitter()
            for data, pts, owner in self._waiting.packets():
                if owner == number:
                    seconds = pts * main.time_base if pts != NO_TICK else None
                    self._only.take(Heard(data, splitter.add(data), seconds))
        return self._only.finish(video_start) if self._only is not None else None

    def abandon(self) -> None:
        """Stop, and close all files; does nothing after `finish`."""
        if self._only is not None:
            self._only.abandon()
        if self._waiting is not None:
            self._waiting.close()
