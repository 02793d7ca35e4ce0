"""A home, a clip of a second, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.clips import write_clip
from tests.cli.running import TINY, Ran, ran_here


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of one second, 64 × 48, whose name is its title."""
    return write_clip(tmp_path_factory.mktemp("clips") / "plain clip.mp4", shade=40)


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one."""
    return write_clip(tmp_path_factory.mktemp("clips") / "other clip.mp4", shade=200)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with the tiny algorithms, and a working directory without an `amber.toml`."""
    path = tmp_path / "home"
    monkeypatch.setenv("AMBER_HOME", str(path))
    monkeypatch.setenv("AMBER_ALGORITHMS", str(TINY))
    monkeypatch.delenv("AMBER_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def amber(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command line in this process: `amber("get", "scaled", clip)`."""
    return lambda *arguments: ran_here([str(argument) for argument in arguments], capfd)
