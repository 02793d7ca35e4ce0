"""The records that a catalogue keeps, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from amber.keys import Part
from amber.store.accounts import Account

#: Whose fault a failure was: of the asset, of the algorithm, or of the machine.
FailureClass = Literal["input", "algorithm", "machine"]
#: The URI of an upload that is kept: this, and the SHA-256 of its bytes, which are a blob.
UPLOADED = "blob:"


@dataclass(frozen=True)
class Blob:
    """Bytes named by their SHA-256."""

    #: Hex SHA-256.
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class AssetRecord:
    """A known asset: what its content says, and the title and labels that people gave it."""

    #: The asset hash.
    asset: str
    title: str
    duration_seconds: float
    frame_count: int
    width: int
    height: int
    #: Frames a second if the timing is constant, else None.
    rate: Fraction | None
    #: Whether only a part of the content could be read.
    partial: bool = False
    #: Other facts about the content (codecs, rotation), for people; in no key.
    facts: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    added_at: datetime | None = None


@dataclass(frozen=True)
class Location:
    """Where an asset was seen. Nothing of it is in any key."""

    #: Absolute path, or `blob:` and the digest of an upload.
    uri: str
    asset: str
    #: Hex SHA-256 of the whole file.
    file_digest: str
    size_bytes: int
    #: Modification time when it was read, to notice a change without reading.
    mtime_ns: int
    #: Container name and tags.
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: Set when the file was found to hold something else.
    changed: bool = False
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Trace:
    """A committed computation: recipe → value."""

    #: Hex SHA-256 of what the value is made from; the feature's id.
    recipe: str
    algorithm: str
    version: str
    part: Part
    #: Asset hashes, sorted.
    assets: tuple[str, ...]
    #: The generation of each asset, in their order.
    generations: tuple[int, ...]
    #: The algorithm's own settings as canonical JSON.
    settings: str
    #: The value: an Arrow IPC file.
    value: Blob
    #: Wall seconds that computing it took.
    seconds: float
    created_at: datetime | None = None


@dataclass(frozen=True)
class TraceInput:
    """One edge of lineage: what entered a computation."""

    parameter: str
    #: Asset hashes of the input joined by "+".
    label: str
    #: Digest of the value (for the asset itself: the asset hash).
    value: str
    #: The feature that it was; None for the asset itself.
    recipe: str | None


@dataclass(frozen=True)
class Cost:
    """What one computation took."""

    seconds: float
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    bytes_read: int = 0


@dataclass(frozen=True)
class NewTrace:
    """A computed value that wants to be committed; its blobs are stored already."""

    trace: Trace
    inputs: tuple[TraceInput, ...]
    #: Files that the value names (an encode), besides the value's own blob.
    files: tuple[Blob, ...]
    cost: Cost
    #: Why it was computed, in a sentence.
    reason: str
    #: On whose behalf.
    requester: str = ""
    #: The kind of machine that computed it.
    machine: str = ""

    def account(self) -> Account:
        """What it adds to the sums of costs."""
        took = self.cost
        return Account(
            self.trace.algorithm,
            self.trace.version,
            self.requester,
            self.machine,
            1,
            self.trace.seconds,
            took.cpu_seconds,
            took.bytes_read,
            took.peak_memory_bytes,
        )


@dataclass(frozen=True)
class Lookup:
    """The answer to a warm ask: the feature, if there is one, and the epoch it was read at."""

    epoch: int
    trace: Trace | None


@dataclass(frozen=True)
class Lease:
    """A worker's right to compute a recipe; the fence is larger than that of every earlier lease."""

    recipe: str
    fence: int
    #: `host:pid:start`, see amber.engine.leases.
    owner: str
    expires_at: float
    #: Whether somebody held it before, who did not give it back.
    taken_over: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class LeaseAsk:
    """A lease that somebody wants to take."""

    recipe: str
    #: Of the recipe.
    assets: tuple[str, ...] = ()
    #: The fence of a holder known dead.
    despite_fence: int | None = None


@dataclass(frozen=True)
class Commit:
    """A computation that wants to be committed under its lease."""

    lease: Lease
    new: NewTrace
    #: The resolved key that asked for it, and the epoch in which it did.
    key: str
    epoch: int
    #: Digest of the value that the recipe has, and whose bytes cannot be read.
    lost: str | None = None


@dataclass(frozen=True)
class Link:
    """A resolved key that wants to point at a committed recipe, and the epoch in which it was computed."""

    key: str
    recipe: str
    epoch: int


