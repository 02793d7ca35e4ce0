"""High dynamic range is shown on a standard screen: mid-tones as they are, highlights rolled off."""

from pathlib import Path

import numpy as np
import pytest

from jasper.identity import identify
from jasper.standard_form import standardize
from jasper.tone import (
    PEAK_NITS,
    WHITE_NITS,
    Transfer,
    hlg_nits,
    pq_code,
    pq_nits,
    rolled_off,
    standard_codes,
)
from jasper.video import Video
from tests.jasper.making import ffmpeg, raw_frames

#: Grey of so many cd/m² → its BT.709 code of 8 bits (full range) on a screen where white is 203: 255 (n / 203)^(1/2.4).
MID_TONES = {1: 28, 5: 54, 10: 73, 26: 108, 36.5: 125, 50: 142, 80: 173}
PATCH = 16


def hlg_code(nits: np.ndarray) -> np.ndarray:
    """The HLG code of grey of so many cd/m² on a screen of 1,000 (BT.2100)."""
    scene = (np.asarray(nits) / 1000) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


CODES = {"smpte2084": pq_code, "arib-std-b67": hlg_code}


def grey_film(path: Path, nits: np.ndarray, transfer: str, *codec: object) -> Path:
    """Patches of grey beside each other, BT.2020, ten bits."""
    luma = np.round(64 + 876 * CODES[transfer](nits)).astype("<u2")
    row = np.repeat(luma, PATCH)
    plane = np.tile(row, (32, 1))
    colour = np.full((16, len(row) // 2), 512, "<u2")
    raw = path.with_suffix(".raw")
    raw.write_bytes((plane.tobytes() + colour.tobytes() * 2) * 3)
    tags = (
        "-color_primaries",
        "bt2020",
        "-color_trc",
        transfer,
        "-colorspace",
        "bt2020nc",
        "-color_range",
        "tv",
    )
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "yuv420p10le", *tags, "-s", f"{len(row)}x32", "-r", 24, "-i", raw, *codec, *tags, path
    )  # fmt: skip
    return path


HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1:lossless=1")


def middles(path: Path, times: Path, count: int) -> np.ndarray:
    """The grey of each patch, as our readers get it."""
    with Video.open(path, times) as video:
        picture = video.frames_at([1]).data[0]
    columns = [(2 * number + 1) * picture.shape[1] // (2 * count) for number in range(count)]
    return picture[picture.shape[0] // 2, columns].astype(int)


@pytest.mark.parametrize("transfer", CODES)
def test_a_mid_tone_of_known_light_has_its_standard_code(tmp_path: Path, transfer: str) -> None:
    film = grey_film(tmp_path / "film.mp4", np.array(list(MID_TONES)), transfer, *HEVC)
    result = standardize(film, tmp_path / "out", asset=identify(film).asset)
    assert not result.remuxed
    for path in (result.encode, result.proxy):
        found = middles(path, result.frame_times, len(MID_TONES))
        assert np.abs(found - np.array(list(MID_TONES.values()))[:, None]).max() <= 4, found.tolist()


@pytest.mark.parametrize("transfer", CODES)
def test_mid_tones_are_as_another_tool_maps_them(tmp_path: Path, transfer: str) -> None:
    film = grey_film(tmp_path / "film.mp4", np.array(list(MID_TONES)), transfer, *HEVC)
    result = standardize(film, tmp_path / "out", asset=identify(film).asset)
    steps = (
        f"zscale=t=linear:npl={WHITE_NITS},format=gbrpf32le,zscale=p=bt709,tonemap=clip,"
        "zscale=t=bt709:m=bt709:r=tv,format=yuv420p,scale=out_color_matrix=bt709"
    )
    size = (len(MID_TONES) * PATCH, 32)
    frame = np.frombuffer(raw_frames(film, size, "-vf", steps)[1], np.uint8).reshape(32, size[0], 3)
    expected = frame[16, PATCH // 2 :: PATCH].astype(int)
    assert np.abs(middles(result.encode, result.frame_times, len(MID_TONES)) - expected).max() <= 5


@pytest.mark.parametrize("transfer", CODES)
def test_a_rising_ramp_rises_to_white_and_no_further(tmp_path: Path, transfer: str) -> None:
    nits = np.geomspace(0.5, PEAK_NITS, 40)
    film = grey_film(tmp_path / "film.mp4", nits, transfer, *HEVC)
    result = standardize(film, tmp_path / "out", asset=identify(film).asset)
    found = middles(result.encode, result.frame_times, len(nits))[:, 1]
    assert np.diff(found).min() >= -1
    # Highlights keep their differences: 203 cd/m², white on paper, is not yet the whitest white.
    assert found[-1] >= 253 and found[nits < WHITE_NITS].max() <= 233
    assert (np.diff(found[10:]) > 0).mean() > 0.8


def test_high_range_is_never_kept_even_in_eight_bits(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=24:duration=1", "-vf",
        "setparams=color_trc=arib-std-b67:color_primaries=bt2020:colorspace=bt2020nc", "-c:v", "libx264", "-pix_fmt",
        "yuv420p", film,
    )  # fmt: skip
    assert not standardize(film, tmp_path / "out", asset=identify(film).asset).remuxed


def test_light_of_known_codes() -> None:
    # BT.2408, table 1: PQ 58 % is 203 cd/m², HLG 75 % is 203, HLG 100 % is 1,000.
    assert float(pq_nits(np.array(0.5806))) == pytest.approx(203, rel=0.005)
    assert hlg_nits(np.full(3, 0.75))[0] == pytest.approx(203, rel=0.005)
    assert hlg_nits(np.ones(3))[1] == pytest.approx(1000, rel=0.001)


def test_below_the_knee_light_stays_and_above_it_rises_to_white() -> None:
    nits = np.linspace(0, PEAK_NITS, 2001)
    rolled = rolled_off(nits)
    assert np.abs(rolled - nits)[nits < 90].max() < 0.1
    assert np.diff(rolled).min() > 0
    assert rolled[-1] == pytest.approx(WHITE_NITS)


@pytest.mark.parametrize("transfer", Transfer)
def test_every_colour_has_a_standard_code(transfer: Transfer) -> None:
    codes = np.random.default_rng(5).random((1000, 3))
    found = standard_codes(codes, transfer)
    assert found.min() >= 0 and found.max() <= 1
    grey = standard_codes(np.repeat(codes[:, :1], 3, axis=1), transfer)
    assert np.abs(grey - grey.mean(axis=1, keepdims=True)).max() < 1e-3
