"""What a store is: a catalogue of rows and a keeper of blobs, each behind one protocol."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from amber.errors import AmberError
from amber.keys import Snapshot
from amber.store.accounts import AccountCatalog
from amber.store.arrivals import ArrivalCatalog
from amber.store.backfills import BackfillCatalog
from amber.store.jobs import JobCatalog
from amber.store.originals import Originals
from amber.store.records import (
    UPLOADED,
    Applied,
    AssetRecord,
    Audit,
    Blob,
    Commit,
    Cost,
    Disowned,
    Extent,
    Failure,
    FailureClass,
    Invalidation,
    KeptPlan,
    Lease,
    LeaseAsk,
    Link,
    Location,
    Lookup,
    NewTrace,
    Pin,
    PlanAction,
    PlanState,
    Trace,
    TraceInput,
    Usage,
)
from amber.store.subscriptions import SubscriptionCatalog
from amber.store.tokens import TokenCatalog
from amber.store.upkeep import Upkeep
from amber.store.verdicts import VerdictCatalog
from amber.store.wakeups import LocalWakeups, Wakeups

__all__ = [
    "UPLOADED",
    "Applied",
    "AssetRecord",
    "Audit",
    "Blob",
    "Blobs",
    "Catalog",
    "Commit",
    "Cost",
    "Disowned",
    "Extent",
    "Failure",
    "FailureClass",
    "Invalidation",
    "KeptPlan",
    "Lease",
    "LeaseAsk",
    "Link",
    "Location",
    "Lookup",
    "NewTrace",
    "Pin",
    "PlanAction",
    "PlanState",
    "Store",
    "Trace",
    "TraceInput",
    "Usage",
]


class Catalog(
    AccountCatalog,
    Upkeep,
    JobCatalog,
    BackfillCatalog,
    SubscriptionCatalog,
    ArrivalCatalog,
    TokenCatalog,
    VerdictCatalog,
    Protocol,
):
    """Rows: assets, features, leases, failures, jobs, invalidations. Every method is one transaction."""

    # assets

    def put_asset(self, asset: AssetRecord, *, frame_times: bytes | None = None) -> bool:
        """Record an asset; whether it was new. A known asset keeps its title, its labels and its frame times.

        One that was taken down begins anew.

        Frame times are kept as they are given; None where they follow from the rate.
        """

    def frame_times(self, asset: str) -> bytes | None:
        """The frame times that were recorded with the asset; None if there are none."""

    def asset(self, asset: str) -> AssetRecord | None:
        """The asset of that hash."""

    def find_assets(self, name: str) -> list[AssetRecord]:
        """Assets whose hash begins with `name` (six digits or more) or whose title is `name`."""

    def assets(
        self, where: Mapping[str, str] | None = None, *, after: str = "", limit: int | None = None
    ) -> list[AssetRecord]:
        """Assets in the order of their hashes, those with all these labels, from behind `after` on."""

    def set_title(self, asset: str, title: str) -> None:
        """Name the asset for people.

        Raises:
            AssetNotFoundError: There is no such asset.
        """

    def set_labels(self, asset: str, labels: Mapping[str, str | None]) -> None:
        """Set labels; None removes one.

        Raises:
            AssetNotFoundError: There is no such asset.
        """

    def put_location(self, location: Location) -> None:
        """Record where an asset was seen; the same URI replaces what was known of it.

        Raises:
            AssetNotFoundError: The asset is not recorded.
        """

    def location(self, uri: str) -> Location | None:
        """What was last seen at a URI."""

    def locations(self, asset: str) -> list[Location]:
        """Where an asset was seen, latest first, without those marked changed."""

    def mark_changed(self, uri: str) -> None:
        """Note that the file there no longer holds the asset."""

    # the two lookups

    def snapshot(self) -> Snapshot:
        """The epoch and the invalidations in force, read together."""

    def lookup(self, key: str) -> Lookup:
        """The feature of a resolved key and the epoch, in one statement."""

    def linked_traces(self, keys: Sequence[str]) -> dict[str, Trace]:
        """Resolved key → its feature, for those that are linked; any number of them."""

    def linked_values(self, keys: Sequence[str]) -> dict[str, str]:
        """Resolved key → digest of its feature's value, for those that are linked; any number of them."""

    def traces(self, recipes: Sequence[str]) -> dict[str, Trace]:
        """The committed computations of these recipes; any number of them."""

    def made_values(self, recipes: Sequence[str]) -> dict[str, str]:
        """Recipe → digest of its value, for those that were computed; any number of them."""

    def traces_of(self, subject: str) -> list[Trace]:
        """All committed computations of an algorithm, version and assets (`keys.subject`), newest first."""

    def traced_subjects(self, subjects: Sequence[str]) -> set[str]:
        """Those of the subjects of which anything was ever computed; any number of them."""

    def mean_seconds(self) -> dict[tuple[str, str], float]:
        """(algorithm, version) → mean wall seconds of the commits that were kept."""

    def find_traces(self, recipe_prefix: str) -> list[Trace]:
        """Features whose id begins so."""

    def features(self, asset: str) -> list[Trace]:
        """What is stored for an asset, alone or together with others, newest first."""

    # commits

    def link(self, key: str, recipe: str, epoch: int) -> bool:
        """Point a resolved key at a committed recipe, only if the epoch is still this one; whether it was."""

    def link_all(self, links: Sequence[Link]) -> list[bool]:
        """The same for each of them, in one transaction."""

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        """Commit one computation; raises what `commit_all` answers."""

    def commit_all(self, commits: Sequence[Commit]) -> list[Trace | AmberError]:
        """Commit each of them under its lease, end the lease, and link its key if the epoch is still its own.

        It is one transaction, in which each stands for itself: the answer to one that is refused is the error below, and
        nothing of that one is written.

        A remembered failure of the recipe is forgotten.
        The first commit of a recipe wins: where a trace is there already, it stays and is returned.
        If that trace's value is `lost` (a digest whose bytes cannot be read) and the new bytes differ, the store heals, in
        the same transaction: the old value is marked lost, the trace points at the new value, resolved rows whose recipe is
        it or was made from the lost value (by lineage, transitively) are dropped, the epoch rises, an audit row is written.

        Answers:
            StaleLeaseError: The lease is no longer this one.
            BlobCollectedError: A blob of it was collected after the lease was taken.
            AssetForgottenError: One of its assets was taken down.
            FeatureNotFoundError: The lineage names a feature that was not committed before.
        """

    # leases

    def take_lease(
        self,
        recipe: str,
        owner: str,
        seconds: float,
        *,
        assets: Sequence[str] = (),
        despite_fence: int | None = None,
    ) -> Lease | None:
        """Take one lease; raises what `take_leases` answers."""

    def take_leases(
        self, asked: Sequence[LeaseAsk], owner: str, seconds: float
    ) -> list[Lease | AmberError | None]:
        """Take each lease that nobody holds, that has expired, or whose fence is `despite_fence` (a holder known dead).

        It is one transaction; None answers where somebody holds the lease.
        An expired lease that nobody took is still its holder's: it can be renewed, and commits.

        Answers:
            AssetForgottenError: One of the assets was taken down.
        """

    def holder(self, recipe: str) -> Lease | None:
        """Who holds the lease now (expired ones count as not held)."""

    def renew_leases(self, leases: Sequence[Lease], seconds: float) -> set[str]:
        """Prolong leases; the recipes of those that are still held with these fences."""

    def release_lease(self, lease: Lease) -> None:
        """Give the lease back, if it is still this one."""

    # failures

    def failure(self, recipe: str) -> Failure | None:
        """The remembered failure of a recipe."""

    def failures(self, recipes: Sequence[str]) -> dict[str, Failure]:
        """Recipe → its remembered failure, for those that failed; any number of them."""

    def put_failure(self, failure: Failure) -> None:
        """Remember a failure; a later one of the same recipe replaces it. None is remembered of an asset that was taken down."""

    def clear_failures(self, *, algorithm: str | None = None, asset: str | None = None) -> int:
        """Forget failures, all or those of an algorithm or asset (or both), and the failed jobs; how many failures.

        A failed job goes with any failure below it, so the algorithm is not looked at in jobs.
        """

    # invalidations

    def invalidate(self, disowned: Sequence[Disowned], *, reason: str, who: str) -> list[Invalidation]:
        """Append one record for each, never reusing an id, clear failures they cover, and raise the epoch, in one transaction.

        Failures are cleared by algorithm and asset, of every version.
        """

    def undo(self, ids: Sequence[int], *, who: str) -> None:
        """Flag records as undone and raise the epoch; those undone already stay so. `undo_plan` does so by plan.

        Raises:
            NotFoundError: There is no record of an id; nothing is written.
        """

    def invalidations(self) -> list[Invalidation]:
        """All records, oldest first."""

    def audits(self) -> list[Audit]:
        """What was done to the store, oldest first."""

    # lineage and upkeep

    def made_from(self, recipe: str) -> list[TraceInput]:
        """What entered a feature."""

    def used_by(self, recipe: str) -> list[Trace]:
        """The features that this one entered."""

    def reason(self, recipe: str) -> str:
        """Why a feature was computed; empty for an unknown one."""

    def cost(self, recipe: str) -> Cost | None:
        """What a feature's computation took."""

    def referenced_blobs(self) -> Iterator[tuple[Blob, str]]:
        """Every blob that is needed, with one recipe that needs it: values, and the files they name.

        Also the bytes of uploads, with the hash of their asset.
        """

    def problems(self) -> list[str]:
        """Rows that contradict each other (a link without a trace, lineage without a feature), in sentences."""

    def close(self) -> None:
        """Let go of connections."""


