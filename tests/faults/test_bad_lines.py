"""Bad lines between processes and PostgreSQL, S3 and Redis under load: errors are told, nothing is wrong, and asks go on by themselves."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.load import PROCESSES, THREADS, Places, load
from tests.faults.proxy import Fault, Proxy, between, moved
from tests.servers.s3 import S3
from tests.servers.valkey import Valkey

#: How often each fault comes.
ROUNDS = 10 if "AMBER_SOAK" in os.environ else 1
FAULTS = [Fault("slow"), Fault("reset"), Fault("silent"), Fault("short")]
NOW_AND_THEN = [Fault("reset", 0.1), Fault("short", 0.2)]
OF_HTTP = [Fault("busy")]


@dataclass(frozen=True)
class Site:
    """A store, and the lines that lead to its parts."""

    direct: Places
    through: Places
    lines: dict[str, Proxy]


@pytest.fixture
def site(tmp_path: Path, database_url: str, s3: S3, valkey: Valkey) -> Iterator[Site]:
    """An empty store on real servers."""
    direct = Places(tmp_path / "home", database_url, s3.url(), valkey.empty(), s3.variables)
    ports = {"postgres": urlsplit(database_url).port or 0, "s3": s3.port, "redis": valkey.port}
    with ExitStack() as stack:
        lines = {name: stack.enter_context(between(port)) for name, port in ports.items()}
        endpoint = moved(s3.endpoint, lines["s3"].port)
        through = Places(
            direct.home,
            moved(database_url, lines["postgres"].port),
            direct.blobs_url,
            moved(direct.redis_url, lines["redis"].port),
            {**s3.variables, "AWS_ENDPOINT_URL": endpoint},
        )
        yield Site(direct, through, lines)


@pytest.mark.soak
@pytest.mark.timeout(120 * (1 + ROUNDS))
@pytest.mark.parametrize("line", ["postgres", "s3", "redis"])
def test_asks_go_on_by_themselves_and_nothing_is_lost_or_wrong(
    site: Site, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load(site.through) as asks:
        asks.until_answered()
        for fault in [*FAULTS, *OF_HTTP * (line == "s3"), *NOW_AND_THEN * (ROUNDS > 1)] * ROUNDS:
            failed = len(asks.errors)
            site.lines[line].put(fault)
            asks.until_more_heard(2 * PROCESSES * THREADS)
            site.lines[line].put(None)
            asks.until_answered()
            print(f"{line}, {fault}: {asks.told(failed)}")
            if line == "redis":
                assert asks.errors[failed:] == [], "without Redis all is slower, and nothing else"
    for name, value in site.direct.variables.items():
        monkeypatch.setenv(name, value)
    with closing(replace(site.direct, redis_url="").open()) as store:
        asks.check(store)
