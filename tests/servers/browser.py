"""A real Chromium: one that is installed, or one that is brought here; else the tests say that there is none."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

#: Names of programs that understand what Playwright says to Chromium.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: It has no screen, reaches nothing but our own servers, and runs as whoever runs the tests.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
_MINUTES = 5


class NoBrowserError(Exception):
    """There is no Chromium, and none could be brought; says what was tried."""


@cache
def chromium() -> Path | None:
    """The program, brought here if there is none; None: Playwright has its own.

    Raises:
        NoBrowserError: There is none, and none can be brought.
    """
    found = _installed()
    if found is not None or _own():
        return found
    lock = Path(tempfile.gettempdir()) / f"amber-chromium-{os.geteuid()}.lock"
    with lock.open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # processes of one test session bring it once
        tried = [_by_packages(), _by_playwright()]
        found = _installed()
        if found is None and not _own():
            raise NoBrowserError(
                "there is no Chromium here, and none could be brought: "
                + "; ".join(filter(None, tried))
                + ". Install one (`apt-get install chromium`, or `playwright install chromium`)"
            )
        return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window, until the end.

    Raises:
        NoBrowserError: There is none.
    """
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _installed() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def _own() -> bool:
    """Whether Playwright has brought one."""
    try:
        with sync_playwright() as playwright:
            return Path(playwright.chromium.executable_path).is_file()
    except Error:
        return False


def _by_packages() -> str:
    """By Debian's packages, which takes half a minute; what came of it, unless it worked."""
    if _installed() is not None:
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "packages want root and apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    if not _run(install, environment):
        return ""
    return _run(["apt-get", "update"], environment) or _run(install, environment)


def _by_playwright() -> str:
    """By Playwright's own archive; what came of it, unless it worked."""
    if _installed() is not None:
        return ""
    return _run(["playwright", "install", "chromium"], dict(os.environ))


def _run(command: list[str], environment: dict[str, str]) -> str:
    """Run a program; empty if it did what it should, else its last words."""
    path = shutil.which(command[0]) or str(Path(sys.executable).with_name(command[0]))
    try:
        done = subprocess.run(
            [path, *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{' '.join(command)}`: {error}"
    return "" if done.returncode == 0 else f"`{' '.join(command)}`: {done.stderr.strip()[-300:]}"
