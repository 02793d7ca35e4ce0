"""Connections to a catalogue on PostgreSQL, and what its errors mean."""

import struct
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from amber.errors import (
    ConfigurationError,
    ConnectionLostError,
    SchemaError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

#: How long a writer waits for another one.
BUSY_SECONDS = 30
#: Connections of one process for what is asked often, and as many for the rest: a server has a hundred for all, unless it is
#: told otherwise, and more at once make it slower.
MOST_CONNECTIONS = 8
#: A worker that is stopped in a transaction keeps the others waiting for so long, which is less than they wait.
STANDING_SECONDS = 10
#: How long one statement may take, and how long upkeep of a whole catalogue may.
STATEMENT_SECONDS, UPKEEP_SECONDS = 40, 3600
#: A server that says nothing for so long, although an answer is due, counts as gone. What only reads waits for no other writer,
#: so it gives up sooner.
SILENT_SECONDS, SILENT_READ_SECONDS = 45.0, 15.0
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
    f"SET lock_timeout = '{BUSY_SECONDS}s'; SET idle_in_transaction_session_timeout = '{STANDING_SECONDS}s'; "
    f"SET statement_timeout = '{STATEMENT_SECONDS}s'"
)
_INTEGER, _ARRAY_HEAD = struct.Struct("!i"), struct.Struct("!iiiii")
#: The number of the type bytea.
_BYTEA = 17
_TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"

T = TypeVar("T")


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that breaks where its server says nothing for too long: half-open connections look alive for ever."""

    #: How long an answer may keep us waiting without a byte of it.
    silent_seconds: float = SILENT_SECONDS

    def wait(self, gen: Generator[Any, Any, T], *how: Any, **more: Any) -> T:
        """See the driver, which hands all its waiting to this."""
        try:
            return super().wait(_answered(gen, self.silent_seconds), *how, **more)
        except _SilentError:
            self.pgconn.finish()  # an answer that came later would be taken for that to another question
            raise


class _SilentError(psycopg.OperationalError):
    """The server does not answer."""


def _answered(gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """The driver's steps of a question, until nothing has come for so many seconds."""
    try:
        wanted = next(gen)
        end = time.monotonic() + seconds
        while True:
            ready = yield wanted
            if ready:
                end = time.monotonic() + seconds
            elif time.monotonic() > end:
                raise _SilentError(f"no answer for {seconds:.0f} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        answer: T = done.value
        return answer


@dataclass(frozen=True)
class ByteaArray:
    """Many values of bytes as one parameter, in the form in which it goes over the wire.

    The driver would write its elements one by one, which takes longer than finding their rows.
    """

    wire: bytes

    @classmethod
    def of(cls, values: Sequence[bytes]) -> "ByteaArray":
        """An array of one dimension.

        Source: the documentation of PostgreSQL is silent; `array_recv` in its `arrayfuncs.c` reads the number of dimensions,
        whether there are nulls, the type of an element, length and lowest index, and then each element behind its length.
        """
        lengths = {len(value): _INTEGER.pack(len(value)) for value in values}
        head = (
            _ARRAY_HEAD.pack(1, 0, _BYTEA, len(values), 1)
            if values
            else _ARRAY_HEAD.pack(0, 0, _BYTEA, 0, 0)[:12]
        )
        return cls(b"".join([head, *(piece for value in values for piece in (lengths[len(value)], value))]))


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = 1001  # of the type bytea[]

    def dump(self, obj: ByteaArray) -> bytes:
        """See the driver."""
        return obj.wire


def connect(url: str, *, silent_seconds: float | None = None) -> Connection:
    """A connection without a hidden BEGIN, for one thread at a time.

    Args:
        url: As AMBER_DATABASE_URL has it.
        silent_seconds: How long it waits for an answer of which nothing comes; SILENT_SECONDS unless given.

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
        return _opened(given, SILENT_SECONDS if silent_seconds is None else silent_seconds)
    except psycopg.Error as error:
        raise ConnectionLostError(
            f"the catalogue {named(url)} cannot be reached ({_sentence(error)}): see that the server runs, that the database "
            "is there, and that AMBER_DATABASE_URL is right"
        ) from error


def _opened(given: Mapping[str, Any], silent_seconds: float) -> Connection:
    connection = Connection.connect(**{**_DEFAULTS, **given}, autocommit=True)
    connection.silent_seconds = silent_seconds
    connection.adapters.register_dumper(ByteaArray, _ByteaArrayDumper)
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


#: SQLSTATE, or its class → the error that it means and the rest of its sentence.
_MEANINGS: dict[str, tuple[type[StoreError], str]] = {
    "40": (StoreUnavailableError, "gave way to another transaction: ask again"),
    "55P03": (
        StoreUnavailableError,
        f"has had another writer for {BUSY_SECONDS} s: wait until it is done, then ask again",
    ),
    "57014": (StoreUnavailableError, "took too long to answer: ask again when it has less to do"),
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
