"""What was spent and saved, in memory."""

import threading
from collections.abc import Sequence

from amber.store.accounts import Account


class AccountsInMemory:
    """The part of a catalogue in memory that sums up costs; every method holds one lock."""

    _lock: threading.RLock

    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[tuple[str, str, str, str], Account] = {}
        self._counted: set[str] = set()

    def add_accounts(self, accounts: Sequence[Account], *, batch: str = "") -> bool:
        """See the protocol."""
        with self._lock:
            if batch in self._counted:
                return False
            self._counted |= {batch} if batch else set()
            for one in accounts:
                there = self._accounts.get(one.key)
                self._accounts[one.key] = one if there is None else there + one
            return True

    def accounts(self) -> list[Account]:
        """See the protocol."""
        with self._lock:
            return [self._accounts[key] for key in sorted(self._accounts)]
