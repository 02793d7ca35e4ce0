"""Packets are taken apart the same way whatever frames them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jasper.bitstream import (
    AacConfig,
    MalformedBitstreamError,
    avcc_record,
    have_one_set_an_id,
    read_aac_config,
    read_framing,
    split_adts,
    split_obus,
    split_units,
    with_lengths,
    with_start_codes,
)

#: Units as encoders write them: no start code within, no zero at the end.
UNITS = st.lists(
    st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\x00", b"\x07") + b"\x80"),
    min_size=1,
    max_size=6,
)

SEQUENCE = bytes.fromhex("674d401fe8802802dd80b501010140000003004000000c03c60c4480")
PICTURE = bytes.fromhex("68ebef20")


@given(UNITS)
def test_start_codes_and_lengths_frame_the_same_units(units: list[bytes]) -> None:
    assert split_units(with_start_codes(units), 0) == units
    assert split_units(with_lengths(units), 4) == units


@given(UNITS, st.integers(1, 3))
def test_zeros_that_containers_append_do_not_count(units: list[bytes], zeros: int) -> None:
    padded = [unit + bytes(zeros) for unit in units]
    assert split_units(with_start_codes(padded), 0) == units
    assert split_units(with_lengths(padded), 4) == units


def test_short_start_codes_are_start_codes() -> None:
    assert split_units(b"\x00\x00\x01\x65a\x00\x00\x00\x01\x41b", 0) == [b"\x65a", b"\x41b"]


def test_lengths_of_two_bytes() -> None:
    assert split_units(b"\x00\x02\x65a\x00\x02\x41b", 2) == [b"\x65a", b"\x41b"]


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x05abc", b"\xff\xff\xff\xffabc"])
def test_a_unit_that_reaches_beyond_its_packet_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedBitstreamError, match="stands in a packet with 3 left"):
        split_units(data, 4)


def test_the_record_says_how_units_are_framed() -> None:
    record = avcc_record([PICTURE, SEQUENCE, SEQUENCE])
    found = read_framing("h264", record)
    assert (found.length_size, found.parameter_sets) == (4, (SEQUENCE, PICTURE))
    assert read_framing("h264", b"\x01\x4d\x40\x1f\xfd\xe0\x00").length_size == 2


def test_extradata_with_start_codes_and_none_at_all_mean_start_codes() -> None:
    found = read_framing("h264", with_start_codes([SEQUENCE, PICTURE]))
    assert (found.length_size, found.parameter_sets) == (0, (SEQUENCE, PICTURE))
    assert read_framing("h264", None).length_size == 0


@pytest.mark.parametrize("size", range(1, 8))
def test_a_record_that_ends_early_is_malformed(size: int) -> None:
    with pytest.raises(MalformedBitstreamError, match="ends too early"):
        read_framing("h264", avcc_record([SEQUENCE, PICTURE])[:size])


def test_two_sets_of_one_id_are_seen() -> None:
    assert have_one_set_an_id([SEQUENCE, PICTURE])
    assert not have_one_set_an_id([SEQUENCE, PICTURE, bytes.fromhex("68ebe3cb")])
    # The same content under the id 1 (Golomb code 010).
    assert have_one_set_an_id([SEQUENCE, PICTURE, bytes.fromhex("685aef20")])


def test_obus_with_and_without_a_size_are_the_same() -> None:
    sized = bytes((0x32, 0x03)) + b"abc"
    bare = bytes((0x30,)) + b"abc"
    delimiter, padding = bytes((0x12, 0x00)), bytes((0x7A, 0x02, 0x80, 0x00))
    assert split_obus(delimiter + padding + sized) == split_obus(bare) == [b"\x30abc"]


@pytest.mark.parametrize("data", [bytes((0x32, 0x05)) + b"abc", bytes((0x32, 0xFF)), bytes((0x32,))])
def test_an_obu_that_does_not_fit_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedBitstreamError):
        split_obus(data)


@pytest.mark.parametrize(
    ("record", "config"),
    [
        ("1210", AacConfig(2, 44100, 2)),
        ("1190", AacConfig(2, 48000, 2)),
        ("1588", AacConfig(2, 8000, 1)),
        ("2b098800", AacConfig(5, 24000, 1)),
        ("178005dc08", AacConfig(2, 3000, 1)),
    ],
)
def test_an_aac_record_is_read(record: str, config: AacConfig) -> None:
    assert read_aac_config(bytes.fromhex(record)) == config


def test_the_short_aac_record_is_the_usual_one() -> None:
    assert AacConfig(2, 44100, 2).record() == bytes.fromhex("1210")


def test_adts_headers_are_taken_off() -> None:
    # 48 kHz, stereo, low complexity; 7 bytes of header, 3 of content.
    frame = bytes.fromhex("fff14c80015ffc") + b"abc"
    assert split_adts(frame * 2) == (AacConfig(2, 48000, 2), [b"abc", b"abc"])
    assert split_adts(b"abcdefgh") is None


def test_a_unit_of_nothing_but_zeros_is_none() -> None:
    assert split_units(b"\x00\x00\x00\x02\x00\x00\x00\x00\x00\x01\x65", 4) == [b"\x65"]


@pytest.mark.parametrize(
    "sets",
    [
        {b"\x67\x64", b"\x68a"},
        {b"\x67abcd" + bytes(70_000), b"\x68a"},
        {bytes((0x67, 1, 2, 3, n)) for n in range(40)} | {b"\x68a"},
    ],
)
def test_parameter_sets_that_no_record_holds_are_malformed(sets: set[bytes]) -> None:
    with pytest.raises(MalformedBitstreamError, match="does not hold these"):
        avcc_record(sets)
