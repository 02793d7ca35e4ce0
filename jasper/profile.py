"""The house profile: what every standard encode and scan proxy looks like. Its numbers are chosen in docs/adr."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Profile:
    """The facts of one profile; other numbers are another profile, hence another version of `standard`."""

    name: str
    #: No encode is larger; smaller sources keep their size.
    max_width: int
    max_height: int
    #: A source with key frames further apart is encoded.
    max_key_seconds: Fraction
    #: Seconds from key frame to key frame where we encode.
    key_seconds: Fraction
    #: x264's settings for the encode. Its bytes depend on the number of threads, so that is one of them.
    encode_preset: str
    encode_crf: int
    encode_threads: int
    #: The sound of an encode, where it is not the source's own.
    audio_rate: int
    audio_bit_rate: int
    #: The scan proxy's shorter side, its frames from key frame to key frame, and x264's settings for it.
    proxy_short_side: int
    proxy_key_frames: int
    proxy_preset: str
    proxy_crf: int


HOUSE_1 = Profile(
    name="house-1",
    max_width=1280,
    max_height=720,
    max_key_seconds=Fraction(6),
    key_seconds=Fraction(1),
    encode_preset="veryfast",
    encode_crf=21,
    encode_threads=4,
    audio_rate=48000,
    audio_bit_rate=160_000,
    proxy_short_side=256,
    proxy_key_frames=24,
    proxy_preset="ultrafast",
    proxy_crf=22,
)


def _even(value: float) -> int:
    """The nearest even number, 2 at least: 4:2:0 has one colour sample for two by two pixels."""
    return max(2, round(value / 2) * 2)


def encode_size(profile: Profile, width: int, height: int) -> tuple[int, int]:
    """The size of the encode of square, upright pixels: never enlarged, within the profile's largest."""
    scale = min(1.0, profile.max_width / width, profile.max_height / height)
    return (
        min(_even(width * scale), profile.max_width),
        min(_even(height * scale), profile.max_height),
    )


def proxy_size(profile: Profile, width: int, height: int) -> tuple[int, int]:
    """The size of the scan proxy of square, upright pixels: the shorter side is the profile's, for every source."""
    scale = profile.proxy_short_side / min(width, height)
    # A very long picture would have a proxy larger than any encode.
    scale = min(scale, profile.max_width / max(width, height))
    return _even(width * scale), _even(height * scale)
