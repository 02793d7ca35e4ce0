"""A clip of each test's own, and a deployment that computes on the cluster."""

from pathlib import Path

import pytest

from amber.settings import Settings
from tests.cli.clips import write_clip
from tests.servers.ray import RayCluster

WATCHED = Path(__file__).with_name("watched.py")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of one second, in a folder of this test."""
    return write_clip(tmp_path / "plain.mp4", shade=40)


@pytest.fixture
def settings(tmp_path: Path, ray_cluster: RayCluster) -> Settings:
    """A deployment on the cluster."""
    return Settings(
        tmp_path / "home", algorithms=(str(WATCHED),), executor="ray", ray_address=ray_cluster.address
    )
