"""Brings the schema of a catalogue to the revision that this release works with."""

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.schema import SetColumnComment, SetTableComment

from amber.errors import StoreUnavailableError
from amber.store import sqlite
from amber.store.revisions import REVISION, check_revision
from amber.store.schema import metadata
from amber.store.sql.session import alone, postgres_engine, sqlite_engine, writing


def migrations() -> Path:
    """The folder of revisions: within the installed package, or, in the repository, beside it."""
    package = Path(__file__).parents[1]
    installed = package / "_migrations"
    return installed if installed.exists() else package.parent / "migrations"


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
        if found is None or found < REVISION:
            _prepare(path)
            _upgrade_sqlite(path)
            return True
        check_revision(found, str(path), oldest_code)
        return False


def migrate_postgres(url: str) -> bool:
    """The same for the catalogue in a PostgreSQL database; the tables also get the words that say what is in them.

    Raises:
        SchemaError: The database is something else, or was made by a newer release.
        StoreError: It cannot be written.
    """
    from amber.store import postgres

    engine = postgres_engine(url)
    try:
        with writing(engine, postgres.named(url), upkeep=True) as connection:
            alone(connection, "amber migrate")
            driver = cast("postgres.Connection", connection.connection.dbapi_connection)
            found = postgres.revision(driver)
            if found is not None and found >= REVISION:
                check_revision(found, postgres.named(url), postgres.oldest_code(driver))
                return False
            _upgrade(connection)
            for table in metadata.sorted_tables:
                connection.execute(SetTableComment(table))
                for column in table.columns:
                    connection.execute(SetColumnComment(column))
            return True
    finally:
        engine.dispose()


def config() -> Config:
    """Alembic's settings for the revisions of this release."""
    settings = Config()
    settings.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    return settings


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


def _prepare(path: Path) -> None:
    """Make the file, in the mode in which readers and a writer do not wait for each other."""
    path.touch()
    with closing(sqlite.connect(path)) as connection, sqlite.speaking_plainly(path):
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnavailableError(
            f"the catalogue {path} must be on a local disk: SQLite offers no WAL there ({mode})"
        )


def _upgrade_sqlite(path: Path) -> None:
    engine = sqlite_engine(path)
    try:
        with writing(engine, path) as connection:
            _upgrade(connection)
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
