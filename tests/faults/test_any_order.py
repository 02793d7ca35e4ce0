"""Whatever happens to a store on real servers, in whatever order: PostgreSQL, and Redis that loses all or lies."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from amber.store.cache import CachedBlobs
from amber.store.open import open_store
from amber.store.protocol import Store
from amber.store.redis_link import RedisLink, RedisWire
from amber.store.wakeups import SharedWakeups
from tests.engine.test_any_order import playing
from tests.engine.upheaval import AnyOrder
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey

EXAMPLES, STEPS = (100, 40) if "AMBER_SOAK" in os.environ else (6, 20)


class Homes:
    """Opens empty stores one after the other: each has its own database, and all share the Redis."""

    def __init__(self, postgres: Postgres, template: str, valkey: Valkey) -> None:
        self._postgres = postgres
        self._template = template
        self._valkey = valkey
        self._url = valkey.empty()
        self.names: list[str] = []

    def open(self, folder: Path) -> Store:
        self._drop()
        self.names.append(self._postgres.new_name())
        self._valkey.empty()
        made = open_store(folder, self._postgres.create(self.names[-1], self._template))
        link = RedisLink(self._url)
        cached = CachedBlobs(made.blobs, link, reads_before_loading=0)
        made.wakeups.close()
        return replace(made, blobs=cached, wakeups=SharedWakeups(RedisWire(link)))

    def lose(self, number: int) -> None:
        """Redis is empty, or everything in it is a lie."""
        if number % 2:
            self._valkey.empty()
            return
        with self._valkey.client(int(self._url.rpartition("/")[2])) as client:
            for key in client.scan_iter("amber:blob:*"):
                client.set(key, b"a lie")

    def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        while self.names:
            self._postgres.drop(self.names.pop())


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_answer_is_wrong_or_stale_on_servers(
    postgres: Postgres, catalogue_template: str, valkey: Valkey, request: pytest.FixtureRequest
) -> None:
    homes = Homes(postgres, catalogue_template, valkey)
    request.addfinalizer(homes.close)
    machine: Callable[[], AnyOrder] = partial(AnyOrder, homes.open, homes.lose)
    run_state_machine_as_test(machine, settings=playing(EXAMPLES, STEPS))
