"""Watched sources: what is new in a folder is taken once it is whole; how it came there does not matter."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from amber.engine.backfill import dead_owners
from amber.engine.ingest import fingerprint, ingest, media_files
from amber.engine.leases import owner_name
from amber.engine.triggers import arrived
from amber.errors import AmberError, ArrivalError, StillChangingError, StoreError
from amber.store.arrivals import Arrival

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: A file that nobody has written, moved or touched for so long is whole, unless somebody still has it open for writing.
SETTLE_SECONDS = 2.0
#: Between two looks at a source.
LOOK_SECONDS = 1.0
#: A process that does not look at a source for so long is replaced by another one of this machine.
_WATCH_SECONDS = 30.0


class Watched(Protocol):
    """A place where media appears."""

    #: What it is called; the same for all processes that see the same place.
    name: str

    def look(self, taken: Callable[[Arrival], None]) -> int:
        """Take what is new; how many were read. Each is told when it is recorded.

        Raises:
            StoreError: The store cannot be reached; what was not recorded is taken the next time.
        """


class WatchedFolder:
    """Takes the media files that appear in a folder and below it.

    Args:
        engine: Where they are recorded.
        folder: An absolute path.
        settle_seconds: For so long nothing may happen to a file before it is read.
    """

    def __init__(self, engine: "Engine", folder: Path, *, settle_seconds: float = SETTLE_SECONDS) -> None:
        self.name = str(folder)
        self._engine = engine
        self._catalog = engine.store.catalog
        self._folder = folder
        self._settle_seconds = settle_seconds

    def look(self, taken: Callable[[Arrival], None] = lambda _: None) -> int:
        """See the protocol."""
        known = {arrival.uri: arrival for arrival in self._catalog.arrivals(f"{self._folder}{os.sep}")}
        there = list(filter(_is_named_well, media_files([self._folder]))) if self._folder.is_dir() else []
        read = 0
        for path in there:
            before = known.pop(str(path), None)
            try:
                if before is not None and before.fingerprint == fingerprint(path):
                    continue
                if not is_settled(path, self._settle_seconds):
                    continue
                arrival = self._read(path)
            except (FileNotFoundError, StillChangingError):
                continue  # it is looked at again, if it is still there
            self._catalog.put_arrival(arrival)
            taken(arrival)
            read += 1
        if known and self._folder.is_dir():  # a folder that is away for a moment forgets nothing
            self._catalog.drop_arrivals(list(known))
        return read

    def _read(self, path: Path) -> Arrival:
        """What a file holds, recorded and asked for; what cannot be read is remembered, so that it is not read again and again."""
        from jasper.errors import MediaError

        seen = fingerprint(path)
        try:
            done = ingest(self._engine.store, path, whole=True)
        except (StoreError, StillChangingError):
            raise
        except (MediaError, ArrivalError, AmberError, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            return Arrival(str(path), seen, None, str(error))
        assert done.asset is not None, "what was ingested has an asset"
        arrived(self._engine, done.asset)
        return Arrival(str(path), seen, done.asset)


def _is_named_well(path: Path) -> bool:
    """Whether the catalogue can hold the name."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_settled(path: Path, seconds: float) -> bool:
    """Whether a file was left alone for so long, by the system's clock, and nobody has it open for writing.

    The second is known on local file systems of Linux; where it is not, the first must do.

    Raises:
        FileNotFoundError: It is gone.
    """
    status = path.stat()
    if time.time() - max(status.st_mtime, status.st_ctime) < seconds:
        return False
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # given only where nobody writes
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        os.close(file)
    return True


class Watching:
    """Looks at sources again and again, in a thread of its own.

    Args:
        engine: Where what they show is recorded.
        sources: The places.
        taken: Called with what was read.
        failed: Called with what goes wrong.
    """

    def __init__(
        self,
        engine: "Engine",
        sources: Sequence[Watched],
        taken: Callable[[Arrival], None] = lambda _: None,
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._sources = sources
        self._taken = taken
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="amber-sources", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._sources:
            self._thread.start()

    def stop(self) -> None:
        """Look no more, and wait until what is at hand is read."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for source in self._sources:
                try:
                    self._look(source)
                except Exception as error:  # noqa: BLE001 - told, and tried again
                    self._failed(error)
            self._stopping.wait(LOOK_SECONDS)

    def _look(self, source: Watched) -> None:
        """Look, if no other process of this machine does."""
        owner = owner_name()
        machine = owner.partition("|")[0] if source.name.startswith(os.sep) else ""
        duty = f"watch {machine} {source.name}".replace("  ", " ")
        if self._engine.store.catalog.take_duty(duty, owner, _WATCH_SECONDS, dead=dead_owners(self._engine)):
            source.look(self._taken)


def watched(engine: "Engine", places: Sequence[str]) -> list[Watched]:
    """The sources that settings name."""
    return [WatchedFolder(engine, Path(place)) for place in places]
