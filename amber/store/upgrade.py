"""Changes the schema of an older catalogue, revision by revision; that of one on PostgreSQL from nothing."""

from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.schema import SetColumnComment, SetTableComment

from amber.store.revisions import REVISION, check_revision
from amber.store.schema import metadata
from amber.store.sql.session import alone, postgres_engine, sqlite_engine, writing


def migrations() -> Path:
    """The folder of revisions: within the installed package, or, in the repository, beside it."""
    package = Path(__file__).parents[1]
    installed = package / "_migrations"
    return installed if installed.exists() else package.parent / "migrations"


def config() -> Config:
    """Alembic's settings for the revisions of this release."""
    settings = Config()
    settings.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    return settings


def upgrade_sqlite(path: Path) -> None:
    """Bring the catalogue in an SQLite file, which may be empty, to the current schema; killed, it has done all or nothing.

    Raises:
        StoreError: It cannot be written.
    """
    engine = sqlite_engine(path)
    try:
        with writing(engine, path) as connection:
            _upgrade(connection)
    finally:
        engine.dispose()


def migrate_postgres(url: str) -> bool:
    """Bring the catalogue in a PostgreSQL database to the current schema; whether anything was done.

    The tables also get the words that say what is in them. Any number of processes may do so at once.

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


def _upgrade(connection: Connection) -> None:
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
