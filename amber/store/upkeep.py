"""What a catalogue does besides answering asks: plans that are kept and applied, and the collecting of what is left over."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from amber.store.records import Applied, Blob, Disowned, KeptPlan, Pin, Usage


class Upkeep(Protocol):
    """Plans, collecting, pins. Every method is one transaction."""

    # plans

    def plan_invalidation(
        self,
        target: Disowned,
        *,
        with_dependants: bool = False,
        where: Mapping[str, str] | None = None,
        reason: str,
        who: str,
    ) -> KeptPlan:
        """Count what disowning this would cover, in one view of the catalogue, and keep that as a plan.

        Only features that are not disowned already count.
        Dependants are features made from those, transitively; `with_dependants` disowns all that their algorithms of
        these versions made for the same assets.

        Args:
            target: Algorithm, version, and assets (None: all).
            with_dependants: Whether what depends on it is disowned too.
            where: The labels by which the assets were chosen; a plan drifts when other assets have them.
            reason: In words.
            who: By whom.
        """

    def plan_forget(self, asset: str, *, reason: str, who: str) -> KeptPlan:
        """Count what taking an asset down would remove, and keep that as a plan."""

    def plan_retention(self, versions: int, *, undo_seconds: float, who: str) -> KeptPlan:
        """Count what dropping superseded features would remove, and keep that as a plan.

        A feature is superseded where exactly its assets have features of so many later versions, or where it was disowned
        so long ago; what is pinned, and what a feature that stays was made from, stays.
        `detail` has `ended`: the plans of invalidation that could no longer be undone, each with its day.

        Args:
            versions: How many versions of an algorithm stay for exactly the same assets.
            undo_seconds: For so long what was disowned stays, so that it can be undone.
            who: By whom.
        """

    def plan(self, plan_id: str) -> KeptPlan:
        """The plan of that id.

        Raises:
            PlanNotFoundError: There is none.
        """

    def plans(self) -> list[KeptPlan]:
        """All plans, oldest first."""

    def apply_plan(self, plan_id: str, *, who: str) -> Applied:
        """Do what a plan says, in one transaction, or nothing.

        An invalidation writes a row for each (algorithm, version), whatever the number of features, and raises the epoch.
        A forget removes the asset and everything made from it, revokes its leases, ends its jobs, and raises the epoch.
        Where nothing at all was committed, disowned or healed since the plan was made, nothing is counted again.

        Raises:
            PlanNotFoundError: There is none.
            PlanStateError: It was applied already.
            PlanDriftedError: What it covers is no longer what it said; says what.
        """

    def undo_plan(self, plan_id: str, *, who: str) -> KeptPlan:
        """Take an applied invalidation back.

        Raises:
            PlanNotFoundError: There is none.
            PlanStateError: It is none of an invalidation, was not applied, was undone already, or what it disowned is gone.
        """

    # collecting

    def mark_garbage(self, orphans: Sequence[Blob]) -> int:
        """Remember that nothing needs these blobs now, and forget it of all others; how many were not marked before."""

    def garbage(self, grace_seconds: float) -> list[Blob]:
        """What has been marked for so long, while whoever works now began after that.

        Leases that ended before that time are removed: whoever comes back with one is refused.
        """

    def collect(self, digests: Sequence[str], delete: Callable[..., object]) -> list[str]:
        """Delete those blobs that nothing needs, and see to it that nobody commits one who stored it before; which ones.

        Args:
            digests: A few; nothing can be committed meanwhile.
            delete: Removes the bytes of the digests it is given.
        """

    def pin(self, pin: Pin) -> bool:
        """Keep a feature, or all of an algorithm's version, from being superseded; whether it was not pinned before."""

    def unpin(self, name: str) -> bool:
        """Take a pin away; whether there was one."""

    def pins(self) -> list[Pin]:
        """All pins, by name."""

    def usage(self) -> list[Usage]:
        """What the blobs that features need take up, by kind, algorithm and version."""
