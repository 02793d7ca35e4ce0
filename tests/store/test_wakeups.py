"""Who waits is told of news, across threads and processes, by Redis and by PostgreSQL; news that is lost costs a moment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from amber.store.postgres_connections import PostgresWire
from amber.store.redis_link import RedisLink, RedisWire
from amber.store.wakeups import (
    CHANNEL,
    MOST_TOGETHER,
    TOLD_SECONDS,
    UNTOLD_SECONDS,
    LocalWakeups,
    SharedWakeups,
    Wire,
    messages,
)
from tests.faults.forking import forking
from tests.servers import valkey as server
from tests.servers.postgres import Postgres
from tests.servers.processes import PATIENCE_SECONDS, until
from tests.servers.valkey import Valkey

RECIPE, OTHER = "ab" * 32, "cd" * 32
#: Kind of wire → one to a server of that kind.
WIRES: dict[str, Callable[[str], Wire]] = {
    "postgres": PostgresWire,
    "redis": lambda url: RedisWire(RedisLink(url)),
}


@pytest.fixture(params=WIRES)
def kind(request: pytest.FixtureRequest) -> str:
    """What carries the news."""
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of a shared server of that kind."""
    if kind == "redis":
        valkey: Valkey = request.getfixturevalue("valkey")
        return valkey.empty()
    return str(request.getfixturevalue("database_url"))


@pytest.fixture
def wakeups(kind: str, url: str) -> Iterator[SharedWakeups]:
    """News by way of it."""
    made = SharedWakeups(WIRES[kind](url))
    yield made
    made.close()


def _is_told(wakeups: SharedWakeups) -> None:
    until(lambda: wakeups.longest_seconds == TOLD_SECONDS, "it is subscribed")


def test_a_waiter_is_told_what_happened_since_it_listens() -> None:
    wakeups = LocalWakeups()
    wakeups.publish(RECIPE)
    with wakeups.waiting(RECIPE) as waiter:
        assert not waiter.wait(0)
        wakeups.publish(OTHER)
        assert not waiter.wait(0)
        wakeups.publish(RECIPE)
        assert waiter.wait(0)
        assert not waiter.wait(0), "news is told once"


def test_all_who_wait_are_told(wakeups: SharedWakeups) -> None:
    with wakeups.waiting(RECIPE) as one, wakeups.waiting(RECIPE) as another:
        wakeups.publish(RECIPE)
        assert one.wait(0) and another.wait(0), "those of this process without a way round"


def _tell(kind: str, url: str) -> None:
    SharedWakeups(WIRES[kind](url)).publish(RECIPE)


def test_another_process_is_told(wakeups: SharedWakeups, kind: str, url: str) -> None:
    with wakeups.waiting(RECIPE) as waiter:
        _is_told(wakeups)
        waiter.wait(0)  # told once for what it did not hear before
        teller = forking().Process(target=_tell, args=(kind, url))
        teller.start()
        assert waiter.wait(PATIENCE_SECONDS)
        teller.join(PATIENCE_SECONDS)
        assert teller.exitcode == 0


def test_news_of_many_is_told_in_one_set(wakeups: SharedWakeups, kind: str, url: str) -> None:
    """So many that they are more than one message, each with something of its own."""
    names = [f"{number:064x}" for number in range(3 * MOST_TOGETHER // 2)]
    with ExitStack() as stack:
        waiters = [stack.enter_context(wakeups.waiting(name)) for name in names]
        other = stack.enter_context(wakeups.waiting(OTHER))
        _is_told(wakeups)
        for one in [*waiters, other]:
            one.wait(0)
        with closing(SharedWakeups(WIRES[kind](url))) as teller:
            teller.publish(*names)
        assert all(one.wait(PATIENCE_SECONDS) for one in waiters)
        assert not other.wait(0)


def test_a_message_is_no_longer_than_postgres_takes() -> None:
    names = [f"{number:064x}" for number in range(3 * MOST_TOGETHER // 2)]
    made = messages(names)
    assert [name for message in made for name in message.split("\n")] == names
    assert len(made) == 2 and max(map(len, made)) < 8_000


def test_a_process_subscribes_once_to_redis(valkey: Valkey) -> None:
    wakeups = SharedWakeups(RedisWire(RedisLink(valkey.empty())))
    with valkey.client() as client:
        before = dict(client.pubsub_numsub(CHANNEL))[CHANNEL.encode()]
        for _ in range(5):
            with wakeups.waiting(RECIPE):
                _is_told(wakeups)
        assert dict(client.pubsub_numsub(CHANNEL))[CHANNEL.encode()] == before + 1
    wakeups.close()


def test_when_redis_is_back_all_who_wait_are_told_and_it_listens_again(tmp_path: Path) -> None:
    with server.running(tmp_path) as own:
        wakeups = SharedWakeups(RedisWire(RedisLink(own.url())))
        with wakeups.waiting(RECIPE) as waiter:
            _is_told(wakeups)
            waiter.wait(0)
            own.kill()
            until(lambda: wakeups.longest_seconds == UNTOLD_SECONDS, "it knows that it hears nothing")
            wakeups.publish(OTHER)
            assert not waiter.wait(0)
            own.start()
            assert waiter.wait(PATIENCE_SECONDS), "something may have happened meanwhile"
            with own.client() as client:
                until(lambda: client.publish(CHANNEL, RECIPE) > 0, "it listens again")
            assert waiter.wait(PATIENCE_SECONDS)
        wakeups.close()


def test_when_postgres_is_back_all_who_wait_are_told_and_it_listens_again(
    postgres: Postgres, database_url: str
) -> None:
    """Its connections are cut, as when it is started anew."""
    wakeups = SharedWakeups(PostgresWire(database_url))
    with wakeups.waiting(RECIPE) as waiter:
        _is_told(wakeups)
        waiter.wait(0)
        postgres.cut(database_url)
        assert waiter.wait(PATIENCE_SECONDS), "something may have happened meanwhile"
        _is_told(wakeups)
        with closing(PostgresWire(database_url)) as other:
            other.send([RECIPE])
        assert waiter.wait(PATIENCE_SECONDS)
    wakeups.close()


def test_a_wire_without_a_server_costs_nobody_an_error(kind: str) -> None:
    nowhere = {"postgres": "postgresql://127.0.0.1:1/x", "redis": "redis://127.0.0.1:1"}
    wakeups = SharedWakeups(WIRES[kind](nowhere[kind]))
    with wakeups.waiting(RECIPE) as waiter:
        wakeups.publish(RECIPE)
        assert waiter.wait(0) and wakeups.longest_seconds == UNTOLD_SECONDS
    wakeups.close()


def test_closing_ends_the_thread(wakeups: SharedWakeups) -> None:
    with wakeups.waiting(RECIPE):
        _is_told(wakeups)
    before = {thread for thread in threading.enumerate() if thread.name == "amber-wakeups"}
    wakeups.close()
    assert sum(thread.is_alive() for thread in before) == len(before) - 1
