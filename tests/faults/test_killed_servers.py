"""PostgreSQL, S3 and Redis killed and started again under load: asks go on by themselves, and nothing is lost, wrong or computed again without cause."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from amber.store.protocol import Store
from amber.store.upgrade import migrate_postgres
from tests.faults.load import PROCESSES, THREADS, Places, load
from tests.servers import postgres, s3, valkey

#: How often each server is killed.
KILLS = 20 if "AMBER_SOAK" in os.environ else 1


class Server(Protocol):
    """What can be killed and started again."""

    def kill(self) -> None:
        """End it, as a loss of its machine would."""

    def start(self) -> None:
        """Start it again."""


@dataclass(frozen=True)
class Site:
    """A store on servers of its own."""

    places: Places
    servers: dict[str, Server]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty store."""
    with (
        postgres.running(tmp_path / "postgres") as database,
        s3.running(tmp_path / "s3") as objects,
        valkey.running(tmp_path / "valkey") as redis,
    ):
        url = database.create("catalogue")
        migrate_postgres(url)
        places = Places(tmp_path / "home", url, objects.url(), redis.url(), objects.variables)
        yield Site(places, {"postgres": database, "s3": objects, "redis": redis})


@pytest.mark.soak
@pytest.mark.timeout(180 * (1 + KILLS))
def test_asks_go_on_by_themselves_and_nothing_is_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with load(site.places) as asks:
        asks.until_answered()
        for name, server in [*site.servers.items()] * KILLS:
            if name == "redis":
                _forget_failures(site, monkeypatch)  # that objects were away is remembered for a while
                asks.until_answered()
            failed = len(asks.errors)
            server.kill()
            asks.until_more_heard(PROCESSES * THREADS)
            server.start()
            asks.until_answered()
            print(f"{name} killed: {asks.told(failed)}")
            if name == "redis":
                assert asks.errors[failed:] == [], "without Redis all is slower, and nothing else"
    with _opened(site, monkeypatch) as store:
        asks.check(store)


def _opened(site: Site, monkeypatch: pytest.MonkeyPatch) -> "closing[Store]":
    for name, value in site.places.variables.items():
        monkeypatch.setenv(name, value)
    return closing(replace(site.places, redis_url="").open())


def _forget_failures(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with _opened(site, monkeypatch) as store:
        store.catalog.clear_failures()
