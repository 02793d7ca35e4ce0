"""Redis gone, slow, full, flushed or full of lies: answers come later, and are the same."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from amber.engine import resolve
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.invalidate import apply_plan, plan_forget
from amber.errors import BlobMissingError, ConfigurationError
from amber.registry import Registry
from amber.store.blobs import FileBlobs
from amber.store.cache import LARGEST_BYTES, CachedBlobs
from amber.store.open import open_store
from amber.store.redis_link import RedisLink
from tests.engine.test_engine import Counting, ask
from tests.servers import valkey as server
from tests.servers.processes import PATIENCE_SECONDS, until
from tests.servers.valkey import OwnValkey, Valkey

#: `printf hello | sha256sum`
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
KEY = f"amber:blob:{HELLO}"


class CountingFiles(FileBlobs):
    """Blobs that count how often they are read."""

    reads = 0

    def read(self, sha256: str) -> bytes:
        self.reads += 1
        return super().read(sha256)


@pytest.fixture
def behind(tmp_path: Path) -> CountingFiles:
    """The blobs that Redis stands in front of."""
    return CountingFiles(tmp_path / "blobs")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnValkey]:
    """A server of the test's own."""
    with server.running(tmp_path / "server") as running:
        yield running


@pytest.fixture
def blobs(behind: CountingFiles, valkey: Valkey) -> Iterator[CachedBlobs]:
    """Blobs with the shared server in front."""
    yield from _cached(behind, valkey.empty())


@pytest.fixture
def own_blobs(behind: CountingFiles, own: OwnValkey) -> Iterator[CachedBlobs]:
    """Blobs with the test's own server in front."""
    yield from _cached(behind, own.url())


def _cached(behind: CountingFiles, url: str) -> Iterator[CachedBlobs]:
    link = RedisLink(url)
    yield CachedBlobs(behind, link, reads_before_loading=0)
    link.close()


def test_a_value_is_read_from_redis_once_it_was_there(blobs: CachedBlobs, behind: CountingFiles) -> None:
    behind.put(b"hello")
    assert [blobs.read(HELLO) for _ in range(3)] == [b"hello"] * 3
    assert behind.reads == 1


def test_what_was_put_is_in_redis_already(blobs: CachedBlobs, behind: CountingFiles) -> None:
    blobs.put(b"hello")
    assert blobs.read(HELLO) == b"hello"
    assert behind.reads == 0


def test_what_is_large_stays_where_it_is(blobs: CachedBlobs, behind: CountingFiles) -> None:
    blob = blobs.put(bytes(LARGEST_BYTES + 1))
    assert len(blobs.read(blob.sha256)) == LARGEST_BYTES + 1
    assert behind.reads == 1
    assert blobs._link.client().keys() == []


@pytest.mark.parametrize("lie", [b"HELLO", b"", b"hello ", bytes(5_000_000)])
def test_a_lie_is_found_out_and_replaced(blobs: CachedBlobs, behind: CountingFiles, lie: bytes) -> None:
    blobs.put(b"hello")
    blobs._link.client().set(KEY, lie)
    assert [blobs.read(HELLO) for _ in range(2)] == [b"hello"] * 2
    assert behind.reads == 1


def test_something_else_under_the_key_is_no_error(blobs: CachedBlobs) -> None:
    blobs.put(b"hello")
    blobs._link.client().delete(KEY)
    blobs._link.client().rpush(KEY, "a", "list")
    assert blobs.read(HELLO) == b"hello"
    assert blobs.put(b"hello").sha256 == HELLO


def test_what_is_deleted_is_gone_from_redis_too(blobs: CachedBlobs) -> None:
    blobs.put(b"hello")
    blobs.delete(HELLO)
    with pytest.raises(BlobMissingError):
        blobs.read(HELLO)


def test_a_check_never_trusts_redis(blobs: CachedBlobs, behind: CountingFiles) -> None:
    blobs.put(b"hello")
    behind.delete(HELLO)
    assert blobs.read(HELLO) == b"hello"
    assert blobs.present([HELLO]) == set()
    with pytest.raises(BlobMissingError):
        blobs.check(HELLO)


def test_a_flushed_redis_fills_again(own_blobs: CachedBlobs, own: OwnValkey, behind: CountingFiles) -> None:
    own_blobs.put(b"hello")
    with own.client() as client:
        client.flushall()
    assert [own_blobs.read(HELLO) for _ in range(3)] == [b"hello"] * 3
    assert behind.reads == 1


