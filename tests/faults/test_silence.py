"""A server that takes connections and never answers: each question to it ends, soon enough, and the next one asks anew."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from amber.errors import ConnectionLostError, StoreUnavailableError
from amber.store import object_places, postgres
from amber.store.catalog import SqlCatalog
from amber.store.connections import Pool
from amber.store.copies import Copies
from amber.store.object_places import open_objects
from amber.store.objects import ObjectBlobs
from amber.store.postgres_connections import PostgresConnections
from amber.store.warm import WarmCatalog
from amber.testing.rows import FILM, kept, key_of
from tests.faults.proxy import Fault, Proxy, between, moved
from tests.servers.processes import until
from tests.servers.s3 import S3

#: What the tests wait for instead of the product's patience, and the most that an ask takes then.
SILENT_SECONDS, LONGEST_SECONDS = 0.2, 10.0
SILENT = Fault("silent")

Ask = Callable[[WarmCatalog], object]
ASKS: dict[str, Ask] = {
    "warm": lambda catalog: catalog.lookup(key_of("a")),
    "cold": lambda catalog: catalog.features(FILM),
    "writing": lambda catalog: kept(catalog, "b"),
}


@pytest.fixture
def line(database_url: str) -> Iterator[Proxy]:
    """A line to PostgreSQL."""
    port = urlsplit(database_url).port
    assert port is not None
    with between(port) as proxy:
        yield proxy


@pytest.mark.parametrize("ask", ASKS)
def test_a_catalogue_that_falls_silent_counts_as_gone_and_is_found_again(
    line: Proxy, database_url: str, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    monkeypatch.setattr(postgres, "SILENT_SECONDS", SILENT_SECONDS)
    monkeypatch.setattr(postgres, "SILENT_READ_SECONDS", SILENT_SECONDS)
    monkeypatch.setitem(postgres._DEFAULTS, "connect_timeout", "2")  # the least that libpq waits
    with closing(WarmCatalog(PostgresConnections(moved(database_url, line.port)))) as catalog:
        kept(catalog, "a")
        assert ASKS[ask](catalog)
        line.put(SILENT)
        began = time.monotonic()
        with pytest.raises(ConnectionLostError, match=r"no answer for|cannot be reached.*timeout") as told:
            ASKS[ask](catalog)
        assert told.value.retryable and time.monotonic() - began < LONGEST_SECONDS
        line.put(None)
        assert ASKS[ask](catalog)


def test_upkeep_takes_what_it_takes_and_all_else_is_bounded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqlCatalog.on_postgres(database_url)) as catalog:
        limits = []
        for upkeep in (False, True, False):
            with catalog._reading(upkeep=upkeep) as connection:
                [limit] = connection.exec_driver_sql("SHOW statement_timeout").one()
                limits.append((limit, connection.connection.dbapi_connection.silent_seconds))  # type: ignore[union-attr]
        assert limits == [("40s", 45.0), ("1h", 3600), ("40s", 45.0)]
        monkeypatch.setattr(postgres, "_SETTINGS", "SET statement_timeout = '20ms'")
    with (
        closing(SqlCatalog.on_postgres(database_url)) as catalog,
        pytest.raises(StoreUnavailableError, match="took too long to answer"),
        catalog._reading() as connection,
    ):
        connection.exec_driver_sql("SELECT pg_sleep(60)")


def test_who_finds_all_connections_busy_for_too_long_is_told() -> None:
    class Connection:
        def close(self) -> None:
            """Nothing is open."""

    pool = Pool(Connection, 1, 0.05)
    with pool.lent(), pytest.raises(StoreUnavailableError, match="all 1 connections of this process"):
        pool.lent().__enter__()
    with pool.lent():
        pass


def test_objects_that_fall_silent_are_told_and_found_again(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(object_places._TIMES, "read_timeout", "1s")
    monkeypatch.setitem(
        object_places._RETRIES, "retry_timeout", timedelta(seconds=1)
    )  # as in production: less than that
    with between(s3.port) as line:
        for name, value in {**s3.variables, "AWS_ENDPOINT_URL": moved(s3.endpoint, line.port)}.items():
            monkeypatch.setenv(name, value)
        url = s3.url()
        with closing(ObjectBlobs(open_objects(url), url, Copies(tmp_path, 1 << 30))) as blobs:
            blob = blobs.put(b"hello").sha256
            asks: list[Callable[[], object]] = [
                lambda: blobs.read(blob),
                lambda: blobs.put(b"other"),
                lambda: blobs.present([blob]),
                lambda: list(blobs.digests()),
            ]
            for ask in asks:
                line.put(SILENT)
                began = time.monotonic()
                with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                    ask()
                assert time.monotonic() - began < LONGEST_SECONDS
                line.put(None)
                until(lambda: _reads(blobs, blob), "no connection that fell silent is left")


def _reads(blobs: ObjectBlobs, sha256: str) -> bool:
    try:
        return blobs.read(sha256) == b"hello"
    except StoreUnavailableError:
        return False
