"""Counts what stored features saved, at the price of an addition; a line in a file of the machine now and then carries it on."""

import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from amber.store.accounts import Account, AccountCatalog
from amber.store.protocol import Trace

#: A process that goes on writes its sums down no more often.
WRITE_SECONDS = 5.0


class Savings:
    """What this process saved since it last wrote it down.

    A warm answer must not wait for a transaction, nor load what makes one: sums are added to a file of the machine, and
    whoever reads costs, or works, puts what is there into the catalogue. What was written down counts, once, whoever dies;
    what a crash takes along before that, some seconds' worth, is lost.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums: dict[tuple[str, str, str], tuple[int, float, int]] = {}
        self._lock = threading.Lock()
        self._written_at = time.monotonic()

    def note(self, found: Trace, requester: str) -> None:
        """Count a stored feature that was found, what it took once, and how large its value is."""
        key = (found.algorithm, found.version, requester)
        with self._lock:
            hits, seconds, size_bytes = self._sums.get(key, (0, 0.0, 0))
            self._sums[key] = (hits + 1, seconds + found.seconds, size_bytes + found.value.size_bytes)
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
        lines = [json.dumps([*key, *saved]) + "\n" for key, saved in sums.items()]
        try:
            while not self._append("".join(lines).encode()):
                continue
        except OSError:
            return

    def _append(self, data: bytes) -> bool:
        """Write at the end of the file; whether it still is the file, and not one that is being counted."""
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                is_current = os.path.samestat(os.fstat(file.fileno()), self._path.stat())
            except FileNotFoundError:
                return False
            if is_current:
                file.write(data)
            return is_current

    def settle(self, catalog: AccountCatalog) -> None:
        """Put what all processes of this machine wrote down into the catalogue, and what one that died was about to put there.

        Raises:
            StoreError: It cannot be put there; it stays on the machine.
        """
        self.write()
        with suppress(OSError):  # there is nothing, or another process has just taken it
            self._path.rename(self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex}"))
        for batch in sorted(self._path.parent.glob(f"{self._path.name}.*")):
            self._count(batch, catalog)

    def _count(self, path: Path, catalog: AccountCatalog) -> None:
        """Count a file that nobody adds to any more; the catalogue knows those it has, so whoever dies on the way loses nothing."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # who opened it under its old name writes first
                lines = file.read().splitlines()
        except FileNotFoundError:
            return  # another process has counted it
        found: dict[tuple[str, str, str], Account] = {}
        for line in lines:
            try:
                algorithm, version, requester, hits, seconds, *more = json.loads(line)
                one = Account(
                    algorithm,
                    version,
                    requester,
                    hits=int(hits),
                    saved_seconds=float(seconds),
                    saved_bytes=int(more[0]) if more else 0,  # an earlier release wrote none
                )
            except (ValueError, TypeError):
                continue  # cut off by a loss of power
            key = (algorithm, version, requester)
            found[key] = found[key] + one if key in found else one
        if found:
            catalog.add_accounts(list(found.values()), batch=path.name.rpartition(".")[2])
        path.unlink(missing_ok=True)


def costs_document(accounts: Sequence[Account]) -> dict[str, object]:
    """What was spent and saved, as JSON has it."""
    return {
        "seconds": sum(one.seconds for one in accounts),
        "saved_seconds": sum(one.saved_seconds for one in accounts),
        "saved_bytes": sum(one.saved_bytes for one in accounts),
        "rows": [asdict(one) for one in accounts],
    }
