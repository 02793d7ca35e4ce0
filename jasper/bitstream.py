"""Taking compressed packets apart: NAL units, parameter sets, OBUs, AAC headers. Pure: bytes in, bytes out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

NalCodec = Literal["h264", "hevc"]

START_CODE = b"\x00\x00\x00\x01"

_H264_SLICES = frozenset({1, 2, 3, 4, 5, 19, 20, 21})
_H264_PARAMETERS = frozenset({7, 8, 13, 15})
_H264_IDR = 5
_HEVC_SLICES = frozenset(range(32))
_HEVC_PARAMETERS = frozenset({32, 33, 34})

#: Kinds of unit: what is neither picture nor parameter set, what carries pictures (VCL), and a parameter set.
OTHER, SLICE, PARAMETER_SET = range(3)


def _kind(number: int, slices: frozenset[int], parameters: frozenset[int]) -> int:
    return SLICE if number in slices else PARAMETER_SET if number in parameters else OTHER


#: The kind of a unit by its first byte: a table, as it is asked of each unit of each packet.
UNIT_KINDS: dict[NalCodec, bytes] = {
    "h264": bytes(_kind(byte & 31, _H264_SLICES, _H264_PARAMETERS) for byte in range(256)),
    "hevc": bytes(_kind(byte >> 1 & 63, _HEVC_SLICES, _HEVC_PARAMETERS) for byte in range(256)),
}

#: AAC sampling rates by index (ISO/IEC 14496-3, table 1.18).
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
AAC_LOW_COMPLEXITY = 2

_OBU_TEMPORAL_DELIMITER = 2
_OBU_PADDING = 15


class MalformedBitstreamError(ValueError):
    """A packet does not follow its codec's syntax."""


@dataclass(frozen=True)
class Framing:
    """How a stream's extradata says that NAL units are packed, and the parameter sets it holds."""

    #: Bytes of the length before each unit; 0 for start codes (Annex B).
    length_size: int
    parameter_sets: tuple[bytes, ...]


def read_framing(codec: NalCodec, extradata: bytes | None) -> Framing:
    """The framing that extradata declares: an `avcC`/`hvcC` record, or else start codes.

    Raises:
        MalformedBitstreamError: A record ends too early.
    """
    if not extradata or extradata[0] != 1:
        return Framing(0, tuple(_parameters(codec, split_start_codes(extradata or b""))))
    try:
        if codec == "h264":
            return Framing((extradata[4] & 3) + 1, tuple(_parameters(codec, _avcc_units(extradata))))
        return Framing((extradata[21] & 3) + 1, tuple(_parameters(codec, _hvcc_units(extradata))))
    except IndexError:
        raise MalformedBitstreamError(f"the {codec} configuration record ends too early") from None


def _parameters(codec: NalCodec, units: Iterable[bytes]) -> Iterator[bytes]:
    return (unit for unit in units if unit and is_parameter_set(codec, unit))


