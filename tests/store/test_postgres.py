"""What a catalogue on PostgreSQL can go through, and what is said of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event

from amber.errors import (
    AmberError,
    ConfigurationError,
    ConnectionLostError,
    SchemaError,
    StaleLeaseError,
    StoreError,
    StoreUnavailableError,
)
from amber.store import connections, postgres
from amber.store.catalog import SqlCatalog
from amber.store.open import open_store
from amber.store.postgres import ByteaArray
from amber.store.postgres_connections import PostgresConnections
from amber.store.protocol import Catalog, Disowned, Location, Store
from amber.store.warm import WarmCatalog
from amber.testing.rows import FILM, asset, digest, failed, feature, kept, key_of
from amber.testing.threads import at_once
from tests.servers.postgres import OwnPostgres, Postgres, running

#: Works under a lease on each of some recipes, as any number of processes may do at once.
COMPETE = """
import sys
from pathlib import Path
from amber.store.open import open_store
from amber.testing.rows import digest, feature, key_of

catalog = open_store(Path(sys.argv[1]), sys.argv[2]).catalog
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    lease = catalog.take_lease(digest(str(number)), sys.argv[4], 60.0)
    if lease is not None and not catalog.traces([lease.recipe]):
        catalog.commit(lease, feature(str(number), digest(sys.argv[4])), key=key_of(str(number)), epoch=0)
        print(number, flush=True)
