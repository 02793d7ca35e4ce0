"""The sound of a span of a standard encode, exact to the sample: the one way in which it is read."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor, gcd
from pathlib import Path
from typing import Any, Literal

import av.error
import av.filter
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Discard

from jasper.errors import NoAudioError
from jasper.media import MediaFile

#: float32, shape (channels, samples), full scale at -1 and 1.
Samples = np.ndarray[Any, np.dtype[np.float32]]

#: What is decoded and resampled before and after a span, so that its ends sound as they do in the whole.
_LEAD_SECONDS = Fraction(1, 5)
#: AAC frames overlap with the one before.
_LEAD_SAMPLES = 4096


class SpanReader:
    """Reads spans of the sound of one standard encode."""

    def __init__(self, encode: Path) -> None:
        """Open the file.

        Raises:
            NoAudioError: It has no sound.
            MediaIOError: It cannot be read.
        """
        self._media = MediaFile(encode)
        if not self._media.audio_streams:
            self._media.close()
            raise NoAudioError(
                f"{str(encode)!r} holds no sound; a scan proxy never does, and an encode only where its source did"
            )
        self._stream: AudioStream = self._media.audio_streams[0]
        for other in self._media.container.streams:
            if other is not self._stream:
                other.discard = Discard.all
        context = self._stream.codec_context
        self._rate, self._layout = context.sample_rate, context.layout.name
        self.channels = context.channels

    def read(self, first: int, last: int, *, rate: int, channels: Literal[1, 2]) -> Iterator[Samples]:
        """The samples [first, last) of the standard timeline, block after block; silence where there is no sound.

        Sample k is heard k ÷ `rate` seconds after the first frame is shown.
        """
        # Resampling begins where a sample of both rates stands, so that it never shifts the sound by part of a sample.
        common = gcd(self._rate, rate)
        lead = max(_LEAD_SECONDS, Fraction(_LEAD_SAMPLES, self._rate))
        start = Fraction(floor((Fraction(first, rate) - lead) * common), common)
        end = ceil((Fraction(last, rate) + lead) * self._rate)
        position = int(start * rate)
        for block in self._resampled(int(start * self._rate), end, rate, channels):
            kept = block[:, max(0, first - position) : max(0, last - position)]
            position += block.shape[1]
            if kept.shape[1]:
                yield kept
            if position >= last:
                return

    def _resampled(self, first: int, last: int, rate: int, channels: int) -> Iterator[Samples]:
        copies = channels if self.channels == 1 else 1
        resampler = _Resampler(self._rate, self._layout, rate, "mono" if channels == copies else "stereo")
        for block in self._continuous(first, last):
            for ready in resampler.resample(block):
                yield ready.repeat(copies, axis=0)
        for ready in resampler.flush():
            yield ready.repeat(copies, axis=0)

    def _continuous(self, first: int, last: int) -> Iterator[Samples]:
        """The sound from `first` to `last` at its own rate, with silence in every gap."""
        position = first
        for begins, block in self._decoded(first, last):
            yield from self._silence(min(begins, last) - position)
            position = max(position, min(begins, last))
            kept = block[:, position - begins : last - begins]
            if kept.shape[1]:
                yield np.ascontiguousarray(kept)
                position += kept.shape[1]
        yield from self._silence(last - position)

    def _silence(self, count: int) -> Iterator[Samples]:
        for left in range(count, 0, -self._rate):
            yield np.zeros((self.channels, min(left, self._rate)), dtype=np.float32)

    def _decoded(self, first: int, last: int) -> Iterator[tuple[int, Samples]]:
        """Decoded frames, each with the place of its first sample."""
        base = self._stream.time_base or Fraction(1, self._rate)
        try:
            self._media.container.seek(int(Fraction(first, self._rate) / base), stream=self._stream)
            packets = self._media.container.demux(self._stream)
            for packet in packets:
                for frame in _frames(packet):
                    if frame.pts is None or not self._is_alike(frame):
                        continue
                    begins = round(frame.pts * base * self._rate)
                    if begins >= last:
                        return
                    if begins + frame.samples > first:
                        yield begins, _array(frame)
        except av.error.FFmpegError:
            # Sound that ends early is silent from there on, as it is for a player.
            self._media.check_io()

    def _is_alike(self, frame: AudioFrame) -> bool:
        return (
            frame.format.name == "fltp"
            and frame.sample_rate == self._rate
            and frame.layout.name == self._layout
        )

    def close(self) -> None:
        """Close the file."""
        self._media.close()


class _Resampler:
    """Brings sound to another rate and mixes its channels, without ever making it louder than full scale."""

    def __init__(self, rate: int, layout: str, new_rate: int, new_layout: str) -> None:
        self._rate, self._layout = rate, layout
        self._graph = av.filter.Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate)
        )
        change = self._graph.add("aresample", f"osr={new_rate}:ochl={new_layout}:osf=fltp:rematrix_maxval=1")
        self._graph.link_nodes(source, change, self._graph.add("abuffersink")).configure()

    def resample(self, block: Samples) -> Iterator[Samples]:
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        self._graph.push(frame)
        return self._ready()

    def flush(self) -> Iterator[Samples]:
        self._graph.push(None)
        return self._ready()

    def _ready(self) -> Iterator[Samples]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, AudioFrame), "a graph of audio filters yields sound"
            yield _array(frame)


def _array(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)


def _frames(packet: Any) -> list[AudioFrame]:
    try:
        return list(packet.decode())
    except av.error.EOFError:
        return []
    except av.error.FFmpegError:
        # What cannot be decoded is a gap.
        return []
