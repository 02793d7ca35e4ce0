"""Films made once for all tests of the media room."""

from pathlib import Path

import pytest

from tests.jasper.making import make_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of H.264 with reordered frames and AAC, 24 frames a second: standard already."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")
