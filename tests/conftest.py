"""What holds for every test: its own home, no setting of the machine's user, and files in memory where there is room."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made says how busy the machine is, and nothing about what is tested.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

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

#: Files whose tests take a minute or more, the longest first. They begin, so that none is left for the end, when others idle.
LONGEST = (
    "architecture/test_types.py",
    "jasper/test_torture.py",
    "faults/test_lost_files.py",
    "pages/test_walk.py",
    "service/test_openapi.py",
    "docs/test_examples.py",
    "faults/test_bad_lines.py",
    "faults/test_races.py",
    "faults/test_killed.py",
    "service/test_process.py",
    "store/test_sql_against_memory.py",
    "acceptance/test_homogeneity.py",
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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each process of a parallel run, which has as many tests as the others, begin with its share of the longest files."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    root = Path(__file__).parent
    found: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    others: list[pytest.Item] = []
    for item in items:
        found.get(item.path.relative_to(root).as_posix(), others).append(item)
    size, begun = len(items) // processes, [*found.values()]
    items.clear()
    for number in range(processes):
        items += [item for file in begun[number::processes] for item in file]
        room = max(0, size * (number + 1) - len(items))
        items += others[:room]
        del others[:room]
    items += others


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
