"""A worker that watches what it is told to, as a process that is forked from one that has imported everything."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from amber.client import Amber
from amber.service.work import work
from amber.settings import Settings
from tests.faults.forking import forking

#: An algorithm of a moment.
CHEAP = Path(__file__).with_name("cheap.py")


def _work(home: str, watch: tuple[str, ...], log: str, variables: dict[str, str]) -> None:
    """What `amber worker` does."""
    os.environ.update(variables)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    with Amber.open(settings=Settings(Path(home), algorithms=(str(CHEAP),))) as amber:
        work(amber, jobs=2, watch=watch)


@contextmanager
def worker(
    home: Path, *watch: Path | str, variables: Mapping[str, str] | None = None
) -> Iterator[ForkServerProcess]:
    """A worker; killed at the end without a word, if it still is there.

    Args:
        home: The store; its log is written beside it.
        watch: Folders, and prefixes of an object store.
        variables: The environment variables that lead to it.
    """
    given = (str(home), tuple(map(str, watch)), str(home.parent / "worker.log"), dict(variables or {}))
    process: ForkServerProcess = forking().Process(target=_work, args=given, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)
