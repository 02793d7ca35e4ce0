"""Transactions on a database, and the one place that knows one dialect from another.

On SQLite one writer comes after the other. On PostgreSQL writers meet in rows, so all take their locks in one order, in which
nobody waits in a circle: the epoch (shared by those who link, alone by those who raise it), leases and failures in the order
of their recipes, numbers from `sequence`, then what a commit writes, a link last.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from typing import cast as cast_type

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Executable,
    QueuePool,
    Table,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from amber.errors import StoreUnavailableError
from amber.store import schema
from amber.store.sqlite import connect, plain

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

#: Parameters in one statement: well below the number of parameters that any database takes.
CHUNK = 500
T = TypeVar("T")
#: The option of a transaction that writes: whether it is on disk when it ends, or only safe from the death of processes.
_DURABLE = "amber_durable"
#: The option of one that looks at a whole catalogue, or changes its tables, and so takes what it takes.
_UPKEEP = "amber_upkeep"


def sqlite_engine(path: Path) -> Engine:
    """An engine on an existing SQLite file; writers take their lock when they begin, so none fails half-way."""
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path), poolclass=QueuePool, pool_size=8, max_overflow=-1
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        durable = connection.get_execution_options().get(_DURABLE)
        if durable is None:
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgres_engine(url: str) -> Engine:
    """An engine on a PostgreSQL database; a connection that broke while nobody used it is replaced before it is used."""
    from amber.store import postgres
    from amber.store.postgres import BUSY_SECONDS, MOST_CONNECTIONS, connect

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url),
        poolclass=QueuePool,
        pool_size=MOST_CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        use_native_hstore=False,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        durable, upkeep = options.get(_DURABLE), options.get(_UPKEEP, False)
        driver = cast_type("postgres.Connection", connection.connection.dbapi_connection)
        driver.silent_seconds = postgres.UPKEEP_SECONDS if upkeep else postgres.SILENT_SECONDS
        if durable is None:
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        if upkeep:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{postgres.UPKEEP_SECONDS}s'")

    return engine


@contextmanager
def writing(
    engine: Engine, where: Path | str, *, durable: bool = True, upkeep: bool = False
) -> Iterator[Connection]:
    """A transaction that writes: all or nothing, one writer after the other.

    One that is not durable outlives its process, and a loss of power only together with a durable one after it.
    One for upkeep takes as long as it takes; any other is given up where the database does not answer.
    """
    options = {_DURABLE: durable, _UPKEEP: upkeep}
    with speaking_plainly(where), engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def speaking_plainly(where: Path | str) -> Iterator[None]:
    """Turns errors of the database into ours."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise plain(error.orig, Path(where)) from error
        from amber.store import postgres  # loaded already: its driver raised this

        raise postgres.plain(error.orig, str(where)) from error
    except NoConnectionError as error:
        raise StoreUnavailableError(
            f"the catalogue {where} has kept all connections of this process busy: ask again when it has less to do"
        ) from error
    except sqlite3.Error as error:
        raise plain(error, Path(where)) from error


class Session:
    """Opens the transactions in which the rows of a catalogue are read and written.

    Args:
        engine: The database.
        where: How errors name it.
    """

    def __init__(self, engine: Engine, where: Path | str) -> None:
        self._engine = engine
        self._where = where
        self._pid = os.getpid()

    @contextmanager
    def _reading(self, *, upkeep: bool = False) -> Iterator[Connection]:
        """One view of the database, whatever others write meanwhile; for upkeep, of all of it, as long as that takes."""
        engine = self._connected().execution_options(**{_UPKEEP: upkeep})
        with speaking_plainly(self._where), engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self, *, durable: bool = True, upkeep: bool = False) -> Iterator[Connection]:
        """All or nothing."""
        with writing(self._connected(), self._where, durable=durable, upkeep=upkeep) as connection:
            yield connection

    def _connected(self) -> Engine:
        if self._pid != os.getpid():
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        return self._engine

    def close(self) -> None:
        """Let go of connections."""
        self._connected().dispose()


