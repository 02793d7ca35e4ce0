"""Versions side by side on one film, and what a backfill takes before it begins."""

from pathlib import Path

from playwright.sync_api import Page, expect

from amber.client import Amber
from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.service.serving import serving, working

#: Spans of so many frames; the later version begins the last one a frame late.
SPANS = '''
import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result


@result
class Spans:
    """Spans of frames, half-open."""

    start: Int64[np.ndarray, " span"]
    end: Int64[np.ndarray, " span"]


@algorithm(version="{version}")
def spans(media: Source) -> Spans:
    """Three spans, whatever the film shows."""
    start = np.array([0, 8, {last}])
    return Spans(start, np.append(start[1:], 24))
'''


def _settings(folder: Path, version: str, last: int) -> Settings:
    code = folder / f"spans_{version}.py"
    code.write_text(SPANS.format(version=version, last=last))
    return Settings(folder / "home", algorithms=(f"{code}:spans",))


def test_versions_stand_side_by_side_with_what_each_found_in_a_film(page: Page, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "clip.mp4", shade=9)
    with Amber.open(settings=_settings(tmp_path, "1", 16)) as amber:
        asset = amber.ingest(film, title="Three spans").asset
        amber.get("spans", asset)
    settings = _settings(tmp_path, "2", 17)
    with Amber.open(settings=settings) as amber:
        amber.get("spans", asset)
        other = amber.ingest(write_clip(tmp_path / "other.mp4", shade=90), title="Nothing yet").asset
        with serving(amber, settings) as url:
            page.goto(f"{url}/algorithms/spans")
            expect(page.locator(".versions .timeline")).to_have_count(0)
            page.get_by_label("What they found in").select_option(label="Three spans")
            page.get_by_role("button", name="Compare").click()
            expect(page).to_have_url(f"{url}/algorithms/spans?film={asset}")
            new, old = (page.locator(".versions section").nth(number) for number in (0, 1))
            expect(old).to_contain_text("code is gone")
            for card, frame in ((new, 17), (old, 16)):
                expect(card.locator(".timeline rect")).to_have_count(3)
                expect(card.locator(".timeline rect.own title")).to_have_text(f"frames {frame} to 23")
                expect(card.get_by_role("link", name=str(frame), exact=True)).to_be_visible()
            page.goto(f"{url}/algorithms/spans?film={other}")
            expect(page.get_by_text("is stored for Nothing yet")).to_be_visible()


def test_a_backfill_tells_what_it_takes_before_it_begins(page: Page, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "1", 16)
    with Amber.open(settings=settings) as amber:
        for number in range(3):
            made = amber.ingest(
                write_clip(tmp_path / f"{number}.mp4", shade=40 * number), title=f"film {number}"
            )
            amber.label(made.asset, {"season": "one" if number else "two"})
        amber.get("spans", made.asset)
        with serving(amber, settings) as url, working(amber):
            page.goto(f"{url}/jobs")
            page.get_by_label("for films with label").fill("season")
            page.get_by_label("of value").fill("one")
            page.get_by_role("button", name="See what it takes").click()
            expect(page.locator(".sums")).to_contain_text("1film to compute")
            expect(page.locator(".sums")).to_contain_text("1there already")
            assert amber.backfills.all() == []
            page.get_by_role("button", name="Begin").click()
            expect(page).to_have_url(f"{url}/jobs#backfills")
            expect(page.get_by_role("region", name="Backfills")).to_contain_text("season=one")
            (begun,) = amber.backfills.all()
            assert begun.wish.where == {"season": "one"} and begun.total == 2
            page.goto(f"{url}/jobs/backfills/plan?algorithm=spans&label=season&value=three")
            expect(page.get_by_text("No film has that label.")).to_be_visible()
