"""Brings the schema of a catalogue in SQLite to the revision that this release works with."""

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from amber.errors import StoreUnavailableError
from amber.store import sqlite
from amber.store.revisions import REVISION, check_revision

#: What all revisions together make of nothing; `make docs` writes it.
SCHEMA = Path(__file__).with_name("catalog.sql")


def migrate(path: Path) -> bool:
    """Bring the catalogue in this SQLite file to the current schema, making it if need be; whether anything was done.

    Any number of processes may do so at once: one works, the others wait. Killed at any moment, it has done all or nothing.

    Raises:
        SchemaError: The file is something else, or was made by a newer release.
        StoreError: It cannot be written.
    """
    _make_folder(path.parent)
    with _alone(path):
        found, oldest_code = _revisions(path)
        if found is None:
            _make(path)
            return True
        if found < REVISION:
            from amber.store.upgrade import upgrade_sqlite  # loads Alembic, which only an old home needs

            upgrade_sqlite(path)
            return True
        check_revision(found, str(path), oldest_code)
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(f"the folder {folder} cannot be made: {error}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock that the kernel lets go if this process dies."""
    try:
        file = path.with_suffix(".lock").open("ab")
    except OSError as error:
        raise StoreUnavailableError(f"the folder {path.parent} cannot be written: {error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _revisions(path: Path) -> tuple[str | None, str | None]:
    """The revision of the file's schema, and the oldest whose code works with it."""
    if not path.exists():
        return None, None
    with closing(sqlite.connect(path)) as connection, sqlite.speaking_plainly(path):
        found = sqlite.revision(connection)
        return found, None if found is None else sqlite.oldest_code(connection)


def _make(path: Path) -> None:
    """Make the file, in the mode in which readers and a writer do not wait for each other, with all its tables or none."""
    path.touch()
    with closing(sqlite.connect(path)) as connection, sqlite.speaking_plainly(path):
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreUnavailableError(
                f"the catalogue {path} must be on a local disk: SQLite offers no WAL there ({mode})"
            )
        connection.executescript(SCHEMA.read_text())
