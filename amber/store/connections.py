"""Open connections to a database, and what whoever reads through them need not know of it."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from amber.errors import StoreUnavailableError
from amber.store.protocol import Catalog
from amber.store.wakeups import Wakeups


class Closable(Protocol):
    """A driver's connection."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closable)
#: Connections of a parent process: a child must neither use them nor close them, for they are the parent's still.
_inherited: list[Closable] = []


class Pool(Generic[C]):
    """Open connections, kept for the next who needs one; from any number of threads, and after a fork.

    Args:
        connect: Opens one.
        most: So many are open at once, and whoever comes then waits; any number unless given.
        patience_seconds: For so long.
    """

    def __init__(
        self, connect: Callable[[], C], most: int | None = None, patience_seconds: float = 0.0
    ) -> None:
        self._connect = connect
        self._most = most
        self._patience_seconds = patience_seconds
        self._idle: deque[C] = deque()
        self._turns = self._new_turns()
        self._pid = os.getpid()

    @contextmanager
    def lent(self) -> Iterator[C]:
        """A connection for this thread alone; after an error it is not used again.

        Raises:
            StoreUnavailableError: All are in use, and have been for too long.
        """
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            self._idle.clear()
            self._turns = self._new_turns()
            self._pid = os.getpid()
        turns = self._turns
        if turns is not None and not turns.acquire(timeout=self._patience_seconds):
            raise StoreUnavailableError(
                f"all {self._most} connections of this process to the catalogue have been busy for "
                f"{self._patience_seconds:.0f} s: ask again when it has less to do"
            )
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
        finally:
            if turns is not None:
                turns.release()

    def _new_turns(self) -> threading.Semaphore | None:
        return None if self._most is None else threading.Semaphore(self._most)

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().close()


class Database(Protocol):
    """A database with a catalogue, as the few reads of warm asks meet it; `?` stands for a parameter."""

    @property
    def where(self) -> str:
        """How messages name it."""

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """The rows of one statement, which sees one state of the database.

        Raises:
            StoreError: It failed.
        """

    def rows_among(self, statement: str, keys: Sequence[bytes]) -> list[Any]:
        """The rows of a statement that ends in the column that shall be among the keys; any number of them.

        Raises:
            StoreError: It failed.
        """

    def revision(self) -> str | None:
        """The revision of the schema; None where there are no tables yet.

        Raises:
            SchemaError: There are tables, but not those of a catalogue.
            StoreError: It cannot be read.
        """

    def check(self) -> None:
        """See that the schema is one that this release works with.

        Raises:
            SchemaError: It is another one; says what to do.
            StoreError: It cannot be read.
        """

    def migrate(self) -> bool:
        """Bring the schema to that of this release; whether anything was done. Any number of processes may do so at once.

        Raises:
            SchemaError: It is something else, or was made by a newer release.
            StoreError: It cannot be written.
        """

    def catalog(self) -> Catalog:
        """All that can be asked of it, through SQLAlchemy, which this loads."""

    def wakeups(self) -> Wakeups:
        """Tells who waits of what other processes on the same database did, as well as it can."""

    def close(self) -> None:
        """Let go of connections."""
