"""The frame that a page shows is the frame that the Python entry gives: by pixels, whatever the source."""

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from amber.client import Amber
from amber.settings import Settings
from tests.acceptance.clips import ffmpeg, remux
from tests.editing.films import original
from tests.service.serving import deployment

ALGORITHMS = ("algorithms.standard:standard", f"{Path(__file__).with_name('quick.py')}:shots")
#: Brightness, of 255: pictures of the same frame differ by less in the mean (by JPEG, scaling, and a browser's way of
#: turning YUV into RGB), and those of any other frame by so many times more, as each frame has its stripe elsewhere.
SAME, TIMES_MORE = 5.0, 1.4
_PICTURE = """async ([source, width, height]) => {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(document.querySelector(source), 0, 0, width, height);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({type: "image/png"})).arrayBuffer());
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
}"""


def film_at_23_976(folder: Path) -> Path:
    return original(folder / "ntsc.mp4", Fraction(24000, 1001), frames=48)


def film_of_uneven_timing(folder: Path) -> Path:
    even, made = original(folder / "even.mp4", Fraction(24), tone=0), folder / "uneven.mp4"
    timing = ("-vf", "setpts=PTS+0.3*sin(N)/TB/24", "-fps_mode", "vfr", "-enc_time_base", "1:12288")
    ffmpeg("-i", even, *timing, "-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", made)
    return made


def film_that_starts_late(folder: Path) -> Path:
    return remux(original(folder / "early.mp4", Fraction(24)), folder / "late.ts", "-output_ts_offset", "3.5")


@pytest.fixture(scope="module", params=[film_at_23_976, film_of_uneven_timing, film_that_starts_late])
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Amber, str, str]]:
    """Amber, an asset of it, and where its pages are."""
    folder = tmp_path_factory.mktemp("frames")
    settings = Settings(folder / "home", algorithms=ALGORITHMS)
    with Amber.open(settings=settings) as amber, deployment(settings) as url:
        asset = amber.ingest(request.param(folder)).asset
        amber.get("shots", asset)
        yield amber, asset, url


def pixels(page: Page, source: str, width: int, height: int) -> np.ndarray:
    """How bright an element of a page is, pixel by pixel."""
    picture = base64.b64decode(page.evaluate(_PICTURE, [source, width, height]))
    return brightness(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")))


def brightness(pictures: np.ndarray) -> np.ndarray:
    """Of RGB, as the eye weighs it."""
    return pictures.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])


def expect_frame(found: np.ndarray, frames: np.ndarray, index: int) -> None:
    """That a picture is this frame of a film, and no other."""
    apart = np.abs(frames - found).mean(axis=(1, 2))
    assert int(apart.argmin()) == index, apart.round(1)
    assert apart[index] < SAME and sorted(apart)[1] > apart[index] * TIMES_MORE, apart.round(1)


def test_a_shot_begins_with_the_frame_of_its_index(page: Page, shown: tuple[Amber, str, str]) -> None:
    amber, asset, url = shown
    video = amber.get("standard", asset).value.video()
    frames = brightness(video.frames_at(list(range(video.frame_count))).data)
    height, width = frames.shape[1:3]
    page.goto(f"{url}/films/{asset}")
    page.wait_for_selector("#player[data-ready]")
    page.keyboard.press("f")
    starts = [
        int(one)
        for one in page.locator("#shots .shot").evaluate_all("all => all.map(one => one.dataset.start)")
    ]
    assert starts == list(range(0, 48, 7))
    for number, start in enumerate(starts):
        card = page.locator("#shots .shot").nth(number)
        card.scroll_into_view_if_needed()
        still = f"#shots .shot[data-shot='{number}'] img"
        card.locator("img").evaluate("it => it.decode()")
        assert f"/frames/{start}.jpg" in str(card.locator("img").get_attribute("src"))
        expect_frame(pixels(page, still, width, height), frames, start)
        card.locator("button").click()
        page.wait_for_selector(f"#player[data-presented='{start}'][data-at='{start}']")
        expect_frame(pixels(page, "#player video", width, height), frames, start)


def test_a_step_is_one_frame(page: Page, shown: tuple[Amber, str, str]) -> None:
    amber, asset, url = shown
    video = amber.get("standard", asset).value.video()
    frames = brightness(video.frames_at(list(range(video.frame_count))).data)
    page.goto(f"{url}/films/{asset}?frame=20")
    page.wait_for_selector("#player[data-presented='20']")
    for index in (21, 22, 23):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f"#player[data-presented='{index}']")
        expect_frame(pixels(page, "#player video", *frames.shape[2:0:-1]), frames, index)
