"""The tables are those that the code means, however they came to be."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from amber.errors import SchemaError, StoreUnavailableError
from amber.store.accounts import Account
from amber.store.migrate import SCHEMA, migrate
from amber.store.open import CATALOG_NAME, open_store
from amber.store.revisions import REVISION
from amber.store.schema import metadata
from amber.store.sql.session import sqlite_engine
from amber.store.sqlite_connections import Connections
from amber.store.upgrade import config, upgrade_sqlite
from migrations.gathered import script

MIGRATE = (
    "import sys, pathlib; from amber.store.migrate import migrate; print(migrate(pathlib.Path(sys.argv[1])))"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a catalogue is to be."""
    return tmp_path / "home" / CATALOG_NAME


def _statements(path: Path) -> dict[str, str]:
    """What made each table and index, without the order in which its columns and constraints were written."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    ours = [(name, sql) for name, sql in rows if not name.startswith(("sqlite_", "alembic_"))]
    return {name: " ".join(sorted(sql.replace(",", " ").split())) for name, sql in ours}


def test_a_new_home_has_at_once_what_all_revisions_lead_to() -> None:
    assert SCHEMA.read_text() == script(), "run `make docs`"


@pytest.mark.parametrize("make", [migrate, upgrade_sqlite])
def test_an_empty_home_migrates_to_what_the_code_means(path: Path, make: Callable[[Path], object]) -> None:
    path.parent.mkdir()
    path.touch()
    make(path)
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrated_tables_are_written_as_the_code_writes_them(path: Path, tmp_path: Path) -> None:
    migrate(path)
    made = tmp_path / "made.sqlite"
    made.touch()
    engine = sqlite_engine(made)
    metadata.create_all(engine)
    engine.dispose()
    assert _statements(path) == _statements(made)


def test_the_code_works_with_the_latest_revision() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == REVISION


def test_migrating_again_does_nothing(path: Path) -> None:
    assert Connections(path).revision() is None
    assert migrate(path)
    assert Connections(path).revision() == REVISION
    assert not migrate(path)


def test_readers_and_the_writer_do_not_wait_for_each_other(path: Path) -> None:
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_of_eight_processes_that_migrate_at_once_one_works_and_the_others_wait(path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    answers = [process.communicate(timeout=120)[0].strip() for process in started]
    assert sorted(answers) == ["False"] * 7 + ["True"]
    assert Connections(path).revision() == REVISION


#: What stands before → the seconds within which most of the work is done.
MOMENTS = {None: (0.02, 0.4), "0001": (0.3, 1.5)}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("old", MOMENTS)
def test_a_migration_killed_at_any_moment_has_done_all_or_nothing(
    path: Path, old: str | None, number: int
) -> None:
    if old is not None:
        _make_old(path, old)
    process = subprocess.Popen([sys.executable, "-c", MIGRATE, str(path)], stdout=subprocess.DEVNULL)
    try:
        process.wait(random.Random(number).uniform(*MOMENTS[old]))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not path.exists() or Connections(path).revision() in (old, REVISION)
    migrate(path)
    store = open_store(path.parent)
    assert store.catalog.problems() == []
    store.close()


def test_a_catalogue_of_the_first_revision_is_brought_to_this_one(path: Path) -> None:
    _make_old(path, "0001")
    assert Connections(path).revision() == "0001"
    assert migrate(path)
    assert Connections(path).revision() == REVISION
    made = path.with_name("made.sqlite")
    migrate(made)
    assert _statements(path) == _statements(made)


def test_what_was_spent_stays_and_older_code_beside_this_one_counts(path: Path) -> None:
    _make_old(path, "0007")
    sums = "'shots', '1', 'ann', 2, 3.0, 2.5, 10, 7, 1, 0.5"
    _execute(path, f"INSERT INTO account VALUES ({sums})")
    assert migrate(path)
    store = open_store(path.parent)
    before = Account("shots", "1", "ann", "", 2, 3.0, 2.5, 10, 7, 1, 0.5)
    assert store.catalog.accounts() == [before]
    store.catalog.add_accounts([Account("shots", "1", "ann", "2 × fast", 1, 1.0)])
    _execute(path, f"INSERT INTO account VALUES ({sums})")
    assert store.catalog.accounts() == [before + before, Account("shots", "1", "ann", "2 × fast", 1, 1.0)]
    store.close()


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_an_outdated_catalogue_says_what_to_run(path: Path) -> None:
    migrate(path)
    _set_revision(path, "0000")
    with pytest.raises(
        SchemaError, match=f"has schema 0000; this Amber works with {REVISION}: run `amber migrate`"
    ):
        open_store(path.parent)


def test_a_newer_catalogue_is_left_alone(path: Path) -> None:
    migrate(path)
    _set_revision(path, "9999", oldest_code=9999)
    with pytest.raises(SchemaError, match="has schema 9999, made by a newer Amber"):
        open_store(path.parent)
    with pytest.raises(SchemaError, match="install the newer one"):
        migrate(path)


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trace (id INTEGER)")
    with pytest.raises(SchemaError, match="not a catalogue of Amber"):
        open_store(path.parent)
    with pytest.raises(SchemaError, match="not a catalogue of Amber"):
        migrate(path)


def test_a_file_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(SchemaError, match="not a catalogue of Amber"):
        open_store(path.parent)
    assert path.read_text().startswith("Dear diary")


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be made"):
        open_store(tmp_path / "file" / "home")


def _make_old(path: Path, revision: str) -> None:
    path.parent.mkdir()
    path.touch()
    engine = sqlite_engine(path)
    with engine.begin() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    engine.dispose()


def _set_revision(path: Path, revision: str, oldest_code: int = 1) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.execute("UPDATE sequence SET number = ? WHERE name = 'oldest_code'", (oldest_code,))
