"""The rows of the catalogue in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from amber.store.plans import Counts, Moment
from amber.store.records import (
    AssetRecord,
    Audit,
    Failure,
    Invalidation,
    KeptPlan,
    Lease,
    Location,
    NewTrace,
    Pin,
)
from amber.store.verdicts import FrameRange, Verdict


@dataclass
class Rows:
    """All rows; dictionaries keep the order in which they were written."""

    epoch: int = 0
    fence: int = 0
    assets: dict[str, AssetRecord] = field(default_factory=dict)
    frame_times: dict[str, bytes] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    commits: dict[str, NewTrace] = field(default_factory=dict)
    resolved: dict[str, str] = field(default_factory=dict)
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    invalidations: list[Invalidation] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    verdicts: dict[tuple[FrameRange, FrameRange], Verdict] = field(default_factory=dict)
    #: Recipe → the number of its commit; and the latest number.
    numbers: dict[str, int] = field(default_factory=dict)
    latest: int = 0
    #: Recipe → the assets that the holder of its lease named.
    lease_assets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Asset → when it was taken down.
    forgotten: dict[str, datetime] = field(default_factory=dict)
    plans: dict[str, "PlanRow"] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)
    garbage: dict[str, "GarbageRow"] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanRow:
    """A plan, and what it is compared with later."""

    plan: KeptPlan
    counts: Counts
    moment: Moment


@dataclass(frozen=True)
class GarbageRow:
    """A blob that nothing needs, or that was collected, and the last fence of that time."""

    size_bytes: int
    marked_at: float
    fence: int
    collected: bool = False