class Blobs(Protocol):
    """Bytes by digest. What is read is checked against the digest that names it."""

    def put(self, data: bytes) -> Blob:
        """Keep bytes; durable when it returns, and never visible half-written. Replaces a damaged copy."""

    def put_file(self, path: Path) -> Blob:
        """Keep a file; otherwise as `put`. A file in the store's scratch folder is moved, any other is copied."""

    def read(self, sha256: str) -> bytes:
        """The bytes.

        Raises:
            BlobMissingError: There are none.
            BlobCorruptError: They do not have that digest.
        """

    def local_path(self, sha256: str) -> Path:
        """A file of this machine with these bytes, to be read only; checked once per process; raises as `read`."""

    def present(self, digests: Iterable[str]) -> set[str]:
        """Those that are there, by name and without reading."""

    def check(self, sha256: str) -> int:
        """Read the bytes through and return their number; raises as `read`. Never from a cache."""

    def delete(self, *digests: str) -> None:
        """Remove the bytes of these, as far as they are there; of many in few requests."""

    def sweep(self, idle_seconds: float) -> int:
        """Remove what killed writers left half-written and nobody has touched for so long; how many files."""

    def digests(self) -> Iterator[Blob]:
        """All blobs there are, in no order."""

    def close(self) -> None:
        """Let go of connections and of files that end with the process."""


@dataclass(frozen=True)
class Store:
    """A catalogue and the blobs it names."""

    catalog: Catalog
    blobs: Blobs
    #: A folder of this machine for scratch files, on the blobs' file system where there is one.
    scratch: Path
    #: Tells who waits for another worker that there is news.
    wakeups: Wakeups = field(default_factory=LocalWakeups)
    #: Reads originals that lie in object stores; None where none can be.
    originals: Originals | None = None

    def close(self) -> None:
        """Let go of connections."""
        self.wakeups.close()
        self.catalog.close()
        self.blobs.close()
        if self.originals is not None:
            self.originals.close()
