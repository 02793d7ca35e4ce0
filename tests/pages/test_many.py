"""Ten thousand pairs and two thousand films: pages stay as quick as with a few."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from amber.client import Amber
from amber.registry import Registry, load_algorithms
from amber.settings import Settings
from amber.store.open import memory_store
from amber.store.protocol import AssetRecord
from tests.editing.films import original
from tests.pages.quick import LENGTH
from tests.service.serving import TINY, serving

#: Frames of a film with so many pairs of two shots.
FRAMES, PAIRS = 142 * LENGTH, 142 * 141 // 2
FILMS = 2000


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a service, and a film of it with ten thousand pairs."""
    folder = tmp_path_factory.mktemp("many")
    path = Path(__file__).with_name("quick.py")
    settings = Settings(
        folder / "home", algorithms=("algorithms.standard:standard", f"{path}:shots", f"{path}:match_pairs")
    )
    with Amber.open(settings=settings) as amber:
        asset = amber.ingest(original(folder / "long.mp4", Fraction(24), frames=FRAMES, tone=0)).asset
        amber.get("match_pairs", asset, settings={"depth": 10_000})
        with serving(amber, settings) as url:
            yield url, asset


def test_ten_thousand_pairs_are_walked_and_kept(page: Page, paired: tuple[str, str]) -> None:
    url, asset = paired
    assert PAIRS == 10_011
    page.goto(f"{url}/cuts?film={asset}&depth=10000")
    expect(page.locator(".bar .num").first).to_have_text("10,000 pairs · 1–48")
    expect(page.locator(".cut")).to_have_count(48)
    page.goto(f"{url}/cuts?film={asset}&depth=10000&page=209")
    expect(page.locator(".cut")).to_have_count(10_000 - 208 * 48)
    expect(page.locator(".cut .line .muted").first).to_have_text("9,985")
    expect(page.get_by_role("link", name="Further")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(page.locator("#told")).to_have_text("cut 9986 is kept")
    page.get_by_role("link", name="Before").click()
    expect(page.locator(".cut")).to_have_count(48)
    page.goto(f"{url}/cuts?film={asset}&depth=10000&shown=kept")
    expect(page.locator(".cut")).to_have_count(1)


def test_pages_of_ten_thousand_pairs_stay_small_and_all_are_exported(paired: tuple[str, str]) -> None:
    url, asset = paired
    with httpx.Client(base_url=url, timeout=120.0) as http:
        for number in (1, 100, 209):
            answer = http.get("/cuts", params={"film": asset, "depth": 10_000, "page": number})
            assert answer.status_code == 200
            assert len(answer.text) < 200_000
        wanted = {"film": asset, "depth": 10_000, "shown": "all"}
        rows = list(csv.DictReader(io.StringIO(http.get("/cuts/export.csv", params=wanted).text)))
        assert len(rows) == 10_000 and rows[-1]["rank"] == "10000"


def test_a_library_of_two_thousand_films_is_one_page(page: Page, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", algorithms=(str(TINY),))
    with closing(Amber(memory_store(), Registry(load_algorithms(settings.algorithms), {}))) as amber:
        for number in range(FILMS + 1):
            record = AssetRecord(f"{number:064x}", f"Film {number:04}", 60.0, 1440, 1280, 720, Fraction(24))
            amber.store.catalog.put_asset(record)
        with serving(amber, settings) as url:
            page.goto(url)
            expect(page.locator(".film")).to_have_count(FILMS)
            page.keyboard.press("/")
            page.keyboard.type("film 1234")
            expect(page.locator("#shown")).to_have_text("1 film")
            expect(page.locator(".film:not([hidden]) .name")).to_have_text("Film 1234")
            page.goto(f"{url}/?page=2")
            expect(page.locator(".film .name")).to_have_text("Film 2000")
