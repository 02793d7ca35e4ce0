"""What holds for every test: its own home, and no setting of the machine's user."""

import os
from collections.abc import Iterator

import pytest

#: Fixtures of servers: a file a server.
pytest_plugins = ("tests.servers.postgres", "tests.servers.ray", "tests.servers.s3", "tests.servers.valkey")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's home and settings out of the tests, and out of the processes that tests start."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AMBER_")}
    for name in kept:
        if not name.startswith(("AMBER_SOAK", "AMBER_SHARED")):
            del os.environ[name]
    os.environ["AMBER_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    del os.environ["AMBER_HOME"]
    os.environ.update(kept)