"""
#: A transaction that holds what every writer wants.
IN_THE_WAY = "SELECT number FROM epoch FOR UPDATE"


@pytest.fixture
def store(tmp_path: Path, database_url: str) -> Iterator[Store]:
    """An empty catalogue."""
    made = open_store(tmp_path / "home", database_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """A server that may be killed."""
    with running(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def on_own(tmp_path: Path, own: OwnPostgres) -> Iterator[Store]:
    """An empty catalogue on the server that may be killed."""
    name = own.new_name()
    url = own.create(name)
    PostgresConnections(url).migrate()
    made = open_store(tmp_path / "home", url)
    yield made
    made.close()


def _start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", COMPETE, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_several_processes_that_want_the_same_recipes_one_computes_each(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    processes = [_start(tmp_path, database_url, 40, f"worker {number}") for number in range(4)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n", timeout=120)[0].split() for process in processes]
    assert sorted(int(number) for answer in answers for number in answer) == list(range(40))
    assert len(store.catalog.traces([digest(str(number)) for number in range(40)])) == 40
    assert store.catalog.problems() == []


@pytest.mark.parametrize("victim", ["the worker", "the server"])
def test_what_was_told_to_be_committed_stays(
    on_own: Store, own: OwnPostgres, tmp_path: Path, victim: str
) -> None:
    assert isinstance(on_own.catalog, WarmCatalog)
    url = on_own.catalog._database._url  # type: ignore[attr-defined]
    process = _start(tmp_path, url, 100_000, "worker")
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    process.stdin.write("go\n")
    process.stdin.flush()
    told = [process.stdout.readline().strip() for _ in range(10)]
    (own if victim == "the server" else process).kill()
    process.kill()
    rest = process.communicate()[0]
    told += rest[: rest.rfind("\n") + 1].split()
    if victim == "the server":
        own.start()
    assert len(on_own.catalog.traces([digest(name) for name in told])) == len(told) >= 10
    assert [name for name in told if on_own.catalog.lookup(key_of(name)).trace is None] == []
    assert on_own.catalog.problems() == []


def test_writers_of_every_kind_do_not_wait_for_each_other_in_a_circle(store: Store) -> None:
    made = [kept(store.catalog, str(number), digest("old")) for number in range(6)]

    def commits_and_heals(number: int) -> None:
        for turn in range(12):
            name = str((number + turn) % 6)
            held = store.catalog.holder(digest(name))
            lease = store.catalog.take_lease(
                digest(name), f"{number}", 60.0, despite_fence=held.fence if held else None
            )
            there = store.catalog.traces([digest(name)])[digest(name)].value.sha256
            store.catalog.put_failure(failed(name))
            if lease is not None:
                with suppress(StaleLeaseError):
                    store.catalog.commit(
                        lease,
                        feature(name, digest(number, turn)),
                        key=key_of(name),
                        epoch=turn,
                        lost=there if turn % 2 else None,
                    )

    def disowns(number: int) -> None:
        for _ in range(12):
            [one] = store.catalog.invalidate([Disowned("shots", "1", (FILM,))], reason="x", who="a")
            store.catalog.clear_failures()
            store.catalog.undo([one.id], who="a")
            store.catalog.link(key_of("x"), made[number % 6].recipe, store.catalog.snapshot().epoch)

    works = [commits_and_heals] * 4 + [disowns] * 2
    at_once([lambda work=work, number=number: work(number) for number, work in enumerate(works)])
    assert store.catalog.problems() == []
    assert store.catalog.snapshot().epoch >= 48


def test_labels_and_places_may_be_set_by_many_at_once(store: Store) -> None:
    store.catalog.put_asset(asset())

    def work(number: int) -> None:
        for _ in range(10):
            store.catalog.set_labels(FILM, {"a": str(number), "b": None})
            store.catalog.put_location(Location("/a", FILM, digest("x"), 1, number))

    at_once([lambda number=number: work(number) for number in range(4)])
    found = store.catalog.asset(FILM)
    assert found is not None and set(found.labels) == {"a"}
    assert len(store.catalog.locations(FILM)) == 1


def test_a_lease_runs_by_the_clock_of_the_database(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = store.catalog.take_lease(digest("a"), "one", 60.0)
    late = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: late)
    assert store.catalog.take_lease(digest("a"), "two", 60.0) is None
    assert store.catalog.holder(digest("a")) == lease


def test_a_warm_ask_is_one_prepared_statement(store: Store, database_url: str) -> None:
    made = kept(store.catalog, "a")
    database = PostgresConnections(database_url)
    catalog: Catalog = WarmCatalog(database)
    for _ in range(3):
        assert catalog.lookup(key_of("a")).trace == made
    [connection] = database._idle
    prepared = connection.execute(
        "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
    ).fetchall()
    assert [calls for statement, calls in prepared if "resolved" in statement] == [3]
    assert len(prepared) == 1
    catalog.close()


def test_a_warm_ask_imports_neither_sqlalchemy_nor_alembic(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    store.catalog.put_asset(asset(title="film"))
    kept(store.catalog, "a")
    ask = (
        "import sys; from pathlib import Path; from amber.store.open import open_store;"
        f"c = open_store(Path({str(tmp_path)!r}), {database_url!r}).catalog; c.snapshot();"
        f"assert c.find_assets('film') and c.lookup({key_of('a')!r}).trace and c.traces([{digest('a')!r}]);"
        "print(sorted({'sqlalchemy', 'alembic', 'torch', 'cv2', 'av'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", ask], text=True) == "[]\n"


def test_without_a_database_url_the_driver_is_not_needed(tmp_path: Path) -> None:
    work = (
        "import sys; sys.modules['psycopg'] = None; from pathlib import Path; from amber.store.open import open_store\n"
        "from amber.errors import ConfigurationError; from amber.testing.rows import kept\n"
        f"home = Path({str(tmp_path / 'home')!r}); kept(open_store(home).catalog, 'a')\n"
        "try: open_store(home, 'postgresql://localhost/x')\n"
        "except ConfigurationError as error: print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", work], text=True)
    assert "pip install 'amber[postgres]'" in said


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
        lambda: (
            store.catalog.lookup(key_of("parent")).trace == made
            and bool(kept(store.catalog, "child"))
            and len(connections._inherited) > 0
        )
    )
    assert store.catalog.lookup(key_of("child")).trace is not None
    kept(store.catalog, "parent again")
    assert store.catalog.problems() == []


def test_a_writer_that_waits_too_long_says_so(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", "SET lock_timeout = '20ms'")
    catalog = SqlCatalog.on_postgres(database_url)
    with closing(psycopg.connect(database_url)) as other:
        other.execute(IN_THE_WAY)
        with pytest.raises(StoreUnavailableError, match="has had another writer") as caught:
            kept(catalog, "a")
        assert caught.value.retryable
        assert catalog.lookup(key_of("a")).trace is None
    assert kept(catalog, "b")
    catalog.close()


def test_a_worker_that_stands_still_in_a_transaction_lets_the_others_go_on(
    store: Store, database_url: str
) -> None:
    with closing(postgres.connect(database_url)) as stopped:
        assert stopped.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("10s",)
        stopped.execute("SET idle_in_transaction_session_timeout = '20ms'")  # the same, sooner
        stopped.execute("BEGIN")
        stopped.execute(IN_THE_WAY)
        assert kept(store.catalog, "a")
        with pytest.raises(psycopg.Error) as caught:
            stopped.execute("COMMIT")
    assert isinstance(postgres.plain(caught.value, "x"), ConnectionLostError)


ASKS: dict[str, Callable[[Catalog], object]] = {
    "warm": lambda catalog: catalog.lookup(key_of("a")),
    "warm, many": lambda catalog: catalog.linked_values([key_of("a")]),
    "cold": lambda catalog: catalog.features(FILM),
    "writing": lambda catalog: kept(catalog, "b"),
}


@pytest.mark.parametrize("ask", ASKS)
def test_connections_that_broke_between_asks_are_replaced(
    store: Store, postgres: Postgres, database_url: str, ask: str
) -> None:
    kept(store.catalog, "a")
    for _ in range(2):
        assert ASKS[ask](store.catalog)
        postgres.cut(database_url)
    assert ASKS[ask](store.catalog)


def _broken_once(catalog: SqlCatalog, statement: str, cut: Callable[[], None]) -> list[str]:
    """Break the connection just before its next statement of a kind; which ones that were."""
    seen: list[str] = []

    def before(connection: object, cursor: object, text: str, *more: object) -> None:
        if text.startswith(statement) and not seen:
            seen.append(text)
            cut()

    event.listen(catalog._engine, "before_cursor_execute", before)
    return seen


def test_a_read_whose_connection_breaks_is_asked_once_more(
    store: Store, postgres: Postgres, database_url: str
) -> None:
    made = kept(store.catalog, "a")
    seen = _broken_once(store.catalog._rest, "SELECT", lambda: postgres.cut(database_url))  # type: ignore[attr-defined]
    assert store.catalog.features(FILM) == [made]
    assert len(seen) == 1


def test_a_write_whose_connection_breaks_is_an_error_and_not_there(
    store: Store, postgres: Postgres, database_url: str
) -> None:
    kept(store.catalog, "a")
    seen = _broken_once(store.catalog._rest, "INSERT INTO trace ", lambda: postgres.cut(database_url))  # type: ignore[attr-defined]
    with pytest.raises(ConnectionLostError) as caught:
        kept(store.catalog, "b")
    assert caught.value.retryable and len(seen) == 1
    assert store.catalog.lookup(key_of("b")).trace is None
    held = store.catalog.holder(digest("b"))
    assert held is not None
    assert store.catalog.commit(held, feature("b"), key=key_of("b"), epoch=0)


@pytest.mark.parametrize("ask", ASKS)
def test_a_server_that_is_down_says_so_and_is_found_again(on_own: Store, own: OwnPostgres, ask: str) -> None:
    kept(on_own.catalog, "a")
    own.kill()
    try:
        with pytest.raises(StoreUnavailableError, match="see that the server runs") as caught:
            ASKS[ask](on_own.catalog)
    finally:
        own.start()
    assert caught.value.retryable and own.password not in str(caught.value)
    assert ASKS[ask](on_own.catalog)


def test_a_catalogue_that_can_only_be_read_says_so(
    tmp_path: Path, database_url: str, postgres: Postgres
) -> None:
    name = database_url.rpartition("/")[2]
    postgres.run(
        sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(sql.Identifier(name))
    )
    with pytest.raises(StoreUnavailableError, match="read-only"):
        open_store(tmp_path / "home", database_url)
    either = f"{database_url}?target_session_attrs=any"
    catalog = open_store(tmp_path / "home", either).catalog
    assert catalog.lookup(key_of("a")).trace is None
    catalog.close()


WRONG: dict[str, tuple[Callable[[str], str], type[AmberError], str]] = {
    "password": (
        lambda url: url.replace("amber:", "amber:secret-"),
        StoreUnavailableError,
        "authentication failed",
    ),
    "database": (lambda url: f"{url}-secretless", StoreUnavailableError, "does not exist"),
    "host": (
        lambda url: url.replace("127.0.0.1", "nowhere.invalid"),
        StoreUnavailableError,
        "nowhere.invalid",
    ),
    "option": (lambda url: f"{url}?colour=red", ConfigurationError, "cannot be understood"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_url_that_leads_nowhere_says_what_to_do_and_never_the_password(
    tmp_path: Path, database_url: str, postgres: Postgres, what: str
) -> None:
    change, kind, sentence = WRONG[what]
    with pytest.raises(kind, match=sentence) as caught:
        open_store(tmp_path / "home", change(database_url))
    assert "AMBER_DATABASE_URL" in str(caught.value)
    assert postgres.password not in repr(caught.value)


def test_an_empty_database_says_what_to_run(tmp_path: Path, new_database: Callable[[str], str]) -> None:
    with pytest.raises(SchemaError, match=r"has schema none; .* run `amber migrate`"):
        open_store(tmp_path / "home", new_database("template0"))


@pytest.mark.parametrize("ask", ["warm", "warm, many", "writing"])
def test_a_missing_table_says_to_migrate(store: Store, database_url: str, ask: str) -> None:
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute("DROP TABLE resolved")
    with pytest.raises(SchemaError, match="run `amber migrate`"):
        ASKS[ask](store.catalog)


def test_a_user_without_rights_is_told(store: Store, database_url: str, postgres: Postgres) -> None:
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        try:
            guest = database_url.replace(f"amber:{postgres.password}", "guest:guest")
            with pytest.raises(StoreError, match="does not allow that to its user"):
                PostgresConnections(guest).check()
        finally:
            connection.execute("DROP ROLE guest")


@pytest.mark.parametrize(
    "values",
    [[], [b""], [b"a"], [b"a", b"", b"bc", bytes(range(256))], [bytes([n]) * 32 for n in range(200)]],
)
def test_an_array_goes_over_the_wire_as_the_server_reads_it(database_url: str, values: list[bytes]) -> None:
    with closing(postgres.connect(database_url)) as connection:
        found = connection.execute("SELECT %s::bytea[]", (ByteaArray.of(values),), binary=True).fetchone()
    assert found == (values,)
