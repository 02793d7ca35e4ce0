"""Nobody is kept out: a checker finds no serious fault on any page, dark or light, and keys are enough."""

from importlib import resources
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from amber.client import Amber
from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.pages.conftest import Studio, opened
from tests.service.serving import TINY, serving

#: What axe calls so keeps people from using a page.
SERIOUS = {"serious", "critical"}
_RUN = """async () => (await axe.run(document, %s)).violations.map(
  (one) => ({id: one.id, impact: one.impact, where: one.nodes.slice(0, 3).map((node) => node.html)}))"""


def faults(page: Page, how: str = "{}") -> list[object]:
    """What axe, which the page has loaded, finds serious on it."""
    return [one for one in page.evaluate(_RUN % how) if one["impact"] in SERIOUS]


def load_checker(page: Page) -> None:
    """Bring axe into a page."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())


def pages_of(studio: Studio) -> list[str]:
    """Every page, as far as it has something to show."""
    feature = studio.amber.features(studio.asset)[0].recipe
    plan = studio.amber.plan_invalidation("shots@1", reason="to look at it").id
    paths = [
        f"/films/{studio.asset}",
        f"/cuts?film={studio.asset}",
        "/cuts",
        f"/cuts?film={studio.asset}&flavour=motion",
    ]
    return [
        "/",
        *paths,
        "/search",
        "/algorithms",
        f"/algorithms/shots?film={studio.asset}",
        "/jobs/backfills/plan?algorithm=match_pairs",
        f"/plans/{plan}",
        f"/features/{feature}",
        "/jobs",
    ]


def test_no_page_has_a_serious_fault_dark_or_light(browser: Browser, studio: Studio) -> None:
    with opened(browser, reduced_motion="reduce") as page:
        for path in [*pages_of(studio), "/sign-in", "/films/nothing"]:
            page.emulate_media(color_scheme="dark")
            page.goto(studio.url + path)
            load_checker(page)
            assert faults(page, "{}") == [], path
            page.emulate_media(color_scheme="light")
            assert faults(page, "{runOnly: ['color-contrast']}") == [], path
        page.goto(studio.url)
        load_checker(page)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert faults(page) == []


def test_the_checker_finds_a_fault_where_there_is_one(page: Page, studio: Studio) -> None:
    page.goto(studio.url)
    load_checker(page)
    page.evaluate("document.querySelector('.film img')?.removeAttribute('alt')")
    assert [one["id"] for one in faults(page)] == ["image-alt"]  # type: ignore[index]


def test_everything_wide_is_narrowed(browser: Browser, studio: Studio) -> None:
    with opened(browser) as page:
        for width in (1440, 360):
            page.set_viewport_size({"width": width, "height": 800})
            for path in [*pages_of(studio), "/sign-in"]:
                page.goto(studio.url + path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, path)


def test_a_cut_is_found_kept_and_exported_by_keys_alone(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/cuts?film={studio.asset}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    second = page.locator(".cut").nth(1)
    expect(second.get_by_role("button")).to_be_focused()
    page.keyboard.press("k")
    expect(second.locator(".pill")).to_have_text("kept")
    page.keyboard.press("x")
    expect(second.locator(".pill")).to_have_text("rejected")
    page.keyboard.press("u")
    expect(second.locator(".pill")).to_have_count(0)
    export = page.get_by_role("link", name="CSV")
    export.focus()
    with page.expect_download() as downloading:
        page.keyboard.press("Enter")
    assert downloading.value.suggested_filename == "five seconds match cuts.csv"


def test_no_rights_no_buttons(page: Page, tmp_path: Path) -> None:
    from amber.store.tokens import new_token

    settings = Settings(tmp_path / "home", algorithms=(str(TINY),), auth="token")
    with Amber.open(settings=settings) as amber, serving(amber, settings) as url:
        token, text = new_token("a viewer", "read")
        amber.store.catalog.put_token(token)
        asset = amber.ingest(write_clip(tmp_path / "clip.mp4", shade=3)).asset
        page.goto(f"{url}/algorithms/scaled")
        page.get_by_label("Access token").fill(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("scaled")
        for path in ("/algorithms/scaled", "/", f"/films/{asset}", "/jobs"):
            page.goto(url + path)
            buttons = page.get_by_role("main").get_by_role("button")
            assert set(buttons.all_text_contents()) <= {"Compare"}, path  # which changes nothing
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