def _avcc_units(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count = record[at] & mask
        at += 1
        for _ in range(count):
            size = record[at] << 8 | record[at + 1]
            yield _trimmed(record[at + 2 : at + 2 + size])
            at += 2 + size


def _hvcc_units(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        count = record[at + 1] << 8 | record[at + 2]
        at += 3
        for _ in range(count):
            size = record[at] << 8 | record[at + 1]
            yield _trimmed(record[at + 2 : at + 2 + size])
            at += 2 + size


def _trimmed(unit: bytes) -> bytes:
    """A unit without the zero bytes that a container may append; none ends in zero by itself."""
    return unit if not unit or unit[-1] else unit.rstrip(b"\x00")


def split_units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a packet.

    Raises:
        MalformedBitstreamError: A unit's length reaches beyond the packet.
    """
    if not length_size:
        return split_start_codes(data)
    units = []
    at, end = 0, len(data)
    while at + length_size <= end:
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if at + size > end:
            raise MalformedBitstreamError(f"a unit of {size} bytes stands in a packet with {end - at} left")
        unit = _trimmed(data[at : at + size])
        if unit:
            units.append(unit)
        at += size
    return units


def split_start_codes(data: bytes) -> list[bytes]:
    """The NAL units between start codes."""
    # What stands before the first start code is no unit; no unit ends in zero by itself.
    parts = data.split(b"\x00\x00\x01")[1:]
    return [unit for part in parts if (unit := part.rstrip(b"\x00"))]


def is_slice(codec: NalCodec, unit: bytes) -> bool:
    """Whether the unit carries pictures (VCL)."""
    return UNIT_KINDS[codec][unit[0]] == SLICE


def is_parameter_set(codec: NalCodec, unit: bytes) -> bool:
    """Whether the unit is a parameter set."""
    return UNIT_KINDS[codec][unit[0]] == PARAMETER_SET


def is_idr(unit: bytes) -> bool:
    """Whether an H.264 unit belongs to a picture that decoding can start at."""
    return (unit[0] & 31) == _H264_IDR


def with_start_codes(units: Iterable[bytes]) -> bytes:
    """Units as an Annex B byte stream."""
    return b"".join(START_CODE + unit for unit in units)


def with_lengths(units: Iterable[bytes]) -> bytes:
    """Units with a length of four bytes before each."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def have_one_set_an_id(parameter_sets: Iterable[bytes]) -> bool:
    """Whether no two distinct H.264 parameter sets claim the same id, so all can stand in one record."""
    seen = set()
    for unit in set(parameter_sets):
        kind = unit[0] & 31
        if kind not in (7, 8):
            return False
        key = (kind, _first_golomb(unit[4:12] if kind == 7 else unit[1:9]))
        if key in seen:
            return False
        seen.add(key)
    return True


def _first_golomb(data: bytes) -> int:
    """The unsigned exponential Golomb number that the bits begin with."""
    bits = int.from_bytes(data, "big")
    length = len(data) * 8
    zeros = length - bits.bit_length()
    if 2 * zeros + 1 > length:
        raise MalformedBitstreamError("a parameter set has no id")
    return (bits >> (length - 2 * zeros - 1)) - 1


def avcc_record(parameter_sets: Iterable[bytes]) -> bytes:
    """The one `avcC` record for these H.264 parameter sets, four-byte lengths, sets sorted.

    Raises:
        MalformedBitstreamError: One kind is missing, or there are more or larger ones than a record holds.
    """
    ordered = sorted(set(parameter_sets))
    sequence = [unit for unit in ordered if unit[0] & 31 == 7]
    picture = [unit for unit in ordered if unit[0] & 31 == 8]
    if not sequence or not picture:
        raise MalformedBitstreamError("there is no parameter set to decode with")
    is_fitting = len(sequence) <= 31 and len(picture) <= 255 and all(len(unit) < 65536 for unit in ordered)
    if not is_fitting or any(len(unit) < 4 for unit in sequence):
        raise MalformedBitstreamError("a record does not hold these parameter sets")
    head = bytes((1, sequence[0][1], sequence[0][2], sequence[0][3], 0xFF, 0xE0 | len(sequence)))
    record = head + b"".join(len(unit).to_bytes(2, "big") + unit for unit in sequence)
    record += bytes((len(picture),)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in picture)
    if sequence[0][1] in (100, 110, 122, 144):
        # High profiles: 4:2:0, 8 bits, no extensions; only such streams are written with this record.
        record += b"\xfd\xf8\xf8\x00"
    return record


def split_obus(data: bytes) -> list[bytes]:
    """The AV1 OBUs of a packet that carry content, each as header byte, extension byte and payload.

    Raises:
        MalformedBitstreamError: An OBU reaches beyond the packet.
    """
    units = []
    at, end = 0, len(data)
    while at < end:
        header = data[at]
        has_extension, has_size = header >> 2 & 1, header >> 1 & 1
        head = bytes((header & 0xFD,)) + data[at + 1 : at + 1 + has_extension]
        at += 1 + has_extension
        size = end - at
        if has_size:
            size, at = _leb128(data, at)
        if at + size > end:
            raise MalformedBitstreamError(f"an OBU of {size} bytes stands in a packet with {end - at} left")
        if (header >> 3 & 15) not in (_OBU_TEMPORAL_DELIMITER, _OBU_PADDING):
            units.append(head + data[at : at + size])
        at += size
    return units


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise MalformedBitstreamError("an OBU's size does not end")


@dataclass(frozen=True)
class AacConfig:
    """What a decoder must know of an AAC stream, the core's values where bands are replicated."""

    object_type: int
    sample_rate: int
    #: ISO/IEC 14496-3 channel configuration: the number of channels up to 6, 7 for eight.
    channel_configuration: int

    def record(self) -> bytes:
        """The two-byte AudioSpecificConfig."""
        rate = AAC_RATES.index(self.sample_rate)
        return (self.object_type << 11 | rate << 7 | self.channel_configuration << 3).to_bytes(2, "big")


def read_aac_config(record: bytes) -> AacConfig:
    """The configuration in an AudioSpecificConfig.

    Raises:
        MalformedBitstreamError: It ends too early.
    """
    if len(record) < 2:
        raise MalformedBitstreamError("the AAC configuration record ends too early")
    bits = int.from_bytes(record[:8].ljust(8, b"\x00"), "big")
    object_type, at = bits >> 59, 5
    if object_type == 31:
        object_type, at = 32 + (bits >> 53 & 63), 11
    index, at = bits >> (60 - at) & 15, at + 4
    if index == 15:
        rate, at = bits >> (40 - at) & 0xFFFFFF, at + 24
    else:
        rate = _aac_rate(index)
    return AacConfig(object_type, rate, bits >> (60 - at) & 15)


def _aac_rate(index: int) -> int:
    if index >= len(AAC_RATES):
        raise MalformedBitstreamError(f"AAC has no sampling rate {index}")
    return AAC_RATES[index]


@cache
def _adts_config(byte: int, low_bits: int) -> AacConfig:
    """What the third byte of a header and the first bits of the fourth say; each packet of a stream says the same."""
    return AacConfig((byte >> 6) + 1, _aac_rate(byte >> 2 & 15), (byte & 1) << 2 | low_bits)


def split_adts(data: bytes) -> tuple[AacConfig, list[bytes]] | None:
    """The configuration and the bare frames of AAC packets with ADTS headers; None if it has none."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    config = _adts_config(data[2], data[3] >> 6)
    frames = []
    at, end = 0, len(data)
    while at + 7 <= end and data[at] == 0xFF:
        _, second, _, fourth, fifth, sixth = data[at : at + 6]
        size = (fourth & 3) << 11 | fifth << 3 | sixth >> 5
        header = 7 if second & 1 else 9
        if size < header or at + size > end:
            break
        frames.append(data[at + header : at + size])
        at += size
    return config, frames
