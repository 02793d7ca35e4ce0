"""Watched sources: what is new in a folder or below a prefix is taken once it is whole; how it came there does not matter."""

import fcntl
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from amber.engine.backfill import dead_owners
from amber.engine.ingest import MEDIA_SUFFIXES, Ingested, fingerprint, ingest, ingest_object, media_files
from amber.engine.leases import owner_name
from amber.engine.triggers import arrived
from amber.errors import AmberError, BlobMissingError, StillChangingError, StoreError
from amber.store.arrivals import Arrival
from amber.store.originals import Original, is_elsewhere
from amber.store.protocol import Store

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: A file that nobody has written, moved or touched for so long is whole, unless somebody still has it open for writing.
SETTLE_SECONDS = 2.0
#: Between two looks at a folder, and at an object store, which wants to be paid for each.
LOOK_SECONDS, LIST_SECONDS = 1.0, 60.0
#: The news that something has come; whoever hears of it looks at once.
SOURCES = "sources"
#: A process that does not look at a source for so long is replaced by another one of this machine.
_WATCH_SECONDS = 30.0


class Watched(Protocol):
    """A place where media appears."""

    #: What it is called; the same for all processes that see the same place.
    name: str
    #: Between two looks at it, unless somebody tells that there is news.
    every_seconds: float

    def look(self, taken: Callable[[Arrival], None]) -> int:
        """Take what is new; how many were read. Each is told when it is recorded.

        Raises:
            StoreError: The store cannot be reached; what was not recorded is taken the next time.
        """


class Shown(Protocol):
    """One thing that a place shows."""

    @property
    def uri(self) -> str:
        """Where it lies."""

    def fingerprint(self) -> str:
        """Tells whether it is still the one that was looked at."""

    def is_whole(self) -> bool:
        """Whether it may be read."""

    def ingest(self) -> Ingested:
        """Record it."""


#: It is gone, or becoming another one: it is looked at again, if it is still there.
_PASSING = (FileNotFoundError, BlobMissingError, StillChangingError)


class _Place(ABC):
    """Takes what a place shows, and forgets what it shows no more.

    Args:
        engine: Where it is recorded.
        name: Of the place.
        below: What the URIs of all that it shows begin with.
    """

    def __init__(self, engine: "Engine", name: str, below: str) -> None:
        self.name = name
        self._engine = engine
        self._catalog = engine.store.catalog
        self._below = below

    @abstractmethod
    def _shown(self) -> Iterator[Shown]:
        """All that it shows."""

    def _is_there(self) -> bool:
        """Whether it is not away for a moment, in which nothing is forgotten."""
        return True

    def look(self, taken: Callable[[Arrival], None] = lambda _: None) -> int:
        """See the protocol."""
        known = {arrival.uri: arrival for arrival in self._catalog.arrivals(self._below)}
        read = 0
        for one in list(self._shown()):
            before = known.pop(one.uri, None)
            try:
                seen = one.fingerprint()
                if (before is not None and before.fingerprint == seen) or not one.is_whole():
                    continue
                arrival = self._read(one, seen)
            except _PASSING:
                continue
            self._catalog.put_arrival(arrival)
            taken(arrival)
            read += 1
        if known and self._is_there():
            self._catalog.drop_arrivals(list(known))
        return read

    def _read(self, one: Shown, seen: str) -> Arrival:
        """What it holds, recorded and asked for; what cannot be read is remembered, so that it is not read again and again."""
        from jasper.errors import MediaError

        try:
            done = one.ingest()
        except (StoreError, *_PASSING):
            raise
        except (MediaError, AmberError, OSError) as error:
            return Arrival(one.uri, seen, None, str(error))
        assert done.asset is not None, "what was ingested has an asset"
        arrived(self._engine, done.asset)
        return Arrival(one.uri, seen, done.asset)


class WatchedFolder(_Place):
    """Takes the media files that appear in a folder and below it.

    Args:
        engine: Where they are recorded.
        folder: An absolute path.
        settle_seconds: For so long nothing may happen to a file before it is read.
    """

    every_seconds = LOOK_SECONDS

    def __init__(self, engine: "Engine", folder: Path, *, settle_seconds: float = SETTLE_SECONDS) -> None:
        super().__init__(engine, str(folder), f"{folder}{os.sep}")
        self._folder = folder
        self._settle_seconds = settle_seconds

    def _is_there(self) -> bool:
        return self._folder.is_dir()

    def _shown(self) -> Iterator[Shown]:
        for path in media_files([self._folder]) if self._is_there() else ():
            if _is_named_well(path):
                yield _File(str(path), self._engine.store, self._settle_seconds)


@dataclass(frozen=True)
class _File:
    """A file of a folder."""

    uri: str
    store: Store
    settle_seconds: float

    def fingerprint(self) -> str:
        return fingerprint(Path(self.uri))

    def is_whole(self) -> bool:
        return is_settled(Path(self.uri), self.settle_seconds)

    def ingest(self) -> Ingested:
        return ingest(self.store, Path(self.uri), whole=True)


class WatchedPrefix(_Place):
    """Takes the media files that appear below a prefix of an object store; they are read, and stay where they are.

    Args:
        engine: Where they are recorded.
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    """

    every_seconds = LIST_SECONDS

    def __init__(self, engine: "Engine", url: str) -> None:
        url = url.rstrip("/")
        super().__init__(engine, url, f"{url}/")

    def _shown(self) -> Iterator[Shown]:
        originals = self._engine.store.originals
        assert originals is not None, "a store that is opened reads originals"
        for original in sorted(originals.below(self.name), key=lambda one: one.url):
            if _is_media(original.url):
                yield _Object(original.url, original, self._engine.store)


@dataclass(frozen=True)
class _Object:
    """An object below a prefix."""

    uri: str
    original: Original
    store: Store

    def fingerprint(self) -> str:
        return self.original.fingerprint

    def is_whole(self) -> bool:
        return True

    def ingest(self) -> Ingested:
        return ingest_object(self.store, self.original)


def _is_media(url: str) -> bool:
    name = PurePosixPath(url)
    is_hidden = any(part.startswith(".") for part in name.parts)
    return name.suffix.lower() in MEDIA_SUFFIXES and not is_hidden


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
        looked = [float("-inf") for _ in self._sources]
        told = [False for _ in self._sources]
        with self._engine.store.wakeups.waiting(SOURCES) as news:
            while not self._stopping.is_set():
                for number, source in enumerate(self._sources):
                    pause = LOOK_SECONDS if told[number] else source.every_seconds
                    if time.monotonic() - looked[number] >= pause:
                        told[number] = False  # what is told during the look calls for another one
                        self._try(source)
                        looked[number] = time.monotonic()
                if news.wait(LOOK_SECONDS):
                    told = [True for _ in self._sources]

    def _try(self, source: Watched) -> None:
        """Look, if no other process of this machine does, or none at all at what all see."""
        owner = owner_name()
        machine = owner.partition("|")[0] if source.name.startswith(os.sep) else ""
        duty = f"watch {machine} {source.name}".replace("  ", " ")
        seconds = _WATCH_SECONDS + source.every_seconds
        try:
            dead = dead_owners(self._engine)
            if self._engine.store.catalog.take_duty(duty, owner, seconds, dead=dead):
                source.look(self._taken)
        except Exception as error:  # noqa: BLE001 - told, and tried again
            self._failed(error)


def watched(engine: "Engine", places: Sequence[str]) -> list[Watched]:
    """The sources that settings name."""
    return [
        WatchedPrefix(engine, place) if is_elsewhere(place) else WatchedFolder(engine, Path(place))
        for place in places
    ]
