"""The catalogue in the SQLite file of a home, as warm asks read it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amber.store.connections import Pool
from amber.store.protocol import Catalog
from amber.store.revisions import check_revision
from amber.store.sqlite import connect, oldest_code, revision, speaking_plainly
from amber.store.wakeups import LocalWakeups

#: Digests in one statement.
_CHUNK = 1000


class Connections(Pool[sqlite3.Connection]):
    """Connections to one file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(lambda: connect(path))
        self._path = path

    @property
    def where(self) -> str:
        """See `Database`."""
        return str(self._path)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """See `Database`."""
        with self._one() as connection:
            return connection.execute(statement, parameters).fetchall()

    def rows_among(self, statement: str, keys: Sequence[bytes]) -> list[Any]:
        """See `Database`."""
        found: list[Any] = []
        with self._one() as connection:
            for at in range(0, len(keys), _CHUNK):
                some = keys[at : at + _CHUNK]
                found += connection.execute(f"{statement} IN ({','.join('?' * len(some))})", some)
        return found

    def revision(self) -> str | None:
        """See `Database`."""
        if not self._path.exists():
            return None
        with self._one() as connection:
            return revision(connection)

    def check(self) -> None:
        """See `Database`."""
        with self._one() as connection:
            found = revision(connection)
            oldest = None if found is None else oldest_code(connection)
        check_revision(found, self.where, oldest)

    def migrate(self) -> bool:
        """See `Database`."""
        from amber.store.migrate import migrate

        return migrate(self._path)

    def catalog(self) -> Catalog:
        """See `Database`."""
        from amber.store.catalog import SqlCatalog

        return SqlCatalog.at(self._path)

    def wakeups(self) -> LocalWakeups:
        """See `Database`: other processes are not heard."""
        return LocalWakeups()

    @contextmanager
    def _one(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread alone; after an error it is not used again."""
        with speaking_plainly(self._path), self.lent() as connection:
            yield connection
