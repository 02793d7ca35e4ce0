"""Backfills: what is made to exist once for many assets, and what a catalogue remembers of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

BackfillState = Literal["running", "paused", "done", "cancelled"]
ItemState = Literal["waiting", "asked", "ready", "failed", "cancelled"]
ITEM_STATES: tuple[ItemState, ...] = ("waiting", "asked", "ready", "failed", "cancelled")


@dataclass(frozen=True)
class Wish:
    """What is asked for of each of many assets."""

    algorithm: str
    #: None is the default version at the time.
    version: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    #: Result type's name → algorithm that shall produce it.
    use: Mapping[str, str] = field(default_factory=dict)
    #: The labels that an asset must have.
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Backfill:
    """A wish for the assets that there were when it was made."""

    #: Twelve hexadecimal digits.
    id: str
    wish: Wish
    who: str
    state: BackfillState = "running"
    #: Why it is paused, where not somebody said so.
    reason: str = ""
    #: So many go first, alone; 0: none.
    canary: int = 0
    #: So many jobs of it at once, at most.
    concurrency: int = 8
    #: So many jobs a second, at most; 0: any number.
    rate: float = 0.0
    #: Compute seconds that it would take, when it was made, as far as they were ever measured.
    expected_seconds: float = 0.0
    #: How long it has been worked on.
    elapsed_seconds: float = 0.0
    #: When the next job may be asked for.
    next_at: float = 0.0
    #: Seconds since 1970.
    made_at: float = 0.0
    ended_at: float | None = None
    #: How many items there are in each state.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: How many of those that are ready were there before anything was asked.
    hits: int = 0

    @property
    def total(self) -> int:
        """How many assets it is about."""
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        """How many have not come to an end."""
        return self.counts.get("waiting", 0) + self.counts.get("asked", 0)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ("done", "cancelled")


@dataclass(frozen=True)
class Item:
    """One asset of a backfill."""

    position: int
    asset: str
    state: ItemState = "waiting"
    #: The resolved key of the job that was asked for; empty: none was.
    key: str = ""
    #: Whether the feature was there before anything was asked.
    hit: bool = False
    error: str = ""
    message: str = ""


class BackfillCatalog(Protocol):
    """Rows about backfills. Every method is one transaction."""

    def put_backfill(self, backfill: Backfill, assets: Sequence[str] | None = None) -> Backfill:
        """Record a backfill and its items: these assets, or all that have the labels of its wish; in the order of hashes.

        Raises:
            AssetNotFoundError: One of the assets is not recorded; nothing is written.
        """

    def backfill(self, backfill: str) -> Backfill:
        """The backfill of that id, with its counts.

        Raises:
            BackfillNotFoundError: There is none.
        """

    def backfills(self) -> list[Backfill]:
        """All backfills, oldest first, with their counts."""

    def move_backfill(
        self,
        backfill: str,
        state: BackfillState,
        *,
        of: Collection[BackfillState],
        reason: str = "",
        canary: int | None = None,
    ) -> bool:
        """Change the state, and the canary if it is given, if the state is one of these; whether it was.

        Cancelling cancels the items that have not ended.
        """

    def items(
        self,
        backfill: str,
        *,
        states: Collection[ItemState] = ITEM_STATES,
        after: int = -1,
        limit: int | None = None,
    ) -> list[Item]:
        """Items in these states, in their order, from behind position `after` on."""

    def tell_items(
        self,
        backfill: str,
        items: Sequence[Item],
        *,
        elapsed_seconds: float = 0.0,
        next_at: float | None = None,
    ) -> None:
        """Record what became of items that have not ended, and how long the backfill was worked on since."""

    def assets_added(self, where: Mapping[str, str] | None = None) -> dict[str, float]:
        """The assets with all these labels, and when each was recorded (seconds since 1970), in one set query."""

    def mean_bytes(self) -> dict[tuple[str, str], float]:
        """(algorithm, version) → mean bytes of a value and of the files that it names."""
