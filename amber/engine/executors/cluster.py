"""The connection of this process to a Ray cluster; the only place that imports Ray."""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property
from typing import Any

from amber.engine.executors.admission import Resources
from amber.engine.executors.holders import RETRIES, Holders, machines
from amber.engine.executors.node import Board, compute_all
from amber.engine.executors.wire import Commission, Deployment, Report
from amber.errors import ClusterUnavailableError, ConfigurationError, MachineLostError

#: How long the cluster may take to answer a question about itself.
ANSWER_SECONDS = 20.0
#: How long its head may take to take a connection.
KNOCK_SECONDS = 10.0

_lock = threading.RLock()
_connected: list[str] = []


def connect(address: str) -> Any:
    """Ray, connected to the cluster at an address; a process has one connection.

    Raises:
        ConfigurationError: Ray is not installed, or this process works with another cluster.
        ClusterUnavailableError: The cluster cannot be reached.
    """
    with _lock:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError(
                "AMBER_EXECUTOR is ray, and Ray is not installed: pip install 'amber[ray]'"
            ) from error
        if ray.is_initialized():
            if _connected and _connected[0] != address:
                raise ConfigurationError(
                    f"this process computes on the cluster {_connected[0]}, and cannot use {address} beside it"
                )
            return ray
        _connected.clear()
        try:
            _knock(address)
            ray.init(address, namespace="amber", log_to_driver=False, configure_logging=False)
        except Exception as error:  # a cluster that is not there shows itself in many ways
            raise ClusterUnavailableError(
                f"no Ray cluster answers at {address}: {_first_line(error)}; start one with `ray start --head`, "
                "or say where it is with AMBER_RAY_ADDRESS"
            ) from error
        _connected.append(address)
        return ray


def _knock(address: str) -> None:
    """See whether anybody listens there: Ray itself goes on trying for minutes.

    Raises:
        OSError: Nobody does.
    """
    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


def disconnect() -> None:
    """Let go of the cluster; the next `connect` is a new one."""
    with _lock:
        if _connected:
            _connected.clear()
            import ray

            ray.shutdown()


class Cluster:
    """Places steps on the machines of a cluster.

    Args:
        address: As AMBER_RAY_ADDRESS has it.
        deployment: What whoever computes opens.
    """

    def __init__(self, address: str, deployment: Deployment) -> None:
        self._address = address
        self._deployment = deployment

    @property
    def ray(self) -> Any:
        """Ray, connected; raises as `connect`."""
        return connect(self._address)

    def largest(self) -> Resources:
        """The most that one machine of the cluster has of everything; raises as `connect`.

        The most of each alone: they need not be of one machine.
        """
        ray = self.ray
        try:
            there = machines(ray)
        except Exception as error:
            raise self._lost(error) from error
        return Resources(
            max((one.cpus for one in there), default=0.0),
            max((one.gpus for one in there), default=0.0),
            max((one.memory_bytes for one in there), default=0),
        )

    def slots(self) -> int:
        """How many processors the cluster has."""
        try:
            return max(1, int(self.ray.cluster_resources().get("CPU", 1)))
        except Exception as error:
            raise self._lost(error) from error

    def submit(self, sent: Sequence[Commission], wants: Resources) -> "Running":
        """Have steps computed, one after the other by one process.

        Raises:
            ClusterUnavailableError: The cluster cannot be reached.
        """
        ray = self.ray
        try:
            if wants.gpus:
                holders = self._holders
                reference, holder = holders.submit(sent, wants, self._board)
                return Running(ray, reference, lambda: holders.done(holder))
            options = {"num_cpus": wants.cpus, "memory": wants.memory_bytes or None, "max_retries": RETRIES}
            asked = self._compute.options(**options, name=f"amber {sent[0].name}")
            return Running(ray, asked.remote(self._deployment, list(sent), self._board))
        except Exception as error:
            raise self._lost(error) from error

    def told(self) -> dict[str, tuple[int, int, str]]:
        """How far steps are, as far as that was told since the last look; nothing where that cannot be known now."""
        try:
            if "_holders" in self.__dict__:
                self._holders.tidy()
            told: dict[str, tuple[int, int, str]] = self.ray.get(
                self._board.read.remote(), timeout=ANSWER_SECONDS
            )
        except Exception:  # noqa: BLE001 - progress is a courtesy; the steps say themselves what became of them
            return {}
        return told

    @cached_property
    def _compute(self) -> Any:
        return self.ray.remote(_compute_in_process)

    @cached_property
    def _board(self) -> Any:
        return self.ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()

    @cached_property
    def _holders(self) -> Holders:
        return Holders(self.ray, self._deployment, _is_cancelled)

    def close(self) -> None:
        """Let go of what was started there."""
        board, holders = (self.__dict__.pop(name, None) for name in ("_board", "_holders"))
        if _connected:
            with suppress(Exception):  # what cannot be reached need not be ended
                if holders is not None:
                    holders.close()
                if board is not None:
                    self.ray.kill(board)

    def _lost(self, error: Exception) -> ClusterUnavailableError:
        if isinstance(error, ClusterUnavailableError):
            return error
        for name in ("_board", "_compute", "_holders"):  # of a connection that is no more
            self.__dict__.pop(name, None)
        disconnect()
        return ClusterUnavailableError(f"the cluster {self._address} is lost: {_first_line(error)}")


class Running:
    """Steps that a process of the cluster computes.

    Args:
        ray: Ray, connected.
        reference: Names what will come of them.
        ended: Called once they have ended.
    """

    def __init__(self, ray: Any, reference: Any, ended: Callable[[], None] = lambda: None) -> None:
        self._ray = ray
        self._reference = reference
        self._ended = ended

    def when_done(self, call: Callable[[], None]) -> None:
        """Call when there is a result, or an error, from a thread of Ray's."""
        future: Future[Any] = self._reference.future()
        future.add_done_callback(lambda _: call())

    def end(self) -> None:
        """Note that they have ended."""
        self._ended()

    def reports(self) -> list[Report]:
        """What became of the steps.

        Raises:
            MachineLostError: Processes or machines were lost that computed them, too often.
            ClusterUnavailableError: The cluster is lost.
        """
        try:
            reports: list[Report] = self._ray.get(self._reference)
        except self._ray.exceptions.RayTaskError as error:
            raise MachineLostError(
                f"the process that computed it could not tell what came of it: {error}"
            ) from error
        except (self._ray.exceptions.RaySystemError, ConnectionError) as error:
            raise ClusterUnavailableError(f"the cluster is lost: {_first_line(error)}") from error
        except self._ray.exceptions.RayError as error:
            raise MachineLostError(
                f"whoever computed it was lost, {RETRIES + 1} times: {_first_line(error)}"
            ) from error
        return reports

    def cancel(self, *, force: bool = False) -> None:
        """End them: by an interruption, or with the process that computes them."""
        with suppress(Exception):  # what cannot be reached need not be ended
            self._ray.cancel(self._reference, force=force, recursive=False)  # what it told may arrive


def _compute_in_process(deployment: Deployment, sent: Sequence[Commission], board: Any) -> list[Report]:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a step that declares no accelerator has none

    def tell(name: str, done: int, total: int, unit: str) -> None:
        board.tell.remote(name, done, total, unit)

    return compute_all(deployment, sent, tell)


def _is_cancelled() -> bool:
    """Whether the step at hand of this process of the cluster is not wanted any more."""
    import ray

    return bool(ray.get_runtime_context().is_canceled())


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
