"""Connections to a catalogue on PostgreSQL, and what its errors mean."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amber.errors import (
    ConfigurationError,
    ConnectionLostError,
    SchemaError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from amber.store.connections import Pool
from amber.store.revisions import check_revision
from amber.store.wakeups import CHANNEL, LISTEN_SECONDS, SharedWakeups

try:
    import psycopg
except ImportError as error:
    raise ConfigurationError(
        "AMBER_DATABASE_URL names a PostgreSQL database, and its driver is not installed: pip install 'amber[postgres]'"
    ) from error

if TYPE_CHECKING:
    from amber.store.catalog import SqlCatalog

#: How long a writer waits for another one.
BUSY_SECONDS = 30
#: Connections of one process for what is asked often, and as many for the rest: a server has a hundred for all, unless it is
#: told otherwise, and more at once make it slower.
MOST_CONNECTIONS = 8
#: A worker that is stopped in a transaction keeps the others waiting for so long, which is less than they wait.
STANDING_SECONDS = 10
#: What a connection is opened with, unless the URL says otherwise. `read-write` passes standbys over: the epoch must come from
#: the primary. The rest notices a server that vanished without a word.
_DEFAULTS = {
    "application_name": "amber",
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "target_session_attrs": "read-write",
}
#: Nothing is computed within a transaction.
_SETTINGS = (
    f"SET lock_timeout = '{BUSY_SECONDS}s'; SET idle_in_transaction_session_timeout = '{STANDING_SECONDS}s'"
)
#: Digests in one statement.
_CHUNK = 50_000
_TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str) -> Connection:
    """A connection without a hidden BEGIN, for one thread at a time.

    Raises:
        ConfigurationError: The URL cannot be understood.
        ConnectionLostError: The server cannot be reached, or does not let us in; says what to do.
    """
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:  # its message may repeat the password
        raise ConfigurationError(
            "AMBER_DATABASE_URL cannot be understood: write postgresql://user:password@host:port/database, "
            "with %-codes for odd characters in the password"
        ) from None
    try:
        return _opened(given)
    except psycopg.Error as error:
        raise ConnectionLostError(
            f"the catalogue {named(url)} cannot be reached ({_sentence(error)}): see that the server runs, that the database "
            "is there, and that AMBER_DATABASE_URL is right"
        ) from error


def _opened(given: Mapping[str, Any]) -> Connection:
    connection = psycopg.connect(**{**_DEFAULTS, **given}, autocommit=True)
    try:
        connection.execute(_SETTINGS)
    except BaseException:
        connection.close()
        raise
    return connection


def named(url: str) -> str:
    """The URL as messages show it: without its password."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    return f"postgresql://{user}{parts.netloc.rpartition('@')[2]}{parts.path}"


def revision(connection: Connection) -> str | None:
    """The revision of the schema; None where there are no tables yet.

    Raises:
        SchemaError: There are tables, but not those of a catalogue.
    """
    [found] = connection.execute("SELECT to_regclass('alembic_version')::text").fetchone() or (None,)
    if found is None:
        [tables] = connection.execute(_TABLES).fetchone() or (0,)
        if tables:
            raise SchemaError("the database is not a catalogue of Amber: it has tables, but no revision")
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def oldest_code(connection: Connection) -> str | None:
    """The oldest revision whose code works with the schema."""
    row = connection.execute("SELECT number FROM sequence WHERE name = 'oldest_code'").fetchone()
    return None if row is None else f"{row[0]:04}"


class PostgresConnections(Pool[Connection]):
    """Connections to one database.

    Args:
        url: As AMBER_DATABASE_URL has it.
    """

    def __init__(self, url: str) -> None:
        super().__init__(lambda: connect(url), MOST_CONNECTIONS)
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
            found += self.rows(f"{statement} = ANY(?)", (list(keys[at : at + _CHUNK]),))
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
        from amber.store.migrate import migrate_postgres

        return migrate_postgres(self._url)

    def catalog(self) -> "SqlCatalog":
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

    def send(self, recipe: str) -> None:
        """See the protocol."""
        with suppress(StoreUnavailableError):
            self._database.rows("SELECT pg_notify(?, ?)", (CHANNEL, recipe))

    def listen(self) -> Generator[str | None]:
        """See the protocol."""
        with suppress(StoreUnavailableError, psycopg.Error), closing(connect(self._url)) as connection:
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(CHANNEL)))
            while True:
                connection.execute("SELECT 1")  # fails where the connection broke
                yield None
                for news in connection.notifies(timeout=LISTEN_SECONDS):
                    yield news.payload

    def close(self) -> None:
        """See the protocol."""
        self._database.close()


#: SQLSTATE, or its class → the error that it means and the rest of its sentence.
_MEANINGS: dict[str, tuple[type[StoreError], str]] = {
    "40": (StoreUnavailableError, "gave way to another transaction: ask again"),
    "55P03": (
        StoreUnavailableError,
        f"has had another writer for {BUSY_SECONDS} s: wait until it is done, then ask again",
    ),
    "53100": (StoreFullError, "has no space left: free some, then ask again"),
    "53": (
        StoreUnavailableError,
        "has no room for another connection or query: ask again, or raise its limits",
    ),
    "42P01": (SchemaError, "has another schema: run `amber migrate`"),
    "42703": (SchemaError, "has another schema: run `amber migrate`"),
    "42501": (StoreError, "does not allow that to its user: grant it the tables of its schema"),
    "25006": (StoreUnavailableError, "can only be read: name the primary, and a user who may write"),
    "57": (ConnectionLostError, "ended the connection: ask again"),
    "08": (ConnectionLostError, "ended the connection: ask again"),
    "25P03": (ConnectionLostError, "ended a transaction that stood still: ask again"),
    "XX": (StoreError, "is damaged: put a backup in its place"),
}


def plain(error: BaseException | None, where: str) -> StoreError:
    """The error that one of the driver's means."""
    assert isinstance(error, psycopg.Error), f"another driver raised {error!r}"
    state = error.sqlstate
    told = _sentence(error)
    if state is None:
        if isinstance(error, psycopg.OperationalError):
            return ConnectionLostError(f"the connection to the catalogue {where} broke ({told}): ask again")
        return StoreError(f"the catalogue {where} failed: {told}")
    kind, sentence = _MEANINGS.get(state) or _MEANINGS.get(state[:2]) or (StoreError, "failed")
    return kind(f"the catalogue {where} {sentence} ({told})")


def _sentence(error: psycopg.Error) -> str:
    """What the server or the driver said, in one line."""
    return error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
