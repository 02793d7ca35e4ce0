"""Opens stores."""

import tempfile
from pathlib import Path

from amber.store.blobs import FileBlobs, MemoryBlobs
from amber.store.memory import MemoryCatalog
from amber.store.protocol import Store
from amber.store.sqlite import Connections, check_revision, revision, speaking_plainly
from amber.store.warm import WarmCatalog

#: The catalogue's file in a home.
CATALOG_NAME = "catalog.sqlite"


def open_store(home: Path) -> Store:
    """The store in a folder: a catalogue in SQLite, and blobs as files; an empty folder is set up.

    Raises:
        SchemaError: Its catalogue has another schema than this release works with; the message says what to do.
        StoreUnavailableError: It cannot be read and written.
    """
    home = home.absolute()
    path = home / CATALOG_NAME
    connections = Connections(path)
    found = _revision(connections) if path.exists() else None
    if found is None:
        from amber.store.migrate import migrate  # loads Alembic, which only a new home needs

        migrate(path)
    else:
        check_revision(found, str(path))
    scratch = home / "scratch"
    return Store(WarmCatalog(connections), FileBlobs(home / "blobs", scratch), scratch)


def memory_store() -> Store:
    """A store in memory, and a scratch folder that is removed with it."""
    folder = tempfile.TemporaryDirectory(prefix="amber-")
    scratch = Path(folder.name) / "scratch"
    return Store(MemoryCatalog(), MemoryBlobs(folder, scratch), scratch)


def _revision(connections: Connections) -> str | None:
    connection = connections.take()
    try:
        with speaking_plainly(connections.path):
            found = revision(connection)
    except BaseException:
        connection.close()
        raise
    connections.give(connection)
    return found