def upsert(
    connection: Connection, table: Table, values: dict[str, Any], *, replacing: Sequence[str] = ()
) -> bool:
    """Insert a row, or, where its primary key is there, replace these columns; whether anything was written."""
    return upsert_many(connection, table, [values], replacing=replacing) > 0


def upsert_many(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, replacing: Sequence[str] = ()
) -> int:
    """The same with rows that have the same columns, at a stroke and in their order; how many were written."""
    if not rows:
        return 0
    statement = _upsert(connection.dialect.name, table, tuple(replacing))
    return connection.execute(statement, rows[0] if len(rows) == 1 else rows).rowcount


def inserting(dialect_name: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insertion that can say what becomes of a row that is there already, in the words of one database."""
    # One dialect alone is loaded, since that of PostgreSQL takes a twentieth of the time of a command.
    if dialect_name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table).inline()
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(table).inline()


@cache
def _upsert(dialect_name: str, table: Table, replacing: tuple[str, ...]) -> Executable:
    statement = inserting(dialect_name, table).execution_options(preserve_rowcount=True)
    if not replacing:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in replacing}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def number_of(
    connection: Connection, table: Table, values: dict[str, Any], extra: dict[str, Any] | None = None
) -> int:
    """The number of the row with these values; inserted, with the extra ones, where there is none."""
    wanted = _number_of(table, tuple(values))
    found = connection.execute(wanted, values).scalar()
    if found is None:
        upsert(connection, table, {**values, **(extra or {})})
        found = connection.execute(wanted, values).scalar_one()
    return int(found)


@cache
def _number_of(table: Table, names: tuple[str, ...]) -> Executable:
    return select(table.c.id).where(*(table.c[name] == bindparam(name) for name in names))


def next_number(connection: Connection, name: str, count: int = 1) -> int:
    """The first of `count` numbers that were never given out before."""
    sequence = schema.sequence
    statement = (
        update(sequence)
        .where(sequence.c.name == name)
        .values(number=sequence.c.number + count)
        .returning(sequence.c.number)
    )
    return int(connection.execute(statement).scalar_one()) - count + 1


def current_epoch(connection: Connection, *, lock: bool = False, to_raise: bool = False) -> int:
    """The epoch; with `lock`, nobody else raises it before this transaction ends.

    Args:
        connection: In a transaction.
        lock: Comes before every other lock that the transaction takes.
        to_raise: With the lock: this transaction may raise it, so nobody else links meanwhile either.
    """
    statement = select(schema.epoch.c.number)
    if lock:
        statement = statement.with_for_update(read=not to_raise)
    return int(connection.execute(statement).scalar_one())


def raise_epoch(connection: Connection) -> None:
    """Let every process notice; the first thing that a transaction does, or it has the epoch's lock already."""
    connection.execute(update(schema.epoch).values(number=schema.epoch.c.number + 1))


def note(connection: Connection, action: str, who: str, detail: str, at: float) -> None:
    """Write an audit row."""
    connection.execute(insert(schema.audit).values(action=action, who=who, detail=detail, at=at))


def clock(connection: Connection) -> ColumnElement[float]:
    """The moment by the database's clock, in seconds since 1970, so that the clocks of machines do not matter.

    SQLite's clock is that of its one machine.
    """
    if connection.dialect.name == "sqlite":
        return literal(time.time(), schema.Seconds)
    return cast(func.extract("epoch", func.clock_timestamp()), schema.Seconds)


def alone(connection: Connection, name: str) -> None:
    """Wait until no other transaction is alone with this name, for what the rows at hand cannot lock."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def learn(connection: Connection, table: Table, rows: int) -> None:
    """Let the database count a table to which so many rows came at a stroke, or it plans as if there were few."""
    if rows > CHUNK and connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def chunks(parameters: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parameters, so many at a time as one statement takes."""
    for at in range(0, len(parameters), CHUNK):
        yield parameters[at : at + CHUNK]
