"""Who waits is told of news, across threads and processes; news that is lost costs a moment."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from amber.store.redis_link import RedisLink
from amber.store.wakeups import CHANNEL, TOLD_SECONDS, UNTOLD_SECONDS, LocalWakeups, RedisWakeups
from tests.servers import valkey as server
from tests.servers.processes import PATIENCE_SECONDS, until
from tests.servers.valkey import Valkey

RECIPE, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def wakeups(valkey: Valkey) -> Iterator[RedisWakeups]:
    """News by way of a Redis."""
    made = RedisWakeups(RedisLink(valkey.empty()))
    yield made
    made.close()


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


def test_all_who_wait_are_told(wakeups: RedisWakeups) -> None:
    with wakeups.waiting(RECIPE) as one, wakeups.waiting(RECIPE) as another:
        wakeups.publish(RECIPE)
        assert one.wait(0) and another.wait(0), "those of this process without a way round"


def test_another_process_is_told(wakeups: RedisWakeups, valkey: Valkey) -> None:
    program = (
        "import sys; from amber.store.redis_link import RedisLink; from amber.store.wakeups import RedisWakeups;"
        "RedisWakeups(RedisLink(sys.argv[1])).publish(sys.argv[2])"
    )
    with wakeups.waiting(RECIPE) as waiter:
        until(lambda: wakeups.longest_seconds == TOLD_SECONDS, "it is subscribed")
        waiter.wait(0)  # told once for what it did not hear before
        subprocess.run([sys.executable, "-c", program, valkey.url(), RECIPE], check=True)
        assert waiter.wait(PATIENCE_SECONDS)


def test_a_process_subscribes_once(wakeups: RedisWakeups, valkey: Valkey) -> None:
    with valkey.client() as client:
        before = dict(client.pubsub_numsub(CHANNEL))[CHANNEL.encode()]
        for _ in range(5):
            with wakeups.waiting(RECIPE):
                until(lambda: wakeups.longest_seconds == TOLD_SECONDS, "it is subscribed")
        assert dict(client.pubsub_numsub(CHANNEL))[CHANNEL.encode()] == before + 1


def test_when_redis_is_back_all_who_wait_are_told_and_it_listens_again(tmp_path: Path) -> None:
    with server.running(tmp_path) as own:
        wakeups = RedisWakeups(RedisLink(own.url()))
        with wakeups.waiting(RECIPE) as waiter:
            until(lambda: wakeups.longest_seconds == TOLD_SECONDS, "it is subscribed")
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


def test_closing_ends_the_thread(valkey: Valkey) -> None:
    wakeups = RedisWakeups(RedisLink(valkey.empty()))
    with wakeups.waiting(RECIPE):
        assert any(thread.name == "amber-wakeups" for thread in threading.enumerate())
    before = {thread for thread in threading.enumerate() if thread.name == "amber-wakeups"}
    wakeups.close()
    assert sum(thread.is_alive() for thread in before) == len(before) - 1
