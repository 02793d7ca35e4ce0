"""Black bars are what a title keeps black around its picture; what is only dark for a while is none."""

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from jasper.bars import BarFinder, Rectangle
from jasper.identity import identify
from jasper.standard_form import standardize
from tests.jasper.making import ffmpeg

FILM = "testsrc2=size=320x180:rate=24:duration=3"

#: name → (ffmpeg's filters, the picture's edges within the frame: left, top, right, bottom, as parts of it).
BARRED = {
    "none": ("null", (0, 0, 1, 1)),
    "letterbox": ("pad=320:240:0:30", (0, 0.125, 1, 0.875)),
    "pillarbox": ("pad=400:180:40:0", (0.1, 0, 0.9, 1)),
    "windowbox": ("pad=400:240:40:30", (0.1, 0.125, 0.9, 0.875)),
    "one bar": ("pad=320:240:0:0", (0, 0, 1, 0.75)),
    "a fade from and to black": ("pad=320:240:0:30,fade=in:0:24,fade=out:48:24", (0, 0.125, 1, 0.875)),
    "writing in a bar now and then": (
        "pad=320:240:0:30,drawbox=100:215:120:14:white:fill:enable='between(n,30,40)'", (0, 0.125, 1, 0.875),
    ),
    "bars that move": ("pad=320:300:0:60,crop=320:240:0:'30+25*sin(3*t)'", None),
    "bars that come": ("pad=320:240:0:30,drawbox=0:0:320:240:gray:fill:enable='gt(t,2)'", (0, 0, 1, 1)),
    "a small light in the dark": ("drawbox=0:0:320:180:black:fill,drawbox=150:80:20:20:white:fill", (0, 0, 1, 1)),
    "black throughout": ("drawbox=0:0:320:180:black:fill", (0, 0, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", BARRED)
def test_the_picture_is_found_between_bars(tmp_path: Path, name: str) -> None:
    steps, edges = BARRED[name]
    film = tmp_path / "film.mp4"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        FILM,
        "-vf",
        steps,
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-pix_fmt",
        "yuv420p",
        film,
    )
    result = standardize(film, tmp_path / "out", asset=identify(film).asset)
    found = result.picture
    if edges is None:
        # What all frames keep black may go; nothing that ever shows the picture may.
        assert found.height > 200 / 240 * result.proxy_height
        return
    sides = (result.proxy_width, result.proxy_height)
    right, bottom = found.left + found.width, found.top + found.height
    for at, part, side in zip((found.left, found.top, right, bottom), edges, sides * 2, strict=True):
        assert abs(at - part * side) <= 2


def frames(*pictures: np.ndarray) -> list[VideoFrame]:
    """Each luma picture as twelve frames, so that one of them is looked at."""
    made = []
    for luma in pictures:
        height, width = luma.shape
        planes = np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])
        made += [VideoFrame.from_ndarray(planes, format="yuv420p")] * 12
    return made


def found(*pictures: np.ndarray) -> Rectangle:
    finder = BarFinder(pictures[0].shape[1], pictures[0].shape[0])
    for frame in frames(*pictures):
        finder.see(frame)
    return finder.picture()


def letterboxed(value: int, bar: int = 32) -> np.ndarray:
    luma = np.full((256, 320), 16, np.uint8)
    luma[bar:-bar] = value
    return luma


def test_dark_scenes_do_not_hide_the_bars() -> None:
    assert found(*[letterboxed(24)] * 9, letterboxed(120)) == Rectangle(0, 32, 320, 192)


def test_noise_in_the_bars_is_black() -> None:
    noisy = letterboxed(120)
    noisy[:32] += np.random.default_rng(3).integers(0, 10, (32, 320), dtype=np.uint8)
    assert found(noisy) == Rectangle(0, 32, 320, 192)


def test_a_logo_that_stays_in_a_bar_is_part_of_the_picture() -> None:
    marked = letterboxed(120)
    marked[10:20, 20:60] = 200
    assert found(*[marked] * 5) == Rectangle(0, 10, 320, 214)
    assert found(marked, *[letterboxed(120)] * 9) == Rectangle(0, 32, 320, 192)


def test_the_widest_picture_of_a_title_counts() -> None:
    assert found(letterboxed(120, 40), letterboxed(120, 20)) == Rectangle(0, 20, 320, 216)


def test_a_title_without_frames_has_no_picture() -> None:
    assert BarFinder(456, 256).picture() == Rectangle(0, 0, 456, 256)
