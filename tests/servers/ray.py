"""A Ray cluster of this machine, from a wheel, on 127.0.0.1."""

import os
import secrets
import socket
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
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
    # A machine that says nothing for some seconds is lost, rather than for half a minute.
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "4",
    # On a busy machine the process that serves a client from outside takes longer to start than half a minute.
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",
}


@dataclass(frozen=True)
class RayCluster:
    """How to reach a running cluster.

    Args:
        port: Of 127.0.0.1, of its head.
        token: Whoever has it may use the cluster.
        client_port: For those outside of it.
    """

    port: int
    token: str
    client_port: int

    @classmethod
    def new(cls) -> "RayCluster":
        """One that is still to be started."""
        return cls(free_port(), secrets.token_hex(32), free_port())

    @property
    def address(self) -> str:
        """As AMBER_RAY_ADDRESS has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def client_address(self) -> str:
        """The same for whoever is no part of it."""
        from ray.util import get_node_ip_address

        return f"ray://{get_node_ip_address()}:{self.client_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to use it."""
        return {**VARIABLES, "RAY_AUTH_TOKEN": self.token}


def head(folder: Path, cluster: RayCluster, *, cpus: int = 2, gpus: int = 0) -> Process:
    """The first node of a cluster, not started yet, with its log in a folder."""
    words = ["--head", f"--port={cluster.port}", f"--ray-client-server-port={cluster.client_port}"]
    words += ["--include-dashboard=false", f"--num-cpus={cpus}", f"--num-gpus={gpus}"]
    return _node(folder, cluster, "127.0.0.1", words, lambda: is_listening(cluster.port))


def further(folder: Path, cluster: RayCluster, number: int, *, cpus: int = 2, gpus: int = 0) -> Process:
    """Another node of it, on an address of its own; it joins when it has started."""
    words = [f"--address={cluster.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}"]
    return _node(folder, cluster, f"127.0.0.{1 + number}", words, lambda: True)


def _node(
    folder: Path, cluster: RayCluster, host: str, words: list[str], is_ready: Callable[[], bool]
) -> Process:
    os.environ.update(cluster.variables)
    place = Path(tempfile.mkdtemp(prefix="amber-ray-"))
    program = Path(sysconfig.get_path("scripts")) / "ray"
    command: list[object] = [program, "start", "--block", f"--node-ip-address={host}", *words]
    command += [f"--object-store-memory={OBJECTS_BYTES}", f"--temp-dir={place}"]
    command += ["--include-log-monitor=false", "--disable-usage-stats"]
    return Process(command, folder, is_ready=is_ready, leftovers=[place])


def members(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _start(folder: Path) -> tuple[Process, dict[str, Any]]:
    cluster = RayCluster.new()
    process = head(folder, cluster)
    process.start()
    return process, asdict(cluster)


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
