"""Writing MP4 files whose bytes follow from their packets alone.

No times of writing, no names of encoders; the index stands before the data, so a player can start at once.
Layout: ISO/IEC 14496-12 (boxes), 14496-14 (esds), 14496-15 (avcC).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from jasper.bitstream import AacConfig, avcc_record
from jasper.timing import Ticks

#: Seconds of one track before the other has its turn.
_INTERLEAVE_SECONDS = 0.5
_MATRIX = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
#: The movie's ticks a second where no video says them.
_SOUND_CLOCK = 48_000
_LARGEST_32 = 2**32 - 1
_NO_CHUNKS = np.zeros((4, 0), dtype=np.int64)

#: A box, as pieces that are joined when they are written: the tables of a long film are large, and boxes nest.
Pieces = list[bytes]


@dataclass(frozen=True)
class VideoTrackPlan:
    """An H.264 track: its packets (four-byte lengths) stand back to back in a file, in decode order."""

    source: Path
    sizes: Sequence[int] | Ticks
    #: Whether decoding can start at the packet.
    keys: "Sequence[bool] | np.ndarray[tuple[int], np.dtype[np.bool_]]"
    #: Presentation times in decode order, in ticks of 1 / `timescale`; the earliest is 0.
    times: Sequence[int] | Ticks
    timescale: int
    #: Ticks that the last shown frame lasts.
    last_duration: int
    width: int
    height: int
    parameter_sets: Sequence[bytes]


@dataclass(frozen=True)
class AudioTrackPlan:
    """An AAC track: its packets stand back to back in a file."""

    source: Path
    sizes: Sequence[int] | Ticks
    #: Samples before each packet, from the first packet on; ascending.
    times: Sequence[int] | Ticks
    #: Samples in the last packet.
    last_duration: int
    #: Samples from the first frame of the video to the first packet; negative if sound comes first.
    offset: int
    config: AacConfig
    channels: int


def write_mp4(out: Path, video: VideoTrackPlan | None, audio: AudioTrackPlan | None = None) -> Path:
    """Write the tracks, as many as there are, as one file.

    Raises:
        OSError: A file cannot be read or written.
    """
    decode_times, delay = decode_schedule(video.times if video is not None else ())
    chunks = _interleaved(video, decode_times, audio)
    head = _box(b"ftyp", b"isom", _u32(512), b"isom", b"iso2", b"avc1", b"mp41")
    # The index holds the chunks' places, which depend on its own size, which does not depend on the places.
    size = _size(_movie(video, decode_times, delay, audio, chunks, np.zeros_like(chunks.sizes)))
    mdat = _box_head(b"mdat", int(chunks.sizes.sum()))
    begin = _size(head) + size + len(mdat)
    places = begin + np.cumsum(chunks.sizes) - chunks.sizes
    movie = _movie(video, decode_times, delay, audio, chunks, places)
    assert _size(movie) == size, "the index changed its size while the chunks' places were filled in"
    with out.open("wb") as sink:
        sink.writelines([*head, *movie, mdat])
        _copy(sink, video, audio, chunks)
    return out


def decode_schedule(times: Sequence[int] | Ticks) -> tuple[Ticks, int]:
    """Decode times from presentation times in decode order, and how far the latter must move to stay behind them.

    A packet is decoded when the packet that is shown in its place would be, so decode times are the presentation
    times in order; they begin at 0, and presentation is delayed by what reordering needs.
    """
    shown = np.asarray(times, dtype=np.int64)
    ordered = np.sort(shown)
    return ordered, int((ordered - shown).max(initial=0))


@dataclass(frozen=True)
class _Chunks:
    """Packets of one track that stand together in the file, about half a second of them; in file order."""

    turns: Ticks
    #: 0 for pictures, 1 for sound.
    tracks: Ticks
    packet_counts: Ticks
    #: Bytes.
    sizes: Ticks


def _interleaved(video: VideoTrackPlan | None, decode_times: Ticks, audio: AudioTrackPlan | None) -> _Chunks:
    own = [_NO_CHUNKS]
    if video is not None:
        own.append(_chunks(0, decode_times, video.timescale, video.sizes))
    if audio is not None:
        own.append(_chunks(1, audio.times, audio.config.sample_rate, audio.sizes))
    rows = np.concatenate(own, axis=1)
    return _Chunks(*rows[:, np.lexsort((rows[1], rows[0]))])


def _chunks(
    track: int, times: Sequence[int] | Ticks, timescale: int, sizes: Sequence[int] | Ticks
) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """The columns of `_Chunks` for one track, as rows."""
    turns = (np.asarray(times, dtype=np.int64) / timescale / _INTERLEAVE_SECONDS).astype(np.int64)
    assert len(turns) == len(sizes), "every packet has a time and a size"
    starts = _run_starts(turns)
    lengths = np.add.reduceat(np.asarray(sizes, dtype=np.int64), starts) if len(starts) else starts
    counts = np.diff(starts, append=len(turns))
    return np.stack([turns[starts], np.full_like(starts, track), counts, lengths])


def _run_starts(values: Ticks) -> Ticks:
    """Where runs of equal values begin."""
    if not len(values):
        return values
    return np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))


def _copy(
    sink: BinaryIO,
    video: VideoTrackPlan | None,
    audio: AudioTrackPlan | None,
    chunks: _Chunks,
) -> None:
    with ExitStack() as stack:
        sources = [
            stack.enter_context(plan.source.open("rb")) if plan is not None else None
            for plan in (video, audio)
        ]
        for track, size in zip(chunks.tracks.tolist(), chunks.sizes.tolist(), strict=True):
            source = sources[track]
            data = source.read(size) if source is not None else b""
            assert len(data) == size, "the spool holds fewer bytes than its packets"
            sink.write(data)
        sink.flush()


def _movie(
    video: VideoTrackPlan | None,
    decode_times: Ticks,
    delay: int,
    audio: AudioTrackPlan | None,
    chunks: _Chunks,
    places: Ticks,
) -> Pieces:
    timescale = video.timescale if video is not None else _SOUND_CLOCK
    duration, tracks = 0, []
    if video is not None:
        duration = int(decode_times[-1]) + video.last_duration if len(decode_times) else 0
        tracks.append(_video_track(video, decode_times, delay, duration, _chunk_table(chunks, places, 0)))
    if audio is not None:
        played = max(0, int(audio.times[-1]) + audio.last_duration + audio.offset)
        audio_duration = -(-played * timescale // audio.config.sample_rate)
        duration = max(duration, audio_duration)
        tracks.append(_audio_track(audio, timescale, audio_duration, _chunk_table(chunks, places, 1)))
    header = _full_box(
        b"mvhd", 1, 0, _u64(0), _u64(0), _u32(timescale), _u64(duration), _u32(0x10000),
        b"\x01\x00" + bytes(10), _MATRIX, bytes(24), _u32(2 if audio is None else 3),
    )  # fmt: skip
    return _box(b"moov", header, *tracks)


def _chunk_table(chunks: _Chunks, places: Ticks, track: int) -> tuple[Pieces, Pieces]:
    """The boxes `stsc` and `co64` of one track."""
    is_own = chunks.tracks == track
    counts, own = chunks.packet_counts[is_own], places[is_own]
    starts = _run_starts(counts)
    runs = np.stack([starts + 1, counts[starts], np.ones_like(starts)], axis=1)
    stsc = _full_box(b"stsc", 0, 0, _u32(len(runs)), _u32s(runs))
    return stsc, _full_box(b"co64", 0, 0, _u32(len(own)), own.astype(">u8").tobytes())


def _video_track(
    plan: VideoTrackPlan, decode_times: Ticks, delay: int, duration: int, places: tuple[Pieces, Pieces]
) -> Pieces:
    record = avcc_record(plan.parameter_sets)
    entry = _box(
        b"avc1", bytes(6) + _u16(1), bytes(16), _u16(plan.width) + _u16(plan.height), _u32(0x480000) * 2,
        _u32(0) + _u16(1), bytes(32), _u16(24) + b"\xff\xff", _box(b"avcC", record),
        _box(b"pasp", _u32(1), _u32(1)),
    )  # fmt: skip
    offsets = np.asarray(plan.times, dtype=np.int64) + delay - decode_times
    tables = [_durations(decode_times, plan.last_duration)]
    if offsets.any():
        tables.append(_run_box(b"ctts", offsets))
    if not np.all(plan.keys):
        numbers = np.flatnonzero(np.asarray(plan.keys)) + 1
        tables.append(_full_box(b"stss", 0, 0, _u32(len(numbers)), _u32s(numbers)))
    media = _media(
        plan.timescale, duration, b"vide", b"VideoHandler",
        _full_box(b"vmhd", 0, 1, bytes(8)), entry, tables, plan.sizes, places,
    )  # fmt: skip
    edits = _edits([(duration, delay)])
    head = _track_head(1, duration, 0, plan.width, plan.height)
    return _box(b"trak", head, edits, media)


def _audio_track(
    plan: AudioTrackPlan, timescale: int, duration: int, places: tuple[Pieces, Pieces]
) -> Pieces:
    rate = plan.config.sample_rate
    entry = _box(
        b"mp4a", bytes(6) + _u16(1), bytes(8), _u16(plan.channels) + _u16(16) + _u32(0), _u32(rate << 16 & _LARGEST_32),
        _elementary_stream(plan.config.record()),
    )  # fmt: skip
    tables = [_durations(plan.times, plan.last_duration)]
    media = _media(
        rate, int(plan.times[-1]) + plan.last_duration, b"soun", b"SoundHandler",
        _full_box(b"smhd", 0, 0, bytes(4)), entry, tables, plan.sizes, places,
    )  # fmt: skip
    if plan.offset > 0:
        wait = round(Fraction(plan.offset * timescale, rate))
        edits = _edits([(wait, -1), (max(0, duration - wait), 0)])
    else:
        edits = _edits([(duration, -plan.offset)])
    return _box(b"trak", _track_head(2, duration, 0x0100, 0, 0), edits, media)


def _media(
    timescale: int,
    duration: int,
    handler: bytes,
    name: bytes,
    header: Pieces,
    entry: Pieces,
    tables: Sequence[Pieces],
    sizes: Sequence[int] | Ticks,
    places: tuple[Pieces, Pieces],
) -> Pieces:
    mdhd = _full_box(b"mdhd", 1, 0, _u64(0), _u64(0), _u32(timescale), _u64(duration), b"\x55\xc4", _u16(0))
    hdlr = _full_box(b"hdlr", 0, 0, _u32(0), handler, bytes(12), name + b"\x00")
    data = _box(b"dinf", _full_box(b"dref", 0, 0, _u32(1), _full_box(b"url ", 0, 1)))
    stsd = _full_box(b"stsd", 0, 0, _u32(1), entry)
    stsz = _full_box(b"stsz", 0, 0, _u32(0), _u32(len(sizes)), _u32s(sizes))
    stbl = _box(b"stbl", stsd, *tables, places[0], stsz, places[1])
    return _box(b"mdia", mdhd, hdlr, _box(b"minf", header, data, stbl))


def _track_head(number: int, duration: int, volume: int, width: int, height: int) -> Pieces:
    return _full_box(
        b"tkhd", 1, 3, _u64(0), _u64(0), _u32(number), _u32(0), _u64(duration), bytes(8), _u16(0),
        _u16(number - 1), _u16(volume), _u16(0), _MATRIX, _u32(width << 16), _u32(height << 16),
    )  # fmt: skip


def _edits(entries: Sequence[tuple[int, int]]) -> Pieces:
    """The edit list: (duration on the movie's clock, first media time; -1 for a wait)."""
    rows = (
        _u64(duration) + start.to_bytes(8, "big", signed=True) + _u32(0x10000) for duration, start in entries
    )
    return _box(b"edts", _full_box(b"elst", 1, 0, _u32(len(entries)), *rows))


def _durations(times: Sequence[int] | Ticks, last: int) -> Pieces:
    return _run_box(b"stts", np.append(np.diff(np.asarray(times, dtype=np.int64)), last))


def _run_box(kind: bytes, values: Ticks) -> Pieces:
    """A table of (how often in a row, value)."""
    starts = _run_starts(values)
    runs = np.stack([np.diff(starts, append=len(values)), values[starts]], axis=1)
    return _full_box(kind, 0, 0, _u32(len(runs)), _u32s(runs))


def _elementary_stream(config: bytes) -> Pieces:
    specific = b"\x05" + bytes((len(config),)) + config
    decoder = b"\x40\x15" + bytes(11) + specific
    body = _u16(0) + b"\x00" + b"\x04" + bytes((len(decoder),)) + decoder + b"\x06\x01\x02"
    return _full_box(b"esds", 0, 0, b"\x03" + bytes((len(body),)) + body)


def _box_head(kind: bytes, payload: int) -> bytes:
    """The head of a box with this much in it; always the long form, so the head's size never depends on it."""
    return _u32(1) + kind + _u64(payload + 16)


def _box(kind: bytes, *parts: bytes | Pieces) -> Pieces:
    body = [piece for part in parts for piece in ([part] if isinstance(part, bytes) else part)]
    return [_u32(_size(body) + 8) + kind, *body]


def _full_box(kind: bytes, version: int, flags: int, *parts: bytes | Pieces) -> Pieces:
    return _box(kind, bytes((version,)) + flags.to_bytes(3, "big"), *parts)


def _size(pieces: Pieces) -> int:
    """Bytes."""
    return sum(map(len, pieces))


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _u32s(values: ArrayLike) -> bytes:
    """Any number of them, row by row."""
    wide = np.asarray(values, dtype=np.int64)
    assert wide.size == 0 or (wide.min() >= 0 and wide.max() <= _LARGEST_32), "a table's numbers have 32 bits"
    return wide.astype(">u4").tobytes()


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")
