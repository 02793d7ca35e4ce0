"""Opens stores."""

import tempfile
from pathlib import Path

from amber.store.blobs import FileBlobs, MemoryBlobs
from amber.store.connections import Database
from amber.store.memory import MemoryCatalog
from amber.store.protocol import Store
from amber.store.sqlite import Connections
from amber.store.warm import WarmCatalog

#: The catalogue's file in a home.
CATALOG_NAME = "catalog.sqlite"


def open_store(home: Path, database_url: str | None = None) -> Store:
    """The store in a folder: a catalogue in SQLite, and blobs as files; an empty folder is set up.

    Args:
        home: The folder.
        database_url: A PostgreSQL database that has the catalogue instead; `amber migrate` makes its tables.

    Raises:
        SchemaError: Its catalogue has another schema than this release works with; the message says what to do.
        StoreUnavailableError: It cannot be read and written.
        ConfigurationError: The URL cannot be understood, or its driver is not installed.
    """
    home = home.absolute()
    database = database_of(home, database_url)
    if database_url is None and database.revision() is None:
        database.migrate()  # loads Alembic, which only a new home needs
    else:
        database.check()
    scratch = home / "scratch"
    return Store(WarmCatalog(database), FileBlobs(home / "blobs", scratch), scratch)


def database_of(home: Path, database_url: str | None) -> Database:
    """The database that a deployment's catalogue is in, whatever is in it as yet.

    Raises:
        ConfigurationError: The URL needs a driver that is not installed.
    """
    if database_url is None:
        return Connections(home / CATALOG_NAME)
    from amber.store.postgres import PostgresConnections  # an extra

    return PostgresConnections(database_url)


def memory_store() -> Store:
    """A store in memory, and a scratch folder that is removed with it."""
    folder = tempfile.TemporaryDirectory(prefix="amber-")
    scratch = Path(folder.name) / "scratch"
    return Store(MemoryCatalog(), MemoryBlobs(folder, scratch), scratch)
