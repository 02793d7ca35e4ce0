"""Connections to the SQLite file of a home, and what its errors mean."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amber.errors import SchemaError, StoreError, StoreFullError, StoreUnavailableError

#: How long a writer waits for another one.
BUSY_SECONDS = 30.0
#: FULL: a commit is on disk when it is acknowledged, so it survives a loss of power too, as the blob before it does.
#: The cache of pages may grow to 32 MiB, so that a plan of a whole library does not read its catalogue again and again.
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an existing file, in the driver's own mode (no hidden BEGIN), for one thread at a time.

    Raises:
        StoreError: It cannot be opened.
    """
    with speaking_plainly(path):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection


def oldest_code(connection: sqlite3.Connection) -> str | None:
    """The oldest revision whose code works with the schema."""
    row = connection.execute("SELECT number FROM sequence WHERE name = 'oldest_code'").fetchone()
    return None if row is None else f"{row[0]:04}"


def revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the schema; None where there are no tables yet.

    Raises:
        SchemaError: There are tables, but not those of a catalogue.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in tables:
        if tables:
            raise SchemaError("the database is not a catalogue of Amber: it has tables, but no revision")
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def speaking_plainly(path: Path) -> Iterator[None]:
    """Turns the driver's errors into ours, which say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise plain(error, path) from error


#: What SQLite says where its log or its shared memory cannot grow.
_FULL_LOOKS_LIKE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
#: Less than this is no space: the log grows by pages, and its shared memory by this much.
_LEAST_FREE_BYTES = 32 << 10


def _is_full(folder: Path) -> bool:
    """Whether the file system of a folder has no space left to speak of."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _LEAST_FREE_BYTES


def plain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error that one of the driver's means."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailableError(
            f"another process has been writing to {path} for {BUSY_SECONDS:.0f} s: wait until it is done, then ask again"
        )
    if code == sqlite3.SQLITE_FULL or (code in _FULL_LOOKS_LIKE and _is_full(path.parent)):
        return StoreFullError(f"no space is left for the catalogue {path}: free some, then ask again")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return StoreUnavailableError(
            f"the catalogue {path} cannot be opened and written ({error}): see that it is there and on a local disk, "
            "and that this user may write it and its folder"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return SchemaError(f"{path} is not a catalogue of Amber: move it away, or put a backup in its place")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(f"the catalogue {path} is damaged ({error}): put a backup in its place")
    if str(error).startswith(("no such table", "no such column")):
        return SchemaError(f"the catalogue {path} has another schema ({error}): run `amber migrate`")
    return StoreError(f"the catalogue {path} failed: {error}")
