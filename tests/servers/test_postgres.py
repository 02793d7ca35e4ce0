"""A server of the tests ends with its last user, and outlives being killed."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers.postgres import Catalogues, running
from tests.servers.processes import is_listening, until

#: Shares a server with whoever else does, and says where it is.
SHARE = """
import sys
from pathlib import Path
from tests.servers.postgres import _start
from tests.servers.processes import shared

with shared(Path(sys.argv[1]), _start) as address:
    print(address["port"], flush=True)
    sys.stdin.readline()
"""


def _share(folder: Path) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SHARE, str(folder)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, None])
def test_a_shared_server_ends_with_its_last_user_however_that_ends(
    tmp_path: Path, how: signal.Signals | None
) -> None:
    users = [_share(tmp_path), _share(tmp_path)]
    ports = {user.stdout.readline() for user in users if user.stdout is not None}
    assert len(ports) == 1, "they share one server"
    port = int(ports.pop())
    for still_listening, user in zip((True, False), users, strict=True):
        if how is not None:
            user.send_signal(how)
        user.communicate("\n", timeout=60)
        if still_listening:
            assert is_listening(port)
    until(lambda: not is_listening(port), "the server has stopped")


def test_a_server_that_was_killed_starts_again_with_its_data(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        with psycopg.connect(server.url("postgres")) as connection:
            connection.execute("CREATE TABLE kept (number int)")
        server.kill()
        assert not is_listening(server.port)
        server.start()
        with psycopg.connect(server.url("postgres")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_catalogue_that_is_lent_again_is_as_new(catalogues: Catalogues) -> None:
    name = catalogues.lend()
    before = _rows(catalogues.url(name))
    with closing(psycopg.connect(catalogues.url(name), autocommit=True)) as connection:
        connection.execute("UPDATE epoch SET number = 5")
        connection.execute("DELETE FROM sequence")
        connection.execute("INSERT INTO audit (action, who, detail, at) VALUES ('a', 'b', 'c', 1)")
    assert _rows(catalogues.url(name)) != before
    catalogues.take_back(name)
    assert catalogues.lend() == name
    assert _rows(catalogues.url(name)) == before
    with closing(psycopg.connect(catalogues.url(name), autocommit=True)) as connection:
        statement = "INSERT INTO audit (action, who, detail, at) VALUES ('a', 'b', 'c', 1) RETURNING id"
        assert connection.execute(statement).fetchone() == (1,)
    catalogues.take_back(name)


def _rows(url: str) -> dict[str, list[Any]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for (name,) in names}
