"""One worker process as its parent sees it: started, asked, watched, and ended."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jasper.errors import (
    DecoderCrashedError,
    DecoderStoppedError,
    DecodingMemoryError,
    DecodingTimeError,
    MediaError,
)
from jasper.results import ProgressCallback
from jasper.wire import MOST_BYTES_OF_A_LINE, MalformedMessageError, from_line, to_line

#: What is run unless something else is asked for.
COMMAND = (sys.executable, "-P", "-m", "jasper.worker")

#: Seconds between looks at how much a worker has used.
_LOOK_SECONDS = 0.02
#: A longer gap between looks means that this process stood still too, and counts as this.
_LONGEST_LOOK_SECONDS = 1.0
_DYING_SECONDS = 5.0
#: Signals that a process brings upon itself by what it does.
_CRASHES = frozenset({4, 6, 7, 8, 11, 31})
#: What a worker sees of the environment; it has no use for anybody's secrets.
_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True)
class Allowance:
    """What one request may take."""

    #: The file, as errors name it.
    shown: str
    stall_seconds: float
    seconds: float
    memory_bytes: int


@dataclass
class Usage:
    """What worker processes have used."""

    cpu_seconds: float = 0.0
    bytes_read: int = 0
    #: The most that one of them had resident at once.
    peak_memory_bytes: int = 0


class Child:
    """A worker process."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """Start it; it loads its libraries while the caller goes on.

        Raises:
            OSError: It cannot be started.
        """
        #: A file without a name, which is gone with the two processes: for what is too long for a line.
        self.arrays = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the process lives
        self._rest = b""
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*command, str(lifeline), str(self.arrays.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(lifeline, self.arrays.fileno()),
                cwd="/",
                env=_environment(),
                # Ctrl-C is for the parent, which then ends the worker.
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            self.arrays.close()
            raise
        finally:
            os.close(lifeline)
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask(
        self, request: Mapping[str, Any], allowance: Allowance, progress: ProgressCallback | None
    ) -> dict[str, Any]:
        """What the worker says last about a request: one of `result` and `error`.

        Raises:
            DecodingTimeError, DecodingMemoryError: It took more than its allowance.
            DecoderCrashedError: It died by itself, or said what no worker says.
            DecoderStoppedError: Somebody else ended it.
        """
        self.reset_peak()
        try:
            self._send(to_line(request))
            for line in self._lines(allowance):
                message = from_line(line)
                if message.keys() != {"progress"}:
                    return message
                done, total = message["progress"]
                if progress is not None:
                    progress(int(done), int(total))
        except (MalformedMessageError, TypeError, ValueError) as error:
            raise DecoderCrashedError(
                f"{allowance.shown} made the decoder say what it never says ({error}); copy or download it again"
            ) from error
        except BrokenPipeError:
            raise self._death(allowance) from None
        raise self._death(allowance)

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None, "it was opened as a pipe"
        while data:
            data = data[self._process.stdin.write(data) or 0 :]

    def _lines(self, allowance: Allowance) -> Iterator[bytes]:
        """What the worker says, line by line, until it ends; watched meanwhile."""
        assert self._process.stdout is not None, "it was opened as a pipe"
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        watch = _Watch(self.pid, allowance)
        while True:
            if poll.poll(_LOOK_SECONDS * 1000):
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    return
                self._rest += data
                if len(self._rest) > MOST_BYTES_OF_A_LINE + 1:
                    raise MalformedMessageError("a line without end")
                *lines, self._rest = self._rest.split(b"\n")
                yield from lines
            watch.look()

    def _death(self, allowance: Allowance) -> MediaError:
        """Why the worker ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING_SECONDS)
        code = self._process.returncode
        if code is not None and (code > 0 or -code in _CRASHES):
            told = f"signal {-code}" if code < 0 else f"exit code {code}"
            return DecoderCrashedError(
                f"{allowance.shown} made the decoder crash ({told}); the file is damaged, or made to do that: "
                "copy or download it again, or convert it with another program"
            )
        return DecoderStoppedError(
            f"the decoder of {allowance.shown} was ended from outside (signal {-(code or 0)}), by a person or by a "
            "system short of memory; try again"
        )

    def end(self) -> None:
        """End it, whatever it is doing, and wait for that."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Let it end by itself, as it has nothing to do."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "it was opened as a pipe"
            pipe.close()
        try:
            self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_SECONDS)
        os.close(self._lifeline)
        self.arrays.close()

    def forget(self) -> None:
        """Let go of it without ending it, in a process that was forked from its parent."""
        self._process.returncode = 0
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "it was opened as a pipe"
            pipe.close()
        os.close(self._lifeline)
        self.arrays.close()

    def resident_bytes(self) -> int:
        """The memory that it has now; 0 where that is not told."""
        return _resident_bytes(self.pid)

    def used(self) -> Usage:
        """What it has used since it began, and the most memory since `reset_peak`; zeros where that is not told."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            status = Path(f"/proc/{self.pid}/status").read_text()
            peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
        except OSError:
            return Usage()
        return Usage(ticks / os.sysconf("SC_CLK_TCK"), _transferred(self.pid)[0], peak * 1024)

    def reset_peak(self) -> None:
        """Measure the most memory from now on."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class _Watch:
    """Looks at a worker process while it is at work."""

    def __init__(self, pid: int, allowance: Allowance) -> None:
        self._pid = pid
        self._allowance = allowance
        self._looked = time.monotonic()
        self._taken = self._stalled = 0.0
        self._transferred = _transferred(pid)

    def look(self) -> None:
        """Raise what is wrong, if anything is.

        Raises:
            DecodingTimeError, DecodingMemoryError: The process took more than its allowance.
        """
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, _LONGEST_LOOK_SECONDS), now
        before, self._transferred = self._transferred, _transferred(self._pid)
        self._stalled = 0.0 if self._transferred != before else self._stalled + passed
        self._taken += passed
        shown = self._allowance.shown
        if self._stalled > self._allowance.stall_seconds:
            raise DecodingTimeError(
                f"reading {shown} got nowhere for {self._allowance.stall_seconds:.0f} s; the file is damaged, or made "
                "to do that: copy or download it again"
            )
        if self._taken > self._allowance.seconds:
            raise DecodingTimeError(
                f"reading {shown} took longer than the {self._allowance.seconds:.0f} s that a file of its size may "
                "take; copy it to a quick local disk, or convert it with another program"
            )
        resident = _resident_bytes(self._pid)
        if resident > self._allowance.memory_bytes:
            raise DecodingMemoryError(
                f"reading {shown} took {resident / 1e9:.1f} GB of memory, and {self._allowance.memory_bytes / 1e9:.1f} GB "
                "are allowed for a file of its size; convert it to smaller pictures or fewer streams"
            )


def _environment() -> dict[str, str]:
    """The variables of a worker: it finds the same modules as its parent, and nothing in the working directory."""
    home = str(Path(__file__).resolve().parents[1])
    path = [home, *(os.path.abspath(entry) for entry in sys.path if entry)]
    kept = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    # Arenas, of which each thread would have its own, hold on to memory.
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path),
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _transferred(pid: int) -> tuple[int, int]:
    """Bytes that a process has read and written, whatever from and to."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return (0, 0)
    return (int(lines[0].split()[1]), int(lines[1].split()[1]))


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
