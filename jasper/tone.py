"""Bringing high dynamic range (HLG, PQ) to what a standard screen shows: one table of colours, made by equations.

Display-referred, after ITU-R BT.2100 (the two transfer functions), BT.2408 (white at 203 cd/m²) and BT.2390 (the
curve that keeps darks and mid-tones as they are and rolls highlights off). Why so: docs/adr/0013.
"""

from enum import Enum
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Transfer(Enum):
    """How the codes of a high dynamic range mean light, by the number that a stream gives (ISO/IEC 23091-2)."""

    PQ = 16
    HLG = 18


#: White of standard range, in cd/m²: what graphics and paper are shown at.
WHITE_NITS = 203.0
#: The brightest light that is told apart, in cd/m²; what is brighter is shown as white.
PEAK_NITS = 1000.0
#: Steps a side of the table; between them, colours are interpolated.
_STEPS = 33
#: A standard screen's light is the code to this power (ITU-R BT.1886).
_SCREEN_GAMMA = 2.4

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
#: Of BT.2020's red, green and blue, the luminance.
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
#: BT.2020's red, green and blue to BT.709's (ITU-R BT.2087).
_TO_709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)


def transfer_of(frame: VideoFrame) -> Transfer | None:
    """The frame's high dynamic range; None if it has the standard one."""
    code = int(frame.color_trc)
    return Transfer(code) if code in (16, 18) else None


def pq_nits(code: Values) -> Values:
    """Light in cd/m² of PQ codes (0 to 1)."""
    root = np.asarray(code, dtype=np.float64) ** (1 / _M2)
    nits: Values = 10000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    return nits


def pq_code(nits: Values) -> Values:
    """The PQ code (0 to 1) of light in cd/m²."""
    power = (np.asarray(nits, dtype=np.float64) / 10000) ** _M1
    code: Values = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def hlg_nits(code: Values) -> Values:
    """Light in cd/m² of HLG codes (0 to 1; the last axis is red, green, blue) on a screen of 1,000 cd/m²."""
    codes = np.asarray(code, dtype=np.float64)
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    luminance = (scene @ _LUMINANCE)[..., None]
    nits: Values = 1000 * luminance ** (_HLG_GAMMA - 1) * scene
    return nits


def rolled_off(nits: Values) -> Values:
    """Light as it is up to a knee, and the rest up to `PEAK_NITS` rolled off to `WHITE_NITS`; rises throughout."""
    peak = float(pq_code(np.array(PEAK_NITS)))
    code = np.minimum(pq_code(nits) / peak, 1.0)
    white = float(pq_code(np.array(WHITE_NITS))) / peak
    knee = 1.5 * white - 0.5
    t = np.maximum(code - knee, 0) / (1 - knee)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * white
    )
    return pq_nits(np.where(code < knee, code, curve) * peak)


def standard_codes(codes: Values, transfer: Transfer) -> Values:
    """BT.709 codes for BT.2020 codes of a high dynamic range; both 0 to 1, the last axis is red, green, blue.

    Brightness is rolled off by the largest of the three, so hues stay; what BT.709 cannot show is clipped.
    """
    nits = hlg_nits(codes) if transfer is Transfer.HLG else pq_nits(codes)
    largest = nits.max(axis=-1, keepdims=True)
    shown = nits * rolled_off(largest) / np.maximum(largest, 1e-9)
    light = np.clip(shown @ _TO_709.T / WHITE_NITS, 0, 1)
    standard: Values = light ** (1 / _SCREEN_GAMMA)
    return standard


def write_table(path: Path, transfer: Transfer) -> Path:
    """Write the table as a `.cube` file, red rising fastest."""
    axis = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = standard_codes(np.stack([red, green, blue], axis=-1), transfer).reshape(-1, 3)
    lines = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table.tolist())
    path.write_text(f"LUT_3D_SIZE {_STEPS}\n{lines}\n", encoding="ascii")
    return path
