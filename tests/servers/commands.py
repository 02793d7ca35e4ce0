"""A server of commands: `amber` as a program that costs a moment, for tests that type many command lines.

The program hands its words, its environment, its folder and its three streams to the server, which has imported what commands
need and forks one that has them. Signals and the exit code pass through; where the program is killed, so is the command.
"""

import ast
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path

import pytest

from amber.cli.program import main
from tests.faults.forking import forking

#: What a command line may take with all its environment.
ORDER_BYTES = 1 << 18
#: Signals that pass through.
PASSED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: The program; it imports next to nothing, since each command pays for what it imports.
PROGRAM = """#!{python} -IS
import _signal, _socket, os, sys
order = repr((sys.argv[1:], dict(os.environ), os.getcwd())).encode("utf-8", "surrogateescape")
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({address!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
for number in {passed!r}:
    _signal.signal(number, lambda number, frame: server.send(str(number).encode()))
server.sendmsg([order], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
code = int(server.recv(32))
if code < 0:
    if code != -_signal.SIGKILL:
        _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@pytest.fixture(scope="session")
def quick_commands() -> Iterator[Path]:
    """A folder with a program `amber` whose commands start at once."""
    with tempfile.TemporaryDirectory(prefix="amber-commands-") as folder, _serving(Path(folder) / "address"):
        program = Path(folder) / "bin" / "amber"
        program.parent.mkdir()
        text = PROGRAM.format(
            python=sys.executable, address=f"{folder}/address", passed=tuple(map(int, PASSED))
        )
        program.write_text(text)
        program.chmod(0o755)
        yield program.parent


@contextmanager
def _serving(address: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen(64)
        process = forking().Process(target=serve, args=(listener,), daemon=True)
        process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()
        process.close()


def serve(listener: socket.socket) -> None:
    """Take commands until this process or the tests' is ended; returns in the process of each command, when that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tests = parent_process()
    assert tests is not None, "this is a process of the tests"
    while tests.sentinel not in select.select([listener, tests.sentinel], [], [])[0]:
        asked, _ = listener.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            listener.close()
            _attend(asked)
            return
        asked.close()


def _attend(asked: socket.socket) -> None:
    """Start a command, and stay with it until it has ended."""
    order, streams, *_ = socket.recv_fds(asked, ORDER_BYTES, 3)
    child = os.fork()
    if child == 0:
        asked.close()
        _be(*ast.literal_eval(order.decode("utf-8", "surrogateescape")), streams)
        return
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    while ended not in (ready := select.select([asked, ended], [], [])[0]):
        said = asked.recv(32) if ready else b""
        os.kill(child, int(said) if said else signal.SIGKILL)
        if not said:
            break
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        asked.send(str(code).encode())
    finally:
        os._exit(0)


def _be(words: list[str], variables: dict[str, str], folder: str, streams: list[int]) -> None:
    """Be the command."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.argv = ["amber", *words]
    main()
