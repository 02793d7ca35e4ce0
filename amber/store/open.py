"""Opens stores."""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amber.errors import ConfigurationError
from amber.settings import COPIES_BYTES
from amber.store.blobs import FileBlobs, MemoryBlobs
from amber.store.cache import CachedBlobs
from amber.store.connections import Database
from amber.store.copies import Copies
from amber.store.originals import Originals
from amber.store.protocol import Blobs, Store
from amber.store.redis_link import RedisLink, RedisWire
from amber.store.sqlite_connections import Connections
from amber.store.wakeups import SharedWakeups
from amber.store.warm import WarmCatalog

#: The catalogue's file in a home.
CATALOG_NAME = "catalog.sqlite"
_OBJECT_SCHEMES = ("s3", "gs", "az", "memory")


def open_store(
    home: Path,
    database_url: str | None = None,
    *,
    blobs_url: str = "",
    redis_url: str = "",
    copies_bytes: int = COPIES_BYTES,
) -> Store:
    """The store of a deployment; with a home alone, a catalogue in SQLite and blobs as files. An empty folder is set up.

    Args:
        home: The folder of whatever is on this machine.
        database_url: A PostgreSQL database that has the catalogue instead; `amber migrate` makes its tables.
        blobs_url: Where blobs are instead: `s3://`, `gs://`, `az://`, `file://` or `memory://`.
        redis_url: A Redis that keeps values at hand and carries wake-ups.
        copies_bytes: How much of blobs that are elsewhere this machine keeps as files.

    Raises:
        SchemaError: Its catalogue has another schema than this release works with; the message says what to do.
        StoreUnavailableError: It cannot be read and written.
        ConfigurationError: A URL cannot be used, or what it needs is not installed.
    """
    home = home.absolute()
    blobs = open_blobs(home, blobs_url, copies_bytes)
    link = RedisLink(redis_url) if redis_url else None
    database = database_of(home, database_url)
    try:
        if database_url is None and database.revision() is None:
            database.migrate()
        else:
            database.check()
    except BaseException:
        database.close()
        blobs.close()
        raise
    scratch, originals = home / "scratch", Originals(Copies(home / "copies", copies_bytes))
    if link is None:
        return Store(WarmCatalog(database), blobs, scratch, database.wakeups(), originals)
    wakeups = SharedWakeups(RedisWire(link))
    return Store(WarmCatalog(database), CachedBlobs(blobs, link), scratch, wakeups, originals)


def database_of(home: Path, database_url: str | None) -> Database:
    """The database that a deployment's catalogue is in, whatever is in it as yet.

    Raises:
        ConfigurationError: The URL needs a driver that is not installed.
    """
    if database_url is None:
        return Connections(home / CATALOG_NAME)
    try:
        from amber.store.postgres_connections import PostgresConnections
    except ImportError as error:
        raise ConfigurationError(
            "AMBER_DATABASE_URL names a PostgreSQL database, and its driver is not installed: pip install 'amber[postgres]'"
        ) from error
    return PostgresConnections(database_url)


def open_blobs(home: Path, url: str = "", copies_bytes: int = COPIES_BYTES) -> Blobs:
    """The blobs that a URL names; those of the home, without one.

    Raises:
        ConfigurationError: The URL cannot be used, or what it needs is not installed.
    """
    scratch = home / "scratch"
    if not url:
        return FileBlobs(home / "blobs", scratch)
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return FileBlobs(Path(unquote(parts.path)), scratch)
    if parts.scheme not in _OBJECT_SCHEMES:
        raise ConfigurationError(
            "AMBER_BLOBS_URL must begin with file:///, s3://, gs://, az:// or memory://"
            f"; found {parts.scheme or 'no scheme'}"
        )
    from amber.store.object_places import open_objects, shown
    from amber.store.objects import ObjectBlobs

    if "@" in parts.netloc or parts.query:
        raise ConfigurationError(
            f"AMBER_BLOBS_URL {shown(url)} holds more than a place: credentials and options belong in the provider's variables "
            "(for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION)"
        )
    copies = Copies(home / "copies", copies_bytes)
    return ObjectBlobs(open_objects(url), url.rstrip("/"), copies, scratch)


def memory_store() -> Store:
    """A store in memory, and a scratch folder that is removed with it."""
    from amber.store.memory import MemoryCatalog  # here, as other stores shall not wait for it

    folder = tempfile.TemporaryDirectory(prefix="amber-")
    scratch = Path(folder.name) / "scratch"
    return Store(MemoryCatalog(), MemoryBlobs(folder, scratch), scratch)
