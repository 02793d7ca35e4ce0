"""Open connections to a database, and what whoever reads through them need not know of it."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from amber.store.catalog import SqlCatalog


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
    """

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._idle: deque[C] = deque()
        self._pid = os.getpid()

    def take(self) -> C:
        """A connection that nobody else uses; give it back with `give`."""
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            self._idle.clear()
            self._pid = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give(self, connection: C) -> None:
        """Keep a connection, which is in no transaction, for the next."""
        self._idle.append(connection)

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

    def catalog(self) -> "SqlCatalog":
        """All that can be asked of it, through SQLAlchemy, which this loads."""

    def close(self) -> None:
        """Let go of connections."""
