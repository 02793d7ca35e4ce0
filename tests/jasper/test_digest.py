"""What a digest covers changes it, and what it does not cover leaves it."""

import hashlib
from fractions import Fraction

import pytest

from jasper.bitstream import with_lengths, with_start_codes
from jasper.digest import AudioDigest, VideoDigest, asset_hash

SEQUENCE, PICTURE = b"\x67\x4d\x40\x1f\xe8", b"\x68\xeb\xef\x20"
KEY, PLAIN, REMARK, DELIMITER = b"\x65key", b"\x41plain", b"\x06remark", b"\x09\xf0"
RECORD = (
    b"\x01\x4d\x40\x1f\xff\xe1" + len(SEQUENCE).to_bytes(2, "big") + SEQUENCE + b"\x01"
    + len(PICTURE).to_bytes(2, "big") + PICTURE
)  # fmt: skip


def video(packets, extradata=RECORD, *, frames=2, rotation=0, mirrored=False, rate=Fraction(24)) -> bytes:
    digest = VideoDigest("h264", extradata)
    for packet in packets:
        digest.add(packet)
    return digest.finish(frames, rotation, mirrored, rate)


USUAL = [with_lengths([KEY]), with_lengths([PLAIN])]


@pytest.mark.parametrize(
    ("packets", "extradata"),
    [
        ([with_start_codes([SEQUENCE, PICTURE, KEY]), with_start_codes([PLAIN])], None),
        (
            [with_start_codes([DELIMITER, KEY]), with_start_codes([PLAIN])],
            with_start_codes([PICTURE, SEQUENCE]),
        ),
        ([with_lengths([REMARK, KEY]), with_lengths([SEQUENCE, PLAIN, REMARK])], RECORD),
    ],
    ids=["in the packets", "start codes", "remarks"],
)
def test_framing_remarks_and_the_place_of_parameters_do_not_count(packets, extradata) -> None:
    assert video(packets, extradata) == video(USUAL)


@pytest.mark.parametrize(
    "other",
    [
        {"packets": USUAL[::-1]},
        {"packets": USUAL[:1]},
        {"packets": [with_lengths([KEY + b"x"]), USUAL[1]]},
        {"packets": [USUAL[0], with_lengths([b"\x68\xeb\xef\x21", PLAIN])]},
        {"frames": 3},
        {"rotation": 90},
        {"mirrored": True},
        {"rate": Fraction(25)},
        {"rate": None},
    ],
    ids=str,
)
def test_content_and_presentation_count(other) -> None:
    assert video(**{"packets": USUAL, **other}) != video(USUAL)


def test_units_are_not_confused_with_their_concatenation() -> None:
    assert video([with_lengths([KEY, KEY])]) != video([with_lengths([KEY + KEY])])


def test_a_digest_is_the_sha256_of_items_with_their_lengths() -> None:
    items = [
        b"video",
        b"vp9",
        b"one",
        b"two",
        b"parameters",
        b"frames 2",
        b"rotation 90 mirrored",
        b"rate 24000/1001",
    ]
    written = b"".join(len(item).to_bytes(8, "big") + item for item in items)
    digest = VideoDigest("vp9", None)
    digest.add(b"one")
    digest.add(b"two")
    assert digest.finish(2, 90, True, Fraction(24000, 1001)) == hashlib.sha256(written).digest()


def test_an_asset_is_its_streams_in_any_order() -> None:
    one, other = bytes(32), bytes(31) + b"\x01"
    items = [b"amber-asset-1", one, other]
    written = b"".join(len(item).to_bytes(8, "big") + item for item in items)
    assert asset_hash([other, one]) == asset_hash([one, other]) == hashlib.sha256(written).hexdigest()
    assert asset_hash([one]) != asset_hash([one, one])


def audio(codec: str, packets, extradata=None, rate=48000, channels=2) -> bytes:
    digest = AudioDigest(codec, extradata, rate, channels)
    for packet in packets:
        digest.add(packet)
    return digest.finish()


def test_adts_and_bare_aac_are_the_same() -> None:
    frame = bytes.fromhex("fff14c80015ffc") + b"abc"
    assert audio("aac", [frame, frame]) == audio("aac", [b"abc", b"abc"], bytes.fromhex("1190"))
    assert audio("aac", [b"abc", b"abc"], bytes.fromhex("1210")) != audio(
        "aac", [b"abc", b"abc"], bytes.fromhex("1190")
    )


def test_samples_are_one_string_in_either_order_of_bytes() -> None:
    little = audio("pcm_s16le", [b"\x01\x02\x03\x04"])
    assert (
        little == audio("pcm_s16le", [b"\x01\x02", b"\x03\x04"]) == audio("pcm_s16be", [b"\x02\x01\x04\x03"])
    )
    assert little != audio("pcm_s16le", [b"\x01\x02\x03\x05"])
    assert audio("pcm_s24be", [b"\x01\x02\x03"]) == audio("pcm_s24le", [b"\x03\x02\x01"])
    assert audio("pcm_u8", [b"ab"]) == audio("pcm_u8", [b"a", b"b"])


def test_rate_and_channels_count() -> None:
    usual = audio("opus", [b"abc"])
    assert usual != audio("opus", [b"abc"], rate=44100)
    assert usual != audio("opus", [b"abc"], channels=1)
    assert usual != audio("mp3", [b"abc"])


def test_a_packet_that_is_malformed_counts_as_it_is() -> None:
    digest = VideoDigest("h264", RECORD)
    digest.add(b"\x00\x00\x00\xff\x65")
    assert digest.is_damaged
    assert digest.finish(1, 0, False, None) != video([], frames=1, rate=None)
