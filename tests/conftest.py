"""What holds for every test: its own home, no setting of the machine's user, and files in memory where there is room."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A file system in memory, as Linux has it.
MEMORY = Path("/dev/shm")
#: What must be free there; a whole session takes less than half of it.
ROOM_BYTES = 4 << 30

#: Fixtures of servers: a file a server.
pytest_plugins = (
    "tests.servers.commands",
    "tests.servers.postgres",
    "tests.servers.ray",
    "tests.servers.s3",
    "tests.servers.valkey",
)


def _has_room_in_memory() -> bool:
    try:
        found = os.statvfs(MEMORY)
        free = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())[
            "MemAvailable"
        ]
    except OSError:
        return False
    return min(found.f_bavail * found.f_frsize, int(free.split()[0]) << 10) > ROOM_BYTES


# No test loses power, so none needs a disk; here, before anybody asks where temporary files go.
if "TMPDIR" not in os.environ and _has_room_in_memory():
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = str(MEMORY)  # pytest has asked already


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
