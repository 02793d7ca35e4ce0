"""Reading files that nobody trusts, in worker processes that may crash, hang or swell without taking anything along."""

import atexit
import dataclasses
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jasper import errors
from jasper.child import COMMAND, Allowance, Child, Usage
from jasper.errors import DecoderCrashedError, DecodingLimitError, MediaError, MediaIOError
from jasper.frames import FrameTimes
from jasper.limits import Limits
from jasper.profile import HOUSE_1, Profile
from jasper.results import Identity, ProgressCallback, Standardized
from jasper.wire import MalformedMessageError, from_plain, to_plain

Value = TypeVar("Value")

#: Workers that wait for the next file.
_MOST_IDLE = 2
#: One that has kept more memory than this does not wait.
_MOST_IDLE_BYTES = 300_000_000


class Sandbox:
    """Worker processes, one for each call at a time; each reads many files in turn, and is replaced if it dies.

    Args:
        limits: What one file may take.
        command: What is run as a worker.
    """

    def __init__(self, limits: Limits | None = None, command: Sequence[str] = COMMAND) -> None:
        self._limits = limits or Limits()
        self._command = command
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: list[Child] = []
        self._usage = Usage()

    def identify(self, path: Path, *, progress: ProgressCallback | None = None) -> Identity:
        """Name the asset that a file holds.

        Args:
            path: A media file.
            progress: Called with frames done and frames in all, as far as these are known.

        Raises:
            UnreadableMediaError: It is no media file, or is encrypted, or has neither video nor audio.
            DecodingLimitError: It takes more time or memory than is allowed, or is too large in some other way.
            DecoderCrashedError: The decoder died on it.
            DecoderStoppedError: The decoder was ended from outside.
            MediaIOError: It cannot be read; an error while reading never yields a hash.
        """
        size = _size_bytes(path)
        seconds = self._limits.identify_seconds + size / self._limits.identify_bytes_a_second
        with self._worker() as child:
            request = {"ask": "identify", **_place(path)}
            data = self._ask(child, path, request, size, seconds, progress)
            return _checked(Identity, data, child, path)

    def standardize(
        self,
        source: Path,
        into: Path,
        *,
        asset: str,
        profile: Profile = HOUSE_1,
        times: FrameTimes | None = None,
        progress: ProgressCallback | None = None,
    ) -> Standardized:
        """Make the standard form of an asset from one of its files, read once.

        Args:
            source: A file that holds the asset.
            into: A folder; the four files appear there together at the end, and nothing is left there on failure.
            asset: The asset hash that the file must have.
            profile: What the standard form looks like.
            times: The frame times recorded when the asset was first seen; they hold where the timing is variable.
            progress: Called with frames done and frames in all, as far as these are known.

        Raises:
            SourceChangedError: The file holds something else.
            NoVideoError: There are no pictures.
            CorruptMediaError: No frame can be decoded.
            TimelineConflictError: The file shows its frames at other times than those recorded.
            UnreadableMediaError: It is no media file, or is encrypted.
            DecodingLimitError: It takes more time or memory than is allowed, or is too large in some other way.
            DecoderCrashedError: The decoder died on it.
            DecoderStoppedError: The decoder was ended from outside.
            MediaIOError: It cannot be read, or the results cannot be written.
        """
        size = _size_bytes(source)
        seconds = self._limits.standardize_seconds + size / self._limits.standardize_bytes_a_second
        with self._worker() as child, _workplace(source, into) as work:
            request = {
                "ask": "standardize",
                **_place(source),
                "into": str(work),
                "asset": asset,
                "profile": to_plain(profile, child.arrays),
                "times": to_plain(times, child.arrays) if times is not None else None,
            }
            data = self._ask(child, source, request, size, seconds, progress)
            return _moved(_checked(Standardized, data, child, source), work, into)

    def usage(self) -> Usage:
        """What all workers so far have used."""
        with self._lock:
            return dataclasses.replace(self._usage)

    @property
    def pids(self) -> list[int]:
        """The processes of the workers: those at work, then those that wait."""
        with self._lock:
            return [child.pid for child in (*self._busy, *self._idle)]

    def close(self) -> None:
        """End the workers that wait; the next call starts another."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()

    def forget(self) -> None:
        """Let go of all workers without ending them: they belong to the process that this one was forked from."""
        self._lock = threading.Lock()
        for child in (*self._idle, *self._busy):
            child.forget()
        self._idle, self._busy = [], []

    def _ask(
        self,
        child: Child,
        path: Path,
        request: Mapping[str, Any],
        size: int,
        seconds: float,
        progress: ProgressCallback | None,
    ) -> Any:
        """What the worker found.

        Raises:
            MediaError: The file or the worker is at fault.
        """
        limits = self._limits
        allowance = Allowance(repr(str(path)), limits.stall_seconds, seconds, limits.memory_for(size))
        bounds = {"memory_bytes": allowance.memory_bytes, "output_bytes": limits.output_for(size)}
        before = child.used()
        try:
            answer = child.ask({**request, **bounds}, allowance, progress)
        finally:
            self._count(before, child.used())
        if answer.keys() == {"result"}:
            return answer["result"]
        raise _error(answer, path)

    def _count(self, before: Usage, after: Usage) -> None:
        with self._lock:
            self._usage.cpu_seconds += max(0.0, after.cpu_seconds - before.cpu_seconds)
            self._usage.bytes_read += max(0, after.bytes_read - before.bytes_read)
            self._usage.peak_memory_bytes = max(self._usage.peak_memory_bytes, after.peak_memory_bytes)

    @contextmanager
    def _worker(self) -> Iterator[Child]:
        """A worker for one file; whatever went wrong with it, it does not see another one."""
        child = self._take()
        is_sound = False
        try:
            yield child
            is_sound = True
        except MediaError as error:
            is_sound = not isinstance(
                error, DecodingLimitError | DecoderCrashedError | errors.DecoderStoppedError
            )
            raise
        finally:
            with self._lock:
                self._busy.remove(child)
            if not (is_sound and self._keep(child)):
                child.end()

    def _take(self) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    self._busy.append(child)
                    return child
                child.end()
        child = Child(self._command)
        with self._lock:
            self._busy.append(child)
        return child

    def _keep(self, child: Child) -> bool:
        """Whether the worker waits for the next file."""
        if child.resident_bytes() > _MOST_IDLE_BYTES:
            return False
        child.arrays.truncate(0)
        with self._lock:
            if len(self._idle) >= _MOST_IDLE:
                return False
            self._idle.append(child)
        return True


#: The one that everybody uses who does not need limits of their own.
shared = Sandbox()


def identify(path: Path, *, progress: ProgressCallback | None = None) -> Identity:
    """Name the asset that a file holds, in a worker process: see `Sandbox.identify`."""
    return shared.identify(path, progress=progress)


def standardize(
    source: Path,
    into: Path,
    *,
    asset: str,
    profile: Profile = HOUSE_1,
    times: FrameTimes | None = None,
    progress: ProgressCallback | None = None,
) -> Standardized:
    """Make the standard form of an asset, in a worker process: see `Sandbox.standardize`."""
    return shared.standardize(source, into, asset=asset, profile=profile, times=times, progress=progress)


def _error(answer: Mapping[str, Any], path: Path) -> MediaError:
    """The error that a worker reports, of the class that it names."""
    told = answer.get("error")
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        kind = getattr(errors, str(told.get("type")), None)
        if isinstance(kind, type) and issubclass(kind, MediaError):
            error: MediaError = kind(told["message"])
            return error
    return DecoderCrashedError(f"{str(path)!r} made the decoder say what it never says; copy it again")


def _checked(declared: type[Value], data: Any, child: Child, path: Path) -> Value:
    try:
        return from_plain(declared, data, child.arrays)
    except (MalformedMessageError, ValueError) as error:
        raise DecoderCrashedError(
            f"{str(path)!r} made the decoder say what it never says ({error}); copy it again"
        ) from error


def _place(path: Path) -> dict[str, str | None]:
    """Where a worker finds a file that its errors name as the caller did."""
    return {"path": str(path), "folder": None if path.is_absolute() else os.getcwd()}


def _size_bytes(path: Path) -> int:
    """The size of a file; 0 if there is none, which the worker tells."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _moved(made: Standardized, work: Path, into: Path) -> Standardized:
    """The same, with its files in their place."""
    files = {
        field.name: value
        for field in dataclasses.fields(made)
        if isinstance(value := getattr(made, field.name), Path)
    }
    for name in files.values():
        # A link would have the caller read or publish whatever it leads to.
        if not stat.S_ISREG((work / name).lstat().st_mode):
            raise DecoderCrashedError(f"{name} was to be a file, and is none; copy the source again")
    for name in files.values():
        os.replace(work / name, into / name)
    placed: dict[str, Any] = {field: into / name for field, name in files.items()}
    return dataclasses.replace(made, **placed)


@contextmanager
def _workplace(source: Path, into: Path) -> Iterator[Path]:
    """A folder beside the results that is gone afterwards, whatever happened to the worker."""
    try:
        into.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".sandbox-", dir=into.absolute()))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise MediaIOError(f"the standard form of {str(source)!r} cannot be written: {error}") from error


atexit.register(lambda: shared.close())
os.register_at_fork(after_in_child=lambda: shared.forget())
