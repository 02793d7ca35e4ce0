"""What computing took and what was saved, summed up by algorithm, version and requester."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

#: So long it is known that a batch was added; whoever may add it again does within that time, or not at all.
COUNTED_SECONDS = 30 * 86_400.0


@dataclass(frozen=True)
class Account:
    """Sums of one algorithm's version, for one requester and one kind of machine."""

    algorithm: str
    version: str
    #: A person, or the name of an access token; empty for what was computed before requesters were known.
    requester: str
    #: The kind of machine that computed; empty for what was found, and for what was computed before kinds were known.
    machine: str = ""
    #: Computations that were committed, and what they took in all.
    computed: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_read: int = 0
    #: The most memory that one of them took.
    peak_memory_bytes: int = 0
    #: How often a stored feature was found, and the wall seconds that these took once, without what is below them.
    hits: int = 0
    saved_seconds: float = 0.0
    #: Bytes of their values, which nobody had to make again.
    saved_bytes: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Whose sums they are."""
        return self.algorithm, self.version, self.requester, self.machine

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.algorithm,
            self.version,
            self.requester,
            self.machine,
            self.computed + other.computed,
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.bytes_read + other.bytes_read,
            max(self.peak_memory_bytes, other.peak_memory_bytes),
            self.hits + other.hits,
            self.saved_seconds + other.saved_seconds,
            self.saved_bytes + other.saved_bytes,
        )


class AccountCatalog(Protocol):
    """Sums of costs. Every method is one transaction."""

    def add_accounts(self, accounts: Sequence[Account], *, batch: str = "") -> bool:
        """Add to what is counted (commits add what they took themselves); whether it was added.

        Args:
            accounts: What is added.
            batch: Names it: a batch that was added within `COUNTED_SECONDS` is not added again.
        """

    def accounts(self) -> list[Account]:
        """All sums, by algorithm, version, requester and kind of machine."""