def test_a_redis_killed_and_restarted_under_load_changes_no_answer(
    own_blobs: CachedBlobs, own: OwnValkey, behind: CountingFiles
) -> None:
    digests = [own_blobs.put(str(number).encode()).sha256 for number in range(50)]
    over = threading.Event()

    def load(worker: int) -> int:
        count = 0
        while not over.is_set():
            for number, sha256 in enumerate(digests):
                assert own_blobs.read(sha256) == str(number).encode()
                count += 1
            own_blobs.put(f"{worker} {count}".encode())
        return count

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load, worker) for worker in range(4)]
        own.kill()
        before = behind.reads
        until(lambda: behind.reads > before + 200, "reads go past it")
        own.start()
        with own.client() as client:
            until(lambda: int(client.info("keyspace").get("db0", {}).get("keys", 0)) >= 50, "it fills again")
        over.set()
        assert all(worker.result(PATIENCE_SECONDS) for worker in workers)


def test_a_redis_that_does_not_answer_costs_one_moment_and_then_none(
    own_blobs: CachedBlobs, own: OwnValkey, behind: CountingFiles
) -> None:
    own_blobs.put(b"hello")
    pid = int((own.process._pid).read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        questions = _count(own_blobs._link)
        assert [own_blobs.read(HELLO) for _ in range(200)] == [b"hello"] * 200
        assert behind.reads == 200
        assert len(questions) < 20, "after the first it was left alone"
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: bool(own_blobs.read(HELLO)) and _answers(own_blobs, behind), "it is asked again")


def _count(link: RedisLink) -> list[float]:
    """When a client was taken to ask with, from now on."""
    asked: list[float] = []
    taken = link.client
    link.client = lambda **patience: (asked.append(time.monotonic()), taken(**patience))[1]  # type: ignore[method-assign]
    return asked


def _answers(blobs: CachedBlobs, behind: CountingFiles) -> bool:
    before = behind.reads
    blobs.read(HELLO)
    return behind.reads == before


def test_a_full_redis_keeps_nothing_new_and_breaks_nothing(
    own_blobs: CachedBlobs, own: OwnValkey, behind: CountingFiles
) -> None:
    own_blobs.put(b"hello")
    with own.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
    blob = own_blobs.put(b"x" * 1000)
    assert own_blobs.read(blob.sha256) == b"x" * 1000
    assert (own_blobs.read(HELLO), behind.reads) == (b"hello", 1), "what it has it still gives"


def test_a_wrong_password_is_no_error_but_no_help(behind: CountingFiles, valkey: Valkey) -> None:
    link = RedisLink(f"redis://:wrong@127.0.0.1:{valkey.port}/0")
    blobs = CachedBlobs(behind, link, reads_before_loading=0)
    blobs.put(b"hello")
    assert (blobs.read(HELLO), behind.reads) == (b"hello", 1)
    with pytest.raises(redis.AuthenticationError):
        link.client().ping()
    link.close()


def test_who_waits_for_another_process_is_woken_by_redis(
    tmp_path: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stores on one home, as two processes have them: no news passes between them but by Redis."""
    monkeypatch.setattr(resolve, "FIRST_WAIT_SECONDS", 1e6)  # looks again only when told
    counting, started, go_on = Counting(), threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        assert go_on.wait(PATIENCE_SECONDS)

    def listen(event: StepEvent) -> None:
        if event.state == "waiting":
            go_on.set()

    counting.during = slow
    stores = [open_store(tmp_path / "home", redis_url=valkey.empty()) for _ in range(2)]
    engines = [Engine(store, Registry(counting.algorithms())) for store in stores]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engines[0].get, ask("numbers"))
        assert started.wait(PATIENCE_SECONDS)
        second = pool.submit(engines[1].get, ask("numbers"), listen)
        assert first.result(PATIENCE_SECONDS).data == second.result(PATIENCE_SECONDS).data
    assert counting.calls == ["numbers"]
    for engine in engines:
        engine.close()
        engine.store.close()


def test_a_title_taken_down_is_gone_from_redis_too(tmp_path: Path, valkey: Valkey) -> None:
    counting, wanted, url = Counting(), ask("numbers"), valkey.empty()
    store = open_store(tmp_path / "home", redis_url=url)
    engine = Engine(store, Registry(counting.algorithms()))
    sha256 = engine.get(wanted).trace.value.sha256
    with redis.Redis.from_url(url) as client:
        assert client.exists(f"amber:blob:{sha256}")
        plan = plan_forget(store, wanted.assets[0], reason="taken down")
        apply_plan(store, plan.id, action="forget")
        assert sha256 not in str(client.keys())
    engine.close()
    store.close()


@pytest.mark.parametrize(
    "url", ["http://host", "redis://:hidden@host:port/0", "redis://:hidden@host/name", "host"]
)
def test_an_address_that_cannot_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="AMBER_REDIS_URL cannot be read") as told:
        RedisLink(url)
    assert "hidden" not in str(told.value)
