"""What watched sources showed, and who does what only one shall do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Arrival:
    """What was read at a place of a watched source."""

    uri: str
    #: Tells whether it is still what was read.
    fingerprint: str
    #: None if it could not be read.
    asset: str | None = None
    #: Why it could not be read.
    problem: str = ""
    #: Seconds since 1970; 0 before it is recorded.
    seen_at: float = 0.0


@dataclass(frozen=True)
class Duty:
    """What a process does for all."""

    name: str
    owner: str
    expires_at: float


class ArrivalCatalog(Protocol):
    """Rows about sources and duties. Every method is one transaction."""

    def put_arrival(self, arrival: Arrival) -> None:
        """Record what was read; at the same place it replaces what was read before."""

    def arrivals(self, prefix: str) -> list[Arrival]:
        """What was read at places that begin so, in the order of places."""

    def drop_arrivals(self, uris: Sequence[str]) -> None:
        """Forget places that are there no more."""

    def take_duty(self, name: str, owner: str, seconds: float, *, dead: Collection[str] = ()) -> bool:
        """Do something for so long, unless another process that is not among the dead does it; whether it is ours."""

    def leave_duty(self, name: str, owner: str) -> None:
        """Do it no longer."""

    def duties(self) -> list[Duty]:
        """What is done now, by name."""
