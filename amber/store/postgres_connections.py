"""The catalogue in a PostgreSQL database, as warm asks read it, and the news that the database carries."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql

from amber.errors import ConnectionLostError, StoreUnavailableError
from amber.store import postgres
from amber.store.connections import Pool
from amber.store.postgres import (
    BUSY_SECONDS,
    MOST_CONNECTIONS,
    ByteaArray,
    Connection,
    connect,
    named,
    oldest_code,
    plain,
    revision,
)
from amber.store.protocol import Catalog
from amber.store.revisions import check_revision
from amber.store.wakeups import CHANNEL, LISTEN_SECONDS, SharedWakeups

#: Digests in one statement.
_CHUNK = 50_000


class PostgresConnections(Pool[Connection]):
    """Connections to one database.

    Args:
        url: As AMBER_DATABASE_URL has it.
    """

    def __init__(self, url: str) -> None:
        super().__init__(
            lambda: connect(url, silent_seconds=postgres.SILENT_READ_SECONDS), MOST_CONNECTIONS, BUSY_SECONDS
        )
        self._url = url
        self._written: dict[str, str] = {}

    @property
    def where(self) -> str:
        """See `Database`."""
        return named(self._url)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """See `Database`; each statement is prepared once for a connection."""
        written = self._written.get(statement)
        if written is None:
            written = self._written[statement] = statement.replace("?", "%s")
        try:
            return self._rows(written, parameters)
        except ConnectionLostError:
            self.close()  # the others went the same way
            return self._rows(written, parameters)

    def rows_among(self, statement: str, keys: Sequence[bytes]) -> list[Any]:
        """See `Database`."""
        found: list[Any] = []
        for at in range(0, len(keys), _CHUNK):
            found += self.rows(f"{statement} = ANY(?)", (ByteaArray.of(keys[at : at + _CHUNK]),))
        return found

    def revision(self) -> str | None:
        """See `Database`."""
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
        from amber.store.upgrade import migrate_postgres

        return migrate_postgres(self._url)

    def catalog(self) -> Catalog:
        """See `Database`."""
        from amber.store.catalog import SqlCatalog

        return SqlCatalog.on_postgres(self._url)

    def wakeups(self) -> SharedWakeups:
        """See `Database`."""
        return SharedWakeups(PostgresWire(self._url))

    def _rows(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with self._one() as connection:
            return connection.execute(statement, parameters, prepare=True, binary=True).fetchall()

    @contextmanager
    def _one(self) -> Iterator[Connection]:
        """A connection for this thread alone; after an error it is not used again."""
        try:
            with self.lent() as connection:
                yield connection
        except psycopg.Error as error:
            raise plain(error, self.where) from error


class PostgresWire:
    """Carries news between processes by NOTIFY; a `Wire`.

    Args:
        url: As AMBER_DATABASE_URL has it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._database = PostgresConnections(url)

    def send(self, messages: Sequence[str]) -> None:
        """See the protocol."""
        with suppress(StoreUnavailableError):
            self._database.rows(
                "SELECT pg_notify(?, told) FROM unnest(?::text[]) AS told", (CHANNEL, list(messages))
            )

    def listen(self) -> Generator[str | None]:
        """See the protocol."""
        with suppress(StoreUnavailableError, psycopg.Error), closing(connect(self._url)) as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            while True:
                connection.execute("SELECT 1")  # fails where the connection broke
                yield None
                for news in connection.notifies(timeout=LISTEN_SECONDS):
                    yield news.payload

    def close(self) -> None:
        """See the protocol."""
        self._database.close()
