"""A Ray cluster of this machine, from a wheel, on 127.0.0.1."""

import os
import secrets
import socket
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.processes import Process, free_port, shared

#: Bytes of the memory in which the processes of a node share values: ours share none.
OBJECTS_BYTES = 80 << 20
#: What every process of a cluster, and whoever uses it, is told: nobody counts this use, and nobody writes into the home.
VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


@dataclass(frozen=True)
class RayCluster:
    """How to reach a running cluster.

    Args:
        port: Of 127.0.0.1, of its head.
        token: Whoever has it may use the cluster.
    """

    port: int
    token: str

    @property
    def address(self) -> str:
        """As AMBER_RAY_ADDRESS has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to use it."""
        return {**VARIABLES, "RAY_AUTH_TOKEN": self.token}


def head(folder: Path, port: int, token: str, *, cpus: int = 2, gpus: int = 0) -> Process:
    """The first node of a cluster, not started yet, with its log in a folder."""
    place = Path(tempfile.mkdtemp(prefix="amber-ray-"))
    words = [
        "--head",
        f"--port={port}",
        f"--ray-client-server-port={free_port()}",
        "--include-dashboard=false",
    ]
    return _node(folder, place, token, words, cpus, gpus, lambda: _listens(port))


def _node(
    folder: Path, place: Path, token: str, words: list[str], cpus: int, gpus: int, is_ready: Any
) -> Process:
    os.environ.update(VARIABLES | {"RAY_AUTH_TOKEN": token})
    program = Path(sysconfig.get_path("scripts")) / "ray"
    command: list[object] = [program, "start", "--block", "--node-ip-address=127.0.0.1", *words]
    command += [f"--num-cpus={cpus}", f"--num-gpus={gpus}", f"--object-store-memory={OBJECTS_BYTES}"]
    command += [f"--temp-dir={place}", "--include-log-monitor=false", "--disable-usage-stats"]
    return Process(command, folder, is_ready=is_ready, leftovers=[place])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _start(folder: Path) -> tuple[Process, dict[str, Any]]:
    port, token = free_port(), secrets.token_hex(32)
    process = head(folder, port, token)
    process.start()
    return process, {"port": port, "token": token}


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """The cluster that all tests of a session share, whichever process they run in; each process stays connected."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "ray"
    with shared(folder, _start) as address:
        found = RayCluster(**address)
        os.environ.update(found.variables)
        yield found
        from amber.engine.executors.cluster import disconnect

        disconnect()
