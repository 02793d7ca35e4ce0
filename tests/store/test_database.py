"""What SQLite can go through, and what is said of it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from amber.errors import SchemaError, StoreError, StoreFullError, StoreUnavailableError
from amber.store import connections as connections_module
from amber.store import sqlite
from amber.store.catalog import SqlCatalog
from amber.store.open import CATALOG_NAME, open_store
from amber.store.protocol import Catalog, Store
from amber.store.sqlite_connections import Connections
from amber.store.warm import WarmCatalog
from amber.testing.rows import asset, digest, kept, key_of

#: Works under a lease on each of some recipes, as any number of processes may do at once.
COMPETE = """
import sys
from pathlib import Path
from amber.store.open import open_store
from amber.testing.rows import digest, feature, key_of

catalog = open_store(Path(sys.argv[1])).catalog
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    lease = catalog.take_lease(digest(str(number)), sys.argv[3], 60.0)
    if lease is not None and not catalog.traces([lease.recipe]):
        catalog.commit(lease, feature(str(number), digest(sys.argv[3])), key=key_of(str(number)), epoch=0)
        print(number, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home."""
    made = open_store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Its catalogue's file."""
    return tmp_path / "home" / CATALOG_NAME


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMPETE, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_several_processes_that_want_the_same_recipes_one_computes_each(store: Store, path: Path) -> None:
    processes = [_start(path.parent, 40, f"worker {number}") for number in range(4)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n", timeout=120)[0].split() for process in processes]
    assert sorted(int(number) for answer in answers for number in answer) == list(range(40))
    assert len(store.catalog.traces([digest(str(number)) for number in range(40)])) == 40
    assert store.catalog.problems() == []


@pytest.mark.parametrize("number", range(3))
def test_what_a_killed_process_was_told_is_committed_stays(store: Store, path: Path, number: int) -> None:
    process = _start(path.parent, 100_000, "worker")
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    process.stdin.write("go\n")
    process.stdin.flush()
    told = [process.stdout.readline().strip() for _ in range(10 + 7 * number)]
    process.kill()
    rest = process.communicate()[0]
    told += rest[: rest.rfind("\n") + 1].split()
    assert len(store.catalog.traces([digest(name) for name in told])) == len(told) >= 10
    assert [name for name in told if store.catalog.lookup(key_of(name)).trace is None] == []
    assert store.catalog.problems() == []


def test_a_commit_is_on_disk_before_it_is_acknowledged_and_a_lease_need_not_be(
    store: Store, path: Path
) -> None:
    catalog = SqlCatalog.at(path)
    statements: list[str] = []
    event.listen(catalog._engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    writes: dict[str, list[Callable[[], object]]] = {
        "FULL": [
            lambda: kept(catalog, "a"),
            lambda: catalog.link(digest("key"), digest("a"), 0),
            lambda: catalog.invalidate([], reason="x", who="a"),
        ],
        "NORMAL": [lambda: catalog.take_lease(digest("b"), "tester", 60.0)],
    }
    for mode, calls in writes.items():
        for call in calls:
            call()
            last = len(statements) - 1 - statements[::-1].index("BEGIN IMMEDIATE")
            assert statements[last - 1] == f"PRAGMA synchronous = {mode}"
    catalog.close()


def test_connections_keep_foreign_keys_and_wait_for_each_other(store: Store, path: Path) -> None:
    with closing(sqlite.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (30_000,)


def test_a_warm_ask_is_one_statement(path: Path, store: Store) -> None:
    made = kept(store.catalog, "a")
    connections = Connections(path)
    catalog: Catalog = WarmCatalog(connections)
    statements: list[str] = []
    with connections.lent() as connection:
        connection.set_trace_callback(statements.append)
    assert catalog.lookup(key_of("a")).trace == made
    assert len(statements) == 1
    catalog.close()


def test_a_warm_ask_imports_neither_sqlalchemy_nor_alembic(store: Store, path: Path) -> None:
    store.catalog.put_asset(asset(title="film"))
    kept(store.catalog, "a")
    ask = (
        "import sys; from pathlib import Path; from amber.store.open import open_store;"
        f"c = open_store(Path({str(path.parent)!r})).catalog; c.snapshot();"
        f"assert c.find_assets('film') and c.lookup({key_of('a')!r}).trace and c.traces([{digest('a')!r}]);"
        "print(sorted({'sqlalchemy', 'alembic', 'torch', 'cv2', 'av'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", ask], text=True) == "[]\n"


def _in_a_child(check: Callable[[], bool]) -> bool:
    """What a forked child finds."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forked_child_works_beside_its_parent(store: Store) -> None:
    kept(store.catalog, "parent")
    made = store.catalog.lookup(key_of("parent")).trace
    assert _in_a_child(
        lambda: store.catalog.lookup(key_of("parent")).trace == made and bool(kept(store.catalog, "child"))
    )
    assert store.catalog.lookup(key_of("child")).trace is not None
    kept(store.catalog, "parent again")
    assert store.catalog.problems() == []


def _next(connections: Connections) -> sqlite3.Connection:
    """The connection that the next one gets who needs one."""
    with connections.lent() as connection:
        return connection


def test_a_forked_child_neither_uses_nor_closes_its_parents_connections(store: Store, path: Path) -> None:
    connections, cold = Connections(path), SqlCatalog.at(path)
    kept_open = _next(connections)
    cold.snapshot()
    with cold._reading() as connection:
        pooled = connection.connection.dbapi_connection

    def uses_its_own() -> bool:
        with cold._reading() as connection:
            is_other = connection.connection.dbapi_connection is not pooled
        return is_other and _next(connections) is not kept_open and kept_open in connections_module._inherited

    assert _in_a_child(uses_its_own)
    assert _next(connections) is kept_open
    connections.close()
    cold.close()


def test_a_writer_that_waits_too_long_says_for_whom(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA busy_timeout = 20", "PRAGMA foreign_keys = ON"))
    catalog = SqlCatalog.at(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="another process has been writing to") as caught:
            kept(catalog, "a")
        assert caught.value.retryable
        assert catalog.lookup(key_of("a")).trace is None
        other.execute("ROLLBACK")
    assert kept(catalog, "a")
    catalog.close()


def test_a_full_disk_says_so_and_leaves_nothing_half_written(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, f"PRAGMA max_page_count = {pages + 3}"))
    catalog = SqlCatalog.at(path)
    stored = []
    with pytest.raises(StoreFullError, match="no space is left for the catalogue"):
        for number in range(10_000):
            kept(catalog, str(number), settings=f"{number}" * 20)
            stored.append(digest(str(number)))
    assert len(store.catalog.traces([digest(str(number)) for number in range(len(stored) + 1)])) == len(
        stored
    )
    assert store.catalog.problems() == []
    catalog.close()


def test_an_error_leaves_no_transaction_open(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE trace_asset")
    with pytest.raises(SchemaError):
        kept(store.catalog, "a")
    with closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("ROLLBACK")


def test_after_an_error_the_next_ask_starts_anew(store: Store, path: Path) -> None:
    made = kept(store.catalog, "a")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE resolved RENAME TO elsewhere")
        for _ in range(2):
            with pytest.raises(SchemaError, match="no such table: resolved"):
                store.catalog.linked_values([key_of("a")])
        connection.execute("ALTER TABLE elsewhere RENAME TO resolved")
    assert store.catalog.linked_values([key_of("a")]) == {key_of("a"): made.value.sha256}


ASKS: dict[str, Callable[[Catalog], object]] = {
    "warm": lambda catalog: catalog.lookup(key_of("a")),
    "warm, many": lambda catalog: catalog.linked_values([key_of("a")]),
    "cold": lambda catalog: kept(catalog, "a"),
}


@pytest.mark.parametrize("ask", ASKS)
def test_a_missing_table_says_to_migrate(store: Store, path: Path, ask: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE resolved")
    with pytest.raises(SchemaError, match="run `amber migrate`"):
        ASKS[ask](store.catalog)


@pytest.mark.parametrize("ask", ASKS)
def test_a_damaged_file_says_so(store: Store, path: Path, ask: str) -> None:
    for number in range(200):
        kept(store.catalog, str(number))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreError, match=r"is damaged .* put a backup in its place"):
        ASKS[ask](store.catalog)


@pytest.mark.parametrize("ask", ASKS)
def test_a_home_that_went_away_says_so(tmp_path: Path, ask: str) -> None:
    store = open_store(tmp_path / "home")
    store.close()
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailableError, match="see that it is there"):
        ASKS[ask](store.catalog)


@pytest.mark.parametrize("ask", ASKS)
def test_a_file_that_is_no_database_says_so(store: Store, path: Path, ask: str) -> None:
    store.close()
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(SchemaError, match="is not a catalogue of Amber"):
        ASKS[ask](store.catalog)
