"""Clips, and a service with the tiny algorithms."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.service.serving import TINY, deployment


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of one second."""
    return write_clip(tmp_path_factory.mktemp("clips") / "plain.mp4", shade=40)


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one."""
    return write_clip(tmp_path_factory.mktemp("clips") / "other.mp4", shade=200)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment with nothing set but the algorithms and a folder that may be read."""
    roots = (tmp_path / "media").resolve()
    roots.mkdir()
    return Settings(tmp_path / "home", algorithms=(str(TINY),), media_roots=(roots,))


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """A service with one worker."""
    with deployment(settings) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """Asks that service."""
    with httpx.Client(base_url=url, timeout=60.0) as client:
        yield client


@pytest.fixture
def asset(http: httpx.Client, clip: Path) -> str:
    """An asset of that service."""
    answer = http.post("/v1/assets", content=clip.read_bytes(), params={"title": "plain"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["asset"])
