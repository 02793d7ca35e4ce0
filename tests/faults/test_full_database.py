"""A PostgreSQL whose disk is full: a clear error, nothing half-visible, and work goes on when there is room again."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from amber.errors import StoreFullError
from amber.store.open import open_store
from amber.store.upgrade import migrate_postgres
from amber.testing.rows import kept, key_of
from tests.servers.postgres import with_small_disk

#: Enough for a database and its tables, and not for much more.
DISK_BYTES = 32 << 20
#: A tenth of a megabyte that does not compress.
BALLAST = "INSERT INTO ballast SELECT (SELECT string_agg(sha256(random()::text::bytea), '') FROM generate_series(1, 3000 + i)) FROM generate_series(1, 1) i"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An empty catalogue on a small disk."""
    if (
        os.getuid() != 0
        or not shutil.which("setpriv")
        or subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "none", tmp_path], capture_output=True
        ).returncode
    ):
        pytest.skip("SKIPPED LOUDLY: only root may give a PostgreSQL a small disk, where mounting is allowed")
    with with_small_disk(tmp_path / "server", DISK_BYTES) as server:
        server.run(sql.SQL("CREATE DATABASE catalogue TEMPLATE template0 TABLESPACE small"))
        url = server.url("catalogue")
        migrate_postgres(url)
        yield url


def test_a_full_disk_is_told_and_nothing_of_what_did_not_fit_is_seen(tmp_path: Path, url: str) -> None:
    with (
        closing(open_store(tmp_path / "home", url)) as store,
        closing(psycopg.connect(url, autocommit=True)) as other,
    ):
        other.execute("CREATE TABLE ballast (bytes bytea)")
        with pytest.raises(psycopg.errors.DiskFull):
            while True:
                other.execute(BALLAST)
        names = (str(number) for number in itertools.count())
        told: list[str] = []
        with pytest.raises(StoreFullError, match="has no space left: free some, then ask again"):
            for name in names:
                kept(store.catalog, name)
                told.append(name)
        unfit = str(len(told))
        assert store.catalog.lookup(key_of(unfit)).trace is None
        assert [name for name in told if store.catalog.lookup(key_of(name)).trace is None] == []
        assert store.catalog.problems() == []
        other.execute("DROP TABLE ballast")
        assert kept(store.catalog, "afterwards")
        assert store.catalog.lookup(key_of("afterwards")).trace is not None
