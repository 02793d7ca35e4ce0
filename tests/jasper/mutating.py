"""Damages media files as accidents and attackers do, with some knowledge of how they are built."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

#: Numbers at which sizes and counts go wrong.
_EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
_EDGES += (0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_CONTAINERS = {
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"dinf",
    b"edts",
    b"udta",
    b"moof",
    b"traf",
    b"mvex",
}
_EBML_MASTERS = {
    0x18538067,
    0x1654AE6B,
    0xAE,
    0xE0,
    0xE1,
    0x1F43B675,
    0xA0,
    0x1C53BB6B,
    0xBB,
    0x1549A966,
    0x114D9B74,
}
Chosen = TypeVar("Chosen")

_LARGEST = 256 * 1024


@dataclass(frozen=True)
class Part:
    """An element of a file: where it starts, where its size stands, where its content starts, and where it ends."""

    start: int
    size_at: int
    content: int
    end: int


def parts(data: bytes) -> list[Part]:
    """The elements of a file, inner ones included, as far as its structure is known; else blocks of a packet's size."""
    if data[4:8] in (b"ftyp", b"styp", b"moov", b"mdat", b"wide"):
        return _boxes(data, 0, len(data))
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return _ebml(data, 0, len(data))
    if data[:4] in (b"RIFF", b"FORM"):
        return _chunks(data, 12, "<I" if data[:4] == b"RIFF" else ">I")
    step = 188 if data[:1] == b"\x47" else 64
    return [Part(at, at, at + 4, min(at + step, len(data))) for at in range(0, len(data), step)]


def _boxes(data: bytes, at: int, end: int) -> list[Part]:
    found = []
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > end:
            break
        found.append(Part(at, at, at + 8, at + size))
        if data[at + 4 : at + 8] in _CONTAINERS:
            found += _boxes(data, at + 8, at + size)
        at += size
    return found


