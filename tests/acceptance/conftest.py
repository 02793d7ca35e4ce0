"""A film of five seconds, a home in which it is computed, and the command on either."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clips import five_seconds
from tests.acceptance.command import Command


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of film with four cuts and sound."""
    return five_seconds(tmp_path_factory.mktemp("film") / "clip.mp4")


@pytest.fixture
def amber(tmp_path: Path) -> Command:
    """The command on a home where nothing is yet."""
    return Command(tmp_path / "home")


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> tuple[Path, Any]:
    """A home in which `match_pairs` of the film was asked for once, and the answer."""
    home = tmp_path_factory.mktemp("first") / "home"
    return home, Command(home)("get", "match_pairs", clip)


@pytest.fixture(scope="session")
def first_answer(first_home: tuple[Path, Any]) -> Any:
    """The answer of whoever asked first."""
    return first_home[1]


@pytest.fixture
def warm(first_home: tuple[Path, Any], tmp_path: Path) -> Command:
    """The command on a copy of the home in which `match_pairs` is stored."""
    shutil.copytree(first_home[0], tmp_path / "home")
    return Command(tmp_path / "home")
