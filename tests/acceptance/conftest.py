"""A film of five seconds, a home in which it is computed, and the command on either."""

import shutil
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class First:
    """What became of the first ask for `match_pairs` of the film."""

    home: Path
    answer: Any
    #: How long it took, from the start of the process to its end.
    seconds: float


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> First:
    """A home in which `match_pairs` of the film was asked for once, undisturbed."""
    home = tmp_path_factory.mktemp("first") / "home"
    began = time.monotonic()
    done = Command(home).run_afresh("get", "match_pairs", clip, "--json")
    assert done.code == 0, done.err
    return First(home, done.document, time.monotonic() - began)


@pytest.fixture(scope="session")
def first_answer(first: First) -> Any:
    """The answer of whoever asked first."""
    return first.answer


@pytest.fixture
def warm(first: First, tmp_path: Path) -> Command:
    """The command on a copy of the home in which `match_pairs` is stored."""
    shutil.copytree(first.home, tmp_path / "home")
    return Command(tmp_path / "home")
