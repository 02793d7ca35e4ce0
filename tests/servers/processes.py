"""What all servers have in common: a free port, readiness by a condition, and an end that does not depend on ours."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

KEEPER = Path(__file__).with_name("keeper.py")
#: How long anything about a server may take on a busy machine.
PATIENCE_SECONDS = 60.0


def free_port(*, below: int = 65536) -> int:
    """A port of 127.0.0.1 that nobody listens on; another each time, as far as can be."""
    while True:
        port = random.randrange(20_000, min(below, 32_768))
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: It did not come about; says what was waited for.
    """
    end, pause = time.monotonic() + patience, threading.Event()
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience:.0f} s")
        pause.wait(0.01)


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on that port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


class Process:
    """A server process that ends with the last of its users, and can be killed and started again as it was.

    Args:
        command: What to run; the port and the data are in it, so they stay.
        folder: Where its log and its pid are written.
        is_ready: Whether it answers.
        user: Whose rights it has; ours unless given.
        stop: The signal that ends it in order.
        leftovers: Folders that are removed when it has ended for good.
    """

    def __init__(
        self,
        command: Sequence[object],
        folder: Path,
        *,
        is_ready: Callable[[], bool],
        user: str | None = None,
        stop: signal.Signals = signal.SIGTERM,
        leftovers: Sequence[Path] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._users = folder / "users"
        self._pid = folder / "pid"
        self._log = folder / "log"
        self._is_ready = is_ready
        #: Folders that are removed when it has ended for good.
        self.leftovers = tuple(leftovers)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._order = {
            "command": [str(word) for word in command],
            "users": str(self._users),
            "pid": str(self._pid),
            "log": str(self._log),
            "user": user,
            "stop": int(stop),
            "leftovers": [str(path) for path in leftovers],
        }
        self._use: IO[bytes] = use(folder)

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int | None:
        """Its number; None where it does not run."""
        return int(self._pid.read_text()) if self._pid.exists() else None

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            RuntimeError: It ended instead; says what it said.
        """
        command = [sys.executable, "-I", "-S", KEEPER, json.dumps(self._order)]
        with self._log.open("ab") as log:
            keeper = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._keeper = keeper

        def is_over() -> bool:
            return keeper.poll() is not None or (self._pid.exists() and self._is_ready())

        until(is_over, f"{self._order['command'][0]} is ready")
        if keeper.returncode is not None:
            raise RuntimeError(f"{self._order['command']} ended with {keeper.returncode}: {self.log[-2000:]}")

    def kill(self) -> None:
        """End it with SIGKILL, as a loss of its machine would; its data stay."""
        assert self._keeper is not None, "only who started a server kills it"
        os.kill(int(self._pid.read_text()), signal.SIGKILL)
        self._keeper.wait(PATIENCE_SECONDS)

    def leave(self) -> None:
        """Use it no longer; the last one waits until it has stopped."""
        is_last = leave(self._use, self._pid)
        if self._keeper is not None:
            if is_last:
                self._keeper.wait(PATIENCE_SECONDS)
            else:
                self._keeper.returncode = 0  # it is not ours to wait for: others use the server still


def use(folder: Path) -> IO[bytes]:
    """Note that this process uses the server of a folder, for as long as the file stays open."""
    file = (folder / "users").open("ab")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def leave(use: IO[bytes], pid: Path) -> bool:
    """Use a server no longer; whether this was its last user, who waits until it has stopped."""
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        use.close()
    until(lambda: not pid.exists(), f"the server of {pid} has stopped")
    return True


@contextmanager
def shared(folder: Path, start: Callable[[Path], tuple[Process, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """How to reach the one server that all processes of a test session share; who comes first starts it.

    Args:
        folder: The same for all who share it.
        start: Starts the server, with its log in a folder, and says how to reach it, in what JSON can say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    address, pid = folder / "address.json", folder / "pid"
    process = None
    with (folder / "door").open("ab") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        using = use(folder)  # waits for a keeper that is just stopping the server
        if pid.exists():
            found = json.loads(address.read_text())
        else:
            process, found = start(folder)
            address.write_text(json.dumps(found))
    try:
        yield found
    finally:
        if process is None:
            leave(using, pid)
        else:
            using.close()
            process.leave()
