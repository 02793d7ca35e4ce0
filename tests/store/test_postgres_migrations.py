"""The tables in PostgreSQL are those that the code means, and nobody else's database is touched."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from amber.errors import SchemaError
from amber.store.open import open_store
from amber.store.postgres_connections import PostgresConnections
from amber.store.revisions import REVISION
from amber.store.schema import metadata
from amber.store.sql.session import postgres_engine
from amber.store.upgrade import config, migrate_postgres


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    """An empty database."""
    return new_database("template0")


def _differences(url: str) -> list[object]:
    """What is other than the code means: tables, columns, types, defaults, keys, indexes and comments."""
    engine = postgres_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_server_default": True, "compare_type": True}
            )
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()


def _do(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement.encode())


def test_an_empty_database_migrates_to_what_the_code_means(url: str) -> None:
    assert migrate_postgres(url)
    assert _differences(url) == []
    assert not migrate_postgres(url)


def test_a_difference_would_be_noticed(url: str) -> None:
    migrate_postgres(url)
    _do(url, "ALTER TABLE trace ALTER COLUMN seconds DROP NOT NULL")
    assert len(_differences(url)) == 1


def test_a_catalogue_of_the_first_release_migrates_to_what_the_code_means(url: str) -> None:
    engine = postgres_engine(url)
    with engine.execution_options(amber_durable=True).begin() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
    engine.dispose()
    assert migrate_postgres(url)
    assert _differences(url) == []


def test_of_several_that_migrate_at_once_one_works_and_the_others_wait(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(migrate_postgres, [url] * 4)) == [False, False, False, True]


def test_an_outdated_catalogue_says_what_to_run(url: str, tmp_path: Path) -> None:
    migrate_postgres(url)
    _do(url, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaError, match=f"schema 0000; this Amber works with {REVISION}: run `amber migr"):
        open_store(tmp_path, url)


def test_a_newer_catalogue_is_worked_with_if_it_only_grew_and_left_alone_otherwise(
    url: str, tmp_path: Path
) -> None:
    migrate_postgres(url)
    _do(url, "UPDATE alembic_version SET version_num = '9999'")
    open_store(tmp_path, url).close()
    _do(url, "UPDATE sequence SET number = 9999 WHERE name = 'oldest_code'")
    with pytest.raises(SchemaError, match="made by a newer Amber"):
        open_store(tmp_path, url)
    with pytest.raises(SchemaError, match="install the newer one"):
        migrate_postgres(url)


def test_a_database_of_something_else_is_left_alone(url: str) -> None:
    _do(url, "CREATE TABLE diary (page text)")
    with pytest.raises(SchemaError, match="not a catalogue of Amber"):
        migrate_postgres(url)
    with closing(PostgresConnections(url)) as connections:
        assert connections.rows("SELECT tablename FROM pg_tables WHERE schemaname = ?", ("public",)) == [
            ("diary",)
        ]