@dataclass(frozen=True)
class Failure:
    """A remembered failure."""

    recipe: str
    #: Digest of the algorithm's source, and of the locations where it reads the asset itself.
    fingerprint: str
    failure_class: FailureClass
    #: Name of the error's class, and its sentence.
    error: str
    message: str
    attempts: int
    #: Seconds since 1970 from which another attempt is made; None: never by itself.
    retry_at: float | None
    algorithm: str
    assets: tuple[str, ...]


@dataclass(frozen=True)
class Invalidation:
    """A record that disowns what (algorithm, version) made so far, for all assets (None) or some."""

    id: int
    algorithm: str
    version: str
    assets: tuple[str, ...] | None
    reason: str
    who: str
    undone: bool = False
    made_at: datetime | None = None
    #: When what it disowned was dropped, so that it cannot be taken back.
    undo_ended_at: datetime | None = None


@dataclass(frozen=True)
class Disowned:
    """What an invalidation shall cover."""

    algorithm: str
    version: str
    #: None: all assets.
    assets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Audit:
    """A note of something that somebody did to what is stored, or that the store did by itself."""

    id: int
    #: `invalidate`, `undo`, `heal`, `forget` or `retain`.
    action: str
    who: str
    #: What was done to what, as a JSON object.
    detail: Mapping[str, Any]
    at: datetime | None = None


@dataclass(frozen=True)
class Extent:
    """How much there is of one version of an algorithm."""

    algorithm: str
    version: str
    features: int = 0
    #: Of their values, without the files that they name.
    size_bytes: int = 0
    #: Wall seconds that computing them took.
    seconds: float = 0.0


#: What a kept plan would do: disown features, take an asset down, or drop superseded features.
PlanAction = Literal["invalidate", "forget", "retain"]
PlanState = Literal["planned", "applied", "undone"]


@dataclass(frozen=True)
class KeptPlan:
    """A plan that waits in the catalogue until somebody applies it, from whichever process."""

    #: Twelve hexadecimal digits.
    id: str
    action: PlanAction
    reason: str
    #: Who made it, and who applied or undid it stands in the audit.
    who: str
    #: What it would do, counted when it was made: `doomed` is disowned or dropped, `depends` hangs on that.
    doomed: tuple[Extent, ...]
    depends: tuple[Extent, ...] = ()
    #: The assets that it covers; None: all.
    assets: tuple[str, ...] | None = None
    #: The labels by which the assets were chosen.
    where: Mapping[str, str] = field(default_factory=dict)
    #: What else is to be said of it, by action.
    detail: Mapping[str, Any] = field(default_factory=dict)
    state: PlanState = "planned"
    #: The invalidations that applying it made.
    ids: tuple[int, ...] = ()
    made_at: datetime | None = None
    applied_at: datetime | None = None

    @property
    def features(self) -> int:
        """How many features it disowns or drops of what was named, dependants not counted."""
        return sum(extent.features for extent in self.doomed[: self._named])

    @property
    def dependants(self) -> int:
        """How many features were made from those, or are disowned because they may have been."""
        return sum(extent.features for extent in (*self.doomed[self._named :], *self.depends))

    @property
    def size_bytes(self) -> int:
        """Bytes of the values that it disowns or drops."""
        return sum(extent.size_bytes for extent in self.doomed)

    @property
    def seconds(self) -> float:
        """Wall seconds that computing what it disowns or drops took."""
        return sum(extent.seconds for extent in self.doomed)

    @property
    def most_seconds(self) -> float:
        """The same and what all that depends on it took: nothing of it is computed again if values come out equal."""
        return self.seconds + sum(extent.seconds for extent in self.depends)

    @property
    def _named(self) -> int:
        """How many of `doomed` are what was named; an invalidation names one, and the rest hangs on it."""
        return 1 if self.action == "invalidate" else len(self.doomed)


@dataclass(frozen=True)
class Applied:
    """What applying a plan did."""

    plan: KeptPlan
    #: Blobs that nothing needs any more because of it; they are deleted next.
    blobs: tuple[Blob, ...] = ()


@dataclass(frozen=True)
class Pin:
    """Something that is kept although newer versions would supersede it."""

    #: A feature's id, or `algorithm@version`.
    name: str
    reason: str
    who: str
    at: datetime | None = None


@dataclass(frozen=True)
class Usage:
    """What the blobs of one kind take up, each counted once."""

    #: `value` or `file`.
    kind: str
    algorithm: str
    version: str
    blobs: int
    size_bytes: int
