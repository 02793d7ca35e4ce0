"""A browser, and services with films that pages show."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from amber.client import Amber
from amber.settings import Settings
from tests.acceptance.clips import five_seconds
from tests.servers.browser import NoBrowserError, browsing, chromium
from tests.service.serving import deployment

#: What pages wait for at most; a busy machine is slow.
PATIENCE_MS = 60_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this folder; where there can be none, they are skipped, and say so."""
    try:
        chromium()
    except NoBrowserError as error:
        pytest.skip(str(error))
    expect.set_options(timeout=PATIENCE_MS)
    with browsing() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own; it fails the test if a script fails, or if anything is refused by the policy of the page."""
    with opened(browser) as page:
        yield page


class opened:  # noqa: N801 - used as a function
    """A page of a fresh context, whose errors are raised at the end."""

    def __init__(self, browser: Browser, **how: object) -> None:
        self._context = browser.new_context(viewport={"width": 1440, "height": 900}, **how)  # type: ignore[arg-type]
        self._errors: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on(
            "console",
            lambda said: self._errors.append(said.text) if "Content Security Policy" in said.text else None,
        )
        return page

    def __exit__(self, kind: object, *error: object) -> None:
        self._context.close()
        if kind is None:
            assert self._errors == []


@dataclass(frozen=True)
class Studio:
    """A service with one film, of which everything is there that the main job makes."""

    url: str
    amber: Amber
    asset: str
    film: Path


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Real algorithms and a film of five seconds with four cuts, whose fourth shot repeats the first."""
    folder = tmp_path_factory.mktemp("studio")
    film = five_seconds(folder / "five seconds.mp4")
    settings = Settings(folder / "home")
    with Amber.open(settings=settings) as amber:
        asset = amber.ingest(film).asset
        for algorithm in ("match_pairs", "motion"):
            amber.get(algorithm, asset)
        with deployment(settings) as url:
            yield Studio(url, amber, asset, film)