def _vint(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-length number and its length; 0 and 0 where there is none."""
    if at >= len(data) or not data[at]:
        return 0, 0
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length


def _ebml(data: bytes, at: int, end: int) -> list[Part]:
    found = []
    while at < end:
        identifier, id_length = _vint(data, at, keep_marker=True)
        size, size_length = _vint(data, at + id_length, keep_marker=False)
        content = at + id_length + size_length
        if not id_length or not size_length:
            break
        stop = end if size == (1 << 7 * size_length) - 1 else min(content + size, end)
        found.append(Part(at, at + id_length, content, stop))
        if identifier in _EBML_MASTERS:
            found += _ebml(data, content, stop)
        at = max(stop, at + 1)
    return found


def _chunks(data: bytes, at: int, size_format: str) -> list[Part]:
    found = []
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(size_format, data, at + 4)
        end = min(at + 8 + size + size % 2, len(data))
        found.append(Part(at, at + 4, at + 8, end))
        if data[at : at + 4] == b"LIST":
            found += _chunks(data[:end], at + 12, size_format)
        at = max(end, at + 8)
    return found


class Mutator:
    """Damages files by chance; the same seed and files give the same damage."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._ways: Sequence[Callable[[bytearray, bytes], None]] = (
            self._flip_bits,
            self._set_bytes,
            self._set_number,
            self._set_number,
            self._truncate,
            self._remove_span,
            self._repeat_span,
            self._blank_span,
            self._resize_part,
            self._resize_part,
            self._edge_in_part,
            self._edge_in_part,
            self._remove_part,
            self._repeat_part,
            self._swap_parts,
            self._rename_part,
            self._graft_part,
            self._splice,
        )

    def choose(self, pool: Sequence[Chosen]) -> Chosen:
        """One of several."""
        return self._random.choice(pool)

    def mutate(self, data: bytes, other: bytes) -> bytes:
        """A damaged copy; some damage takes from another file."""
        made = bytearray(data)
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            if len(made) > 16:
                self._random.choice(self._ways)(made, other)
        return bytes(made[:_LARGEST])

    def _at(self, data: bytes | bytearray) -> int:
        # Heads decide more than content does. A pool may have an empty file in it.
        if not data:
            return 0
        return self._random.randrange(min(len(data), 512) if self._random.random() < 0.4 else len(data))

    def _span(self, data: bytes | bytearray) -> slice:
        start = self._at(data)
        return slice(start, start + self._random.choice((1, 2, 4, 8, 16, 64, 188, 1024)))

    def _part(self, data: bytes | bytearray) -> Part:
        found = parts(bytes(data))
        if not found:
            start = self._at(data)
            return Part(start, start, start, min(start + 64, len(data)))
        return self._random.choice(found)

    def _flip_bits(self, data: bytearray, other: bytes) -> None:
        for _ in range(self._random.choice((1, 1, 2, 8))):
            data[self._at(data)] ^= 1 << self._random.randrange(8)

    def _set_bytes(self, data: bytearray, other: bytes) -> None:
        span = self._span(data)
        data[span] = self._random.randbytes(len(data[span]))

    def _set_number(self, data: bytearray, other: bytes) -> None:
        self._write_edge(data, self._at(data))

    def _write_edge(self, data: bytearray, at: int) -> None:
        width = self._random.choice((1, 2, 3, 4, 4, 8))
        number = (self._random.choice(_EDGES) + self._random.choice((-1, 0, 0, 1))) % (1 << 8 * width)
        data[at : at + width] = number.to_bytes(width, self._random.choice(("big", "little")))

    def _truncate(self, data: bytearray, other: bytes) -> None:
        del data[max(16, self._at(data)) :]

    def _remove_span(self, data: bytearray, other: bytes) -> None:
        del data[self._span(data)]

    def _repeat_span(self, data: bytearray, other: bytes) -> None:
        span = self._span(data)
        data[span.start : span.start] = data[span] * self._random.choice((1, 2, 16))

    def _blank_span(self, data: bytearray, other: bytes) -> None:
        span = self._span(data)
        data[span] = bytes([self._random.choice((0, 0xFF))]) * len(data[span])

    def _resize_part(self, data: bytearray, other: bytes) -> None:
        part = self._part(data)
        self._write_edge(data, min(part.size_at, len(data) - 1))

    def _edge_in_part(self, data: bytearray, other: bytes) -> None:
        part = self._part(data)
        if part.content < part.end:
            self._write_edge(data, self._random.randrange(part.content, min(part.end, part.content + 64)))

    def _remove_part(self, data: bytearray, other: bytes) -> None:
        part = self._part(data)
        if part.end - part.start < len(data) - 16:
            del data[part.start : part.end]

    def _repeat_part(self, data: bytearray, other: bytes) -> None:
        part = self._part(data)
        data[part.end : part.end] = data[part.start : part.end] * self._random.choice((1, 1, 3, 100))
        del data[_LARGEST:]

    def _swap_parts(self, data: bytearray, other: bytes) -> None:
        first, second = sorted((self._part(data), self._part(data)), key=lambda part: part.start)
        if first.end <= second.start:
            one, two = data[first.start : first.end], data[second.start : second.end]
            data[second.start : second.end] = one
            data[first.start : first.end] = two

    def _rename_part(self, data: bytearray, other: bytes) -> None:
        """Give an element the name of another one."""
        part, like = self._part(data), self._part(data)
        at = 4 if data[part.start + 4 : part.start + 8].isalnum() else 0
        data[part.start + at : part.start + at + 4] = data[like.start + at : like.start + at + 4]

    def _graft_part(self, data: bytearray, other: bytes) -> None:
        """Insert an element of another file."""
        part, graft = self._part(data), self._part(other)
        data[part.start : part.start] = other[graft.start : graft.end]

    def _splice(self, data: bytearray, other: bytes) -> None:
        at = self._at(data)
        data[at:] = other[self._at(other) :]
