"""The library and a film, in a real browser."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from amber.client import Amber
from amber.settings import Settings
from tests.acceptance.clips import short_film
from tests.cli.clips import write_clip
from tests.pages.conftest import Studio, opened
from tests.service.serving import TINY, serving, working

#: A title that runs a script where a page does not escape it.
HOSTILE = "<img src=x onerror=document.title='owned'>.mp4"


def test_an_empty_library_says_how_to_begin(page: Page, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", algorithms=(str(TINY),))
    with Amber.open(settings=settings) as amber, serving(amber, settings) as url:
        page.goto(url)
        expect(page.get_by_role("heading", name="No films yet")).to_be_visible()
        expect(page.get_by_text("Choose films")).to_be_visible()
        page.goto(f"{url}/jobs")
        expect(page.get_by_text("Nothing has failed.")).to_be_visible()
        page.goto(f"{url}/cuts")
        expect(page.get_by_role("link", name="Add some in the library.")).to_be_visible()


def test_a_title_is_shown_as_it_is_whatever_it_says(page: Page, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", algorithms=(str(TINY),))
    with Amber.open(settings=settings) as amber:
        asset = amber.ingest(write_clip(tmp_path / "clip.mp4", shade=9), title=HOSTILE).asset
        amber.label(asset, {"<b>label</b>": '"><script>document.title="owned"</script>'})
        with serving(amber, settings) as url:
            for path in (
                "/",
                f"/films/{asset}",
                "/cuts",
                f"/algorithms/scaled?film={asset}",
                f"/?q={HOSTILE}",
            ):
                page.goto(url + path)
                expect(page.get_by_text(HOSTILE).first).to_be_attached()
                assert page.locator("img[src=x]").count() == 0
                assert "owned" not in page.title().replace(HOSTILE, "")
                assert page.evaluate("document.querySelectorAll('script:not([src])').length") == 0


def test_a_film_that_failed_says_why_in_the_library_and_on_its_page(page: Page, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home")
    film = short_film(tmp_path / "film.mp4", 1)
    with Amber.open(settings=settings) as amber:
        asset = amber.ingest(film, title="lost film").asset
        film.unlink()
        with serving(amber, settings) as url, working(amber):
            page.goto(f"{url}/films/{asset}")
            page.get_by_role("button", name="Ask for shots", exact=True).click()
            expect(page.get_by_role("alert")).to_contain_text("shots failed.")
            expect(page.get_by_role("alert")).to_contain_text("film.mp4")
            page.goto(url)
            expect(page.locator(".film")).to_contain_text("failed")
            expect(page.locator(".film .problem")).to_contain_text("film.mp4")
            page.goto(f"{url}/jobs")
            expect(page.get_by_role("region", name="Failures")).to_contain_text("lost film")


def test_the_library_is_filtered_and_walked_by_keys(page: Page, studio: Studio) -> None:
    page.goto(studio.url)
    expect(page.locator(".film")).to_have_count(1)
    expect(page.locator(".film .tc")).to_have_text("00:00:05:00")
    page.keyboard.press("/")
    page.keyboard.type("no such film")
    expect(page.get_by_text("No film on this page has these words.")).to_be_visible()
    expect(page.locator("#shown")).to_have_text("0 films")
    page.keyboard.press("Control+A")
    page.keyboard.type("FIVE")
    expect(page.locator("#shown")).to_have_text("1 film")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{studio.url}/films/{studio.asset}")


def test_shots_lie_on_one_timeline_with_their_time_codes(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/films/{studio.asset}")
    codes = page.locator("#shots .line span").all_text_contents()
    assert codes == ["00:00:00:00", "00:00:01:06", "00:00:02:06", "00:00:03:06", "00:00:04:00"]
    assert page.locator("#timeline rect").count() == 5
    repeated = page.locator("#shots .repeat")
    expect(repeated).to_have_count(1)
    expect(repeated).to_contain_text("repeats shot 1")
    page.wait_for_selector("#player[data-ready]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#code")).to_have_text("00:00:01:06")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#code")).to_have_text("00:00:01:05")
    expect(page.locator("#shot")).to_have_text("shot 1 of 5")
    page.keyboard.press("g")
    assert page.locator("#shots .shot").evaluate_all("all => all.map(one => one.dataset.shot)") == list(
        "03124"
    )


def test_lineage_says_what_a_feature_was_made_from(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/films/{studio.asset}")
    page.locator("summary", has_text="Features").click()
    page.get_by_role("region", name="Stored features").get_by_role("link", name="duplicate_groups").click()
    expect(page.get_by_role("link", name="shot_embeddings 1")).to_be_visible()
    expect(page.get_by_role("link", name="match_pairs 1")).to_be_visible()
    page.get_by_role("link", name="shot_embeddings 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shot_embeddings 1")


def test_the_look_that_was_chosen_stays(browser: Browser, studio: Studio) -> None:
    with opened(browser, color_scheme="dark") as page:
        page.goto(studio.url)
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        dark = page.evaluate(ground)
        page.keyboard.press("t")
        light = page.evaluate(ground)
        page.reload()
        assert page.evaluate(ground) == light != dark
