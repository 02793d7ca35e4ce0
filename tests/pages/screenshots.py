"""`make screenshots`: every page, dark and light, wide and narrow, of a library with a real film in it.

All pictures are written into `.screenshots/`; those that the documents show go into `docs/pictures/`, small.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from amber.client import Amber
from amber.errors import AmberError
from amber.settings import Settings
from demo.film import film
from tests.acceptance.clips import ffmpeg, short_film
from tests.servers.browser import NoBrowserError, browsing
from tests.service.serving import deployment

ROOT = Path(__file__).resolve().parents[2]
FOLDER, PICTURES = ROOT / ".screenshots", ROOT / "docs" / "pictures"
WIDTHS = {"wide": (1440, 900), "narrow": (420, 900)}
#: Pictures that the documents show → how wide they are there.
SHOWN = {
    "ready-dark-wide": 1200,
    "film-dark-wide": 1200,
    "cuts-dark-wide": 1200,
    "cuts-light-wide": 900,
    "plan-light-wide": 900,
    "algorithms-dark-wide": 900,
    "film-dark-narrow": 420,
}
#: Excerpts of the film that fill the library: name, where each begins, how long it is.
REELS = (("Reel 1, meadow", 30, 40), ("Reel 2, rodents", 150, 45), ("Reel 3, trap", 330, 35))


def main() -> int:
    """Make all pictures; 1 if a page is wider than its window, or there is no browser."""
    FOLDER.mkdir(exist_ok=True)
    settings = Settings(FOLDER / "home")
    with Amber.open(settings=settings) as amber:
        places = _filled(amber)
    try:
        with deployment(settings) as url, browsing() as browser:
            wide = [said for look in ("dark", "light") for said in _all_pages(browser, url, look, places)]
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    for name, width in SHOWN.items():
        _shrink(FOLDER / f"{name}.png", PICTURES / f"{name}.webp", width)
    print(
        f"wrote {len(list(FOLDER.glob('*.png')))} pictures into {FOLDER.name}, {len(SHOWN)} into docs/pictures"
    )
    for said in wide:
        print(said, file=sys.stderr)
    return 1 if wide else 0


def _filled(amber: Amber) -> dict[str, str]:
    """A library with a film of which everything is known, excerpts of it, one that failed, and one nobody asked about."""
    whole = film(_fetching)
    main_film = amber.ingest(whole, title="Big Buck Bunny").asset
    amber.label(main_film, {"licence": "CC BY 3.0", "studio": "Blender"}, title="Big Buck Bunny")
    for algorithm in ("match_pairs", "motion", "shot_labels"):
        print(f"{algorithm} of {whole.name}", flush=True)
        amber.get(algorithm, main_film)
    for name, start, seconds in REELS:
        path = FOLDER / f"{name}.mp4"
        if not path.exists():
            ffmpeg("-ss", str(start), "-i", whole, "-t", str(seconds), "-c", "copy", path)
        amber.get("shots", amber.ingest(path, title=name))
    amber.ingest(short_film(FOLDER / "fresh.mp4", 1), title="Rushes of today")
    lost = short_film(FOLDER / "lost.mp4", 2)
    broken = amber.ingest(lost, title="Lost negative").asset
    lost.unlink()
    try:
        amber.get("shots", broken)
    except AmberError as error:
        print(f"as it should: {error}")
    cuts = amber.match(main_film, top=6)
    for cut in cuts.cuts[:3]:
        amber.keep(cut, who="editor")
    amber.search("a rabbit in a meadow", main_film)
    plan = amber.plan_invalidation(
        "shots@1", main_film, reason="cuts two frames late in the credits", who="ada"
    )
    feature = next(one for one in amber.features(main_film) if one.algorithm == "shot_embeddings")
    return {
        "library": "/",
        "ready": "/?state=ready",
        "film": f"/films/{main_film}?frame=1450",
        "cuts": f"/cuts?film={main_film}",
        "choose": "/cuts",
        "search": "/search?q=a+rabbit+in+a+meadow",
        "algorithms": "/algorithms",
        "algorithm": f"/algorithms/shots?film={main_film}",
        "backfill": "/jobs/backfills/plan?algorithm=match_pairs",
        "plan": f"/plans/{plan.id}",
        "feature": f"/features/{feature.recipe}",
        "jobs": "/jobs",
        "failed": f"/films/{broken}",
        "unknown": "/films/nothing-of-that-name",
        "sign-in": "/sign-in",
    }


@contextmanager
def _fetching() -> Iterator[object]:
    print("fetching the film", flush=True)
    yield lambda done, total: None


def _all_pages(browser: Browser, url: str, look: str, places: dict[str, str]) -> Iterator[str]:
    """Take every page in one look; gives what is wrong with them."""
    for window, (width, height) in WIDTHS.items():
        context = browser.new_context(
            base_url=url, color_scheme=look, viewport={"width": width, "height": height}
        )
        page = context.new_page()
        for name, path in places.items():
            page.goto(path)
            _settle(page)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                yield f"{name} is wider than its window of {width} pixels"
            page.screenshot(path=FOLDER / f"{name}-{look}-{window}.png")
        context.close()


def _settle(page: Page) -> None:
    """Until every picture in the window is there, and the film stands at its frame."""
    page.wait_for_load_state("load")
    if page.locator("#player").count():
        page.wait_for_selector("#player[data-ready][data-presented]")
        wanted = page.locator("#player").get_attribute("data-wanted")
        if wanted is not None:
            page.wait_for_selector(f"#player[data-presented='{wanted}']")
    if page.locator(".cut").count():
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        page.locator("#hint").wait_for(state="hidden")
        page.keyboard.press("Space")
    page.evaluate(
        """Promise.all([...document.images].filter((it) => it.getBoundingClientRect().top < innerHeight)
             .map((it) => it.decode().catch(() => {})))"""
    )


def _shrink(picture: Path, target: Path, width: int) -> None:
    """A picture as the documents have it: small, and the same bytes for the same pixels."""
    whole = Image.open(picture).convert("RGB")
    shown = whole.resize((width, round(whole.height * width / whole.width)), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    shown.save(encoded, "WEBP", quality=78, method=6)
    target.write_bytes(encoded.getvalue())


if __name__ == "__main__":
    sys.exit(main())
