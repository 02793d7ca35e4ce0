"""Amber with the quick pairs, on a home of its own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from amber.client import Amber
from amber.settings import Settings
from tests.editing.films import original

ALGORITHMS = ("algorithms.standard:standard", str(Path(__file__).with_name("pairs.py")))


@pytest.fixture(scope="package")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 24 frames a second, four shots of half a second."""
    return original(tmp_path_factory.mktemp("film") / "first film.mp4", Fraction(24))


@pytest.fixture(scope="package")
def other_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, at 25."""
    path = tmp_path_factory.mktemp("film") / "other film.mp4"
    return original(path, Fraction(25), frames=36, tone=0, timecode="10:00:00:00")


@pytest.fixture
def amber(tmp_path: Path) -> Iterator[Amber]:
    """Amber with the quick pairs."""
    settings = Settings(home=tmp_path / "home", algorithms=ALGORITHMS)
    with Amber.open(settings=settings) as opened:
        yield opened
