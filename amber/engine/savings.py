"""Counts what stored features saved, at the price of an addition; a line in a file of the machine now and then carries it on."""

import json
import os
import threading
import time
import uuid
from dataclasses import asdict
from pathlib import Path

from amber.store.accounts import Account, AccountCatalog

#: A process that goes on writes its sums down no more often.
WRITE_SECONDS = 5.0


class Savings:
    """What this process saved since it last wrote it down.

    A warm answer must not wait for a transaction, nor load what makes one: sums are added to a file of the machine, and
    whoever reads costs, or works, puts what is there into the catalogue. What a crash takes along is lost; nothing counts twice.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums: dict[tuple[str, str, str], tuple[int, float]] = {}
        self._lock = threading.Lock()
        self._written_at = time.monotonic()

    def note(self, algorithm: str, version: str, requester: str, seconds: float) -> None:
        """Count a stored feature that was found, and what it took once."""
        key = (algorithm, version, requester)
        with self._lock:
            hits, saved = self._sums.get(key, (0, 0.0))
            self._sums[key] = (hits + 1, saved + seconds)
            is_due = time.monotonic() - self._written_at > WRITE_SECONDS
        if is_due:
            self.write()

    def write(self) -> None:
        """Write the sums down; where the disk does not take them, they are lost, and nobody is kept waiting."""
        with self._lock:
            sums, self._sums = self._sums, {}
            self._written_at = time.monotonic()
        if not sums:
            return
        lines = [json.dumps([*key, hits, saved]) + "\n" for key, (hits, saved) in sums.items()]
        try:
            with self._path.open("a") as file:
                file.write("".join(lines))
        except OSError:
            return

    def settle(self, catalog: AccountCatalog) -> None:
        """Put what all processes of this machine wrote down into the catalogue."""
        self.write()
        mine = self._path.with_name(f"{self._path.name}.{os.getpid()}-{uuid.uuid4().hex}")
        try:
            self._path.rename(mine)
        except OSError:
            return  # there is nothing, or another process has just taken it
        lines = mine.read_text().splitlines()
        mine.unlink()
        found: dict[tuple[str, str, str], Account] = {}
        for line in lines:
            try:
                algorithm, version, requester, hits, saved = json.loads(line)
                one = Account(algorithm, version, requester, hits=int(hits), saved_seconds=float(saved))
            except (ValueError, TypeError):
                continue  # cut off by a loss of power
            key = (algorithm, version, requester)
            found[key] = found[key] + one if key in found else one
        if found:
            catalog.add_accounts(list(found.values()))


def account_document(account: Account) -> dict[str, object]:
    """Sums as JSON has them."""
    return asdict(account)
