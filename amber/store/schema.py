"""The tables of a catalogue, the same on SQLite and PostgreSQL.

A digest is 32 bytes here and hex everywhere else; what repeats from feature to feature is written once and named by number.
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import BigInteger

from amber.store.schema_accounts import account as account
from amber.store.schema_accounts import spending as spending
from amber.store.schema_standing import arrival as arrival
from amber.store.schema_standing import backfill as backfill
from amber.store.schema_standing import backfill_item as backfill_item
from amber.store.schema_standing import delivery as delivery
from amber.store.schema_standing import duty as duty
from amber.store.schema_standing import subscription as subscription
from amber.store.schema_types import Digest, Number
from amber.store.schema_types import Seconds as Seconds
from amber.store.schema_types import metadata as metadata
from amber.store.schema_verdicts import verdict as verdict


def _added(name: str, kind: Any, comment: str, default: str = "0") -> Column[Any]:
    """A column that came later: an older release, which does not name it, means the default."""
    return Column(name, kind, nullable=False, server_default=text(default), comment=comment)


asset = Table(
    "asset",
    metadata,
    Column("asset", Digest, primary_key=True, comment="The asset hash."),
    Column("title", Text, nullable=False, index=True, comment="A name for people; in no key."),
    Column("duration_seconds", Float(53), nullable=False, comment="How long it lasts."),
    Column("frame_count", Integer, nullable=False, comment="Presented frames."),
    Column("width", Integer, nullable=False, comment="Pixels across, upright."),
    Column("height", Integer, nullable=False, comment="Pixels down, upright."),
    Column("rate", Text, comment="Frames a second as a fraction (24000/1001); NULL if the timing varies."),
    Column("partial", Boolean, nullable=False, comment="Whether only a part of the content could be read."),
    Column(
        "facts", Text, nullable=False, comment="Other facts about the content, as a JSON object; in no key."
    ),
    Column("added_at", Seconds, nullable=False, comment="When it was recorded."),
    comment="Media content, named by its asset hash.",
    sqlite_with_rowid=False,
)

frame_times = Table(
    "frame_times",
    metadata,
    Column(
        "asset", Digest, ForeignKey("asset.asset", ondelete="CASCADE"), primary_key=True, comment="The asset."
    ),
    Column("times", LargeBinary, nullable=False, comment="An Arrow IPC file, see docs/format.md."),
    comment="When each frame of an asset without a rate was shown where it was first seen; in no key.",
)

label = Table(
    "label",
    metadata,
    Column(
        "asset", Digest, ForeignKey("asset.asset", ondelete="CASCADE"), primary_key=True, comment="The asset."
    ),
    Column("name", Text, primary_key=True, comment="The label's name."),
    Column("value", Text, nullable=False, comment="The label's value."),
    Index(None, "name", "value"),
    comment="Labels that people gave to assets; in no key.",
    sqlite_with_rowid=False,
)

location = Table(
    "location",
    metadata,
    Column(
        "id", Number, primary_key=True, comment="Rises with each sighting, so the latest has the largest."
    ),
    Column("uri", Text, nullable=False, unique=True, comment="Absolute path, or another URI."),
    Column(
        "asset",
        Digest,
        ForeignKey("asset.asset", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The asset.",
    ),
    Column("file_digest", Digest, nullable=False, comment="SHA-256 of the whole file."),
    Column("size_bytes", BigInteger, nullable=False, comment="Size of the file."),
    Column(
        "mtime_ns",
        BigInteger,
        nullable=False,
        comment="Its modification time when it was read, in ns since 1970.",
    ),
    Column("metadata", Text, nullable=False, comment="Container name and tags, as a JSON object."),
    Column("changed", Boolean, nullable=False, comment="Whether the file was found to hold something else."),
    Column("seen_at", Seconds, nullable=False, comment="When it was read."),
    comment="Where assets were seen; in no key.",
    sqlite_autoincrement=True,
)

making = Table(
    "making",
    metadata,
    Column("id", Number, primary_key=True, comment="Row number."),
    Column("algorithm", Text, nullable=False, comment="The algorithm's name."),
    Column("version", Text, nullable=False, comment="Its version."),
    Column(
        "part", Text, nullable=False, comment="`whole`, or `block` for one pair of titles out of several."
    ),
    Column("settings", Text, nullable=False, comment="Its own settings as canonical JSON."),
    Column("computed", BigInteger, nullable=False, comment="How many computations were committed."),
    Column("seconds", Float(53), nullable=False, comment="The wall seconds that they took in all."),
    UniqueConstraint("algorithm", "version", "part", "settings"),
    comment="What is the same for many features: how they were made, and what that cost in all.",
)

reason = Table(
    "reason",
    metadata,
    Column("id", Number, primary_key=True, comment="Row number."),
    Column("sentence", Text, nullable=False, unique=True, comment="Why something was computed."),
    comment="The sentences that say why features were computed.",
)

trace = Table(
    "trace",
    metadata,
    Column("id", Number, primary_key=True, comment="Rises with each commit; never used twice."),
    Column(
        "recipe",
        Digest,
        nullable=False,
        unique=True,
        comment="What it is made from, hashed; the feature's id.",
    ),
    Column("making", Number, ForeignKey("making.id"), nullable=False, index=True, comment="How it was made."),
    Column("assets", LargeBinary, nullable=False, comment="The asset hashes, sorted, end to end."),
    Column("generations", Text, comment="The generation of each asset, spaces between; NULL if all are 0."),
    Column("sha256", Digest, nullable=False, index=True, comment="SHA-256 of the value (an Arrow IPC file)."),
    Column("size_bytes", BigInteger, nullable=False, comment="How many bytes the value has."),
    Column("reason", Number, ForeignKey("reason.id"), nullable=False, comment="Why it was computed."),
    Column("seconds", Float(53), nullable=False, comment="Wall seconds that computing it took."),
    Column("cpu_seconds", Float(53), nullable=False, comment="Processor seconds that computing it took."),
    Column("peak_memory_bytes", BigInteger, nullable=False, comment="The most memory that its process had."),
    Column("bytes_read", BigInteger, nullable=False, comment="Bytes that its process read meanwhile."),
    Column("created_at", Seconds, nullable=False, comment="When it was committed."),
    comment="Committed computations: recipe to value.",
    sqlite_autoincrement=True,
)

trace_subject = Table(
    "trace_subject",
    metadata,
    Column(
        "subject",
        LargeBinary(16),
        primary_key=True,
        comment="First half of the SHA-256 of algorithm, version, part and assets.",
    ),
    Column("trace", Number, primary_key=True, comment="A feature of it."),
    comment="Finds the features of an algorithm, version and assets, whatever the settings and inputs.",
    sqlite_with_rowid=False,
)

trace_asset = Table(
    "trace_asset",
    metadata,
    Column("asset", Digest, primary_key=True, comment="An asset hash."),
    Column("trace", Number, primary_key=True, comment="A feature of it."),
    comment="Finds the features of an asset, alone or together with others.",
    sqlite_with_rowid=False,
)

trace_input = Table(
    "trace_input",
    metadata,
    Column(
        "trace", Number, ForeignKey("trace.id", ondelete="CASCADE"), primary_key=True, comment="The feature."
    ),
    Column("position", Integer, primary_key=True, comment="Order among its inputs, from 0."),
    Column("parameter", Text, nullable=False, comment="The parameter under which the input entered."),
    Column(
        "label",
        Text,
        comment="Its asset hashes joined by +; NULL if they are those of `source`, or of the feature.",
    ),
    Column(
        "source",
        Number,
        ForeignKey("trace.id"),
        index=True,
        comment="The feature that it was; NULL for an asset.",
    ),
    Column(
        "sha256",
        Digest,
        comment="The value that entered; NULL while `source` still has it, and for an asset.",
    ),
    comment="Lineage: what entered each computation.",
    sqlite_with_rowid=False,
)
_no_longer = trace_input.c.sha256.is_not(None)
# PostgreSQL's has the same condition, from its revision; said here, it would load that dialect wherever there is SQLite.
Index(None, trace_input.c.sha256, sqlite_where=_no_longer)

trace_file = Table(
    "trace_file",
    metadata,
    Column(
        "trace", Number, ForeignKey("trace.id", ondelete="CASCADE"), primary_key=True, comment="The feature."
    ),
    Column("position", Integer, primary_key=True, comment="Order among its files, from 0."),
    Column("sha256", Digest, nullable=False, index=True, comment="SHA-256 of the file."),
    Column("size_bytes", BigInteger, nullable=False, comment="How many bytes it has."),
    comment="Files that values name, such as an encode.",
    sqlite_with_rowid=False,
)

lost = Table(
    "lost",
    metadata,
    Column("sha256", Digest, primary_key=True, comment="SHA-256 of the value."),
    Column("at", Seconds, nullable=False, comment="When other bytes first took its place."),
    comment="Values that could not be read again, and came out otherwise when they were made again.",
    sqlite_with_rowid=False,
)

resolved = Table(
    "resolved",
    metadata,
    Column("key", Digest, primary_key=True, comment="The resolved key: the whole closure of an ask, hashed."),
    Column(
        "trace",
        Number,
        nullable=False,
        comment="The feature that answers it; not indexed, for only heals ask by it.",
    ),
    comment="Finds a feature in one lookup; a cache that may be dropped at any time.",
    sqlite_with_rowid=False,
)

lease = Table(
    "lease",
    metadata,
    Column("recipe", Digest, primary_key=True, comment="What is being computed."),
    Column("fence", BigInteger, nullable=False, comment="Larger than that of every earlier lease."),
    Column("owner", Text, nullable=False, comment="Who computes it."),
    Column("expires_at", Seconds, nullable=False, comment="When others may take over."),
    Column("assets", LargeBinary, comment="The asset hashes, sorted, end to end; NULL if nobody said."),
    comment="Workers' rights to compute.",
)

failure = Table(
    "failure",
    metadata,
    Column("recipe", Digest, primary_key=True, comment="What could not be computed."),
    Column(
        "fingerprint",
        Text,
        nullable=False,
        comment="Digest of the algorithm's source and of the asset's locations.",
    ),
    Column("failure_class", Text, nullable=False, comment="Whose fault: `input`, `algorithm` or `machine`."),
    Column("error", Text, nullable=False, comment="Name of the error's class."),
    Column("message", Text, nullable=False, comment="The error's sentence."),
    Column("attempts", Integer, nullable=False, comment="How many failed."),
    Column("retry_at", Seconds, comment="From when on another attempt is made; NULL: never by itself."),
    Column("algorithm", Text, nullable=False, comment="The algorithm's name."),
    Column("assets", LargeBinary, nullable=False, comment="The asset hashes, sorted, end to end."),
    comment="Remembered failures.",
)

job = Table(
    "job",
    metadata,
    Column("key", Digest, primary_key=True, comment="The resolved key that is asked for; the job's id."),
    Column("algorithm", Text, nullable=False, comment="The algorithm's name."),
    Column("assets", LargeBinary, nullable=False, comment="The asset hashes, sorted, end to end."),
    Column("state", Text, nullable=False, comment="`queued`, `running`, `ready`, `failed` or `cancelled`."),
    Column("owner", Text, nullable=False, comment="Who works on it; empty where nobody does."),
    Column("expires_at", Seconds, nullable=False, comment="When it counts as abandoned."),
    Column("error", Text, nullable=False, comment="Name of the error's class, for a failed one."),
    Column("message", Text, nullable=False, comment="The error's sentence, for a failed one."),
    _added("fence", BigInteger, "Rises with each claim; who has an older one is no longer heard."),
    Column("closure", Digest, comment="Digest of what a worker must have loaded; NULL: no worker takes it."),
    _added("order", Text, "The closure and the generations that the ask sees, as a JSON object.", "''"),
    Column("recipe", Digest, comment="The feature, for a ready one."),
    _added("made", Text, "What was computed for it, as a JSON list.", "'[]'"),
    _added("step", Text, "The algorithm at work.", "''"),
    _added("done", BigInteger, "How much of the step is done."),
    _added("total", BigInteger, "Of how much; 0 is unknown."),
    _added("unit", Text, "What is counted.", "''"),
    _added("steps_done", Integer, "Steps that are ready."),
    _added("steps_total", Integer, "Steps that there are."),
    Column("remaining_seconds", Float(53), comment="Expected seconds until it is ready; NULL: not known."),
    _added("revision", BigInteger, "Rises with each change."),
    _added("created_at", Seconds, "When it was asked for."),
    _added("started_at", Seconds, "When work on it began; 0: not yet."),
    _added("changed_at", Seconds, "When it changed last."),
    _added("priority", Integer, "How urgent it is: 0 for a backfill, 1 where somebody waits.", "1"),
    _added("requester", Text, "On whose behalf it is done.", "''"),
    Index(None, "state", "created_at"),
    comment="Asks in flight, and what became of them.",
)

job_asker = Table(
    "job_asker",
    metadata,
    Column("key", Digest, ForeignKey("job.key", ondelete="CASCADE"), primary_key=True, comment="The job."),
    Column(
        "asker",
        Text,
        primary_key=True,
        comment="Who wants it: a process, or a token and its idempotency key.",
    ),
    comment="Who wants each job; one that nobody wants is cancelled.",
    sqlite_with_rowid=False,
)

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True, comment="Public part: names the token in lists and logs."),
    Column("name", Text, nullable=False, comment="Whose it is, for people."),
    Column("scope", Text, nullable=False, comment="`read`, `write` or `admin`; each has those before it."),
    Column("sha256", Digest, nullable=False, comment="SHA-256 of the secret, which is nowhere kept."),
    Column("created_at", Seconds, nullable=False, comment="When it was made."),
    Column("revoked_at", Seconds, comment="When it was revoked; NULL: it holds."),
    comment="Access tokens of the service.",
)

invalidation = Table(
    "invalidation",
    metadata,
    Column(
        "id",
        Number,
        primary_key=True,
        autoincrement=False,
        comment="The generation that it begins; never used twice.",
    ),
    Column("algorithm", Text, nullable=False, comment="The algorithm's name."),
    Column("version", Text, nullable=False, comment="Its version."),
    Column(
        "everywhere",
        Boolean,
        nullable=False,
        comment="Whether it covers all assets; else see invalidation_asset.",
    ),
    Column("reason", Text, nullable=False, comment="Why, in words."),
    Column("who", Text, nullable=False, comment="By whom."),
    Column("undone", Boolean, nullable=False, comment="Whether it was taken back."),
    Column("made_at", Seconds, nullable=False, comment="When."),
    Column(
        "undo_ended_at", Seconds, comment="When what it disowned was dropped, so that it stays; NULL: not."
    ),
    comment="What was disowned; rows are only added and flagged.",
)

invalidation_asset = Table(
    "invalidation_asset",
    metadata,
    Column(
        "invalidation", Number, ForeignKey("invalidation.id"), primary_key=True, comment="The invalidation."
    ),
    Column("asset", Digest, primary_key=True, comment="An asset that it covers."),
    comment="The assets of invalidations that do not cover all.",
    sqlite_with_rowid=False,
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="1: there is one row."),
    Column(
        "number",
        BigInteger,
        nullable=False,
        comment="Rises when something stored may no longer be what it was.",
    ),
    CheckConstraint("id = 1", name="one_row"),
    comment="The number by which every process notices invalidations, undos, heals and takedowns.",
)

sequence = Table(
    "sequence",
    metadata,
    Column("name", Text, primary_key=True, comment="`fence`, `invalidation` or `oldest_code`."),
    Column(
        "number",
        BigInteger,
        nullable=False,
        comment="The last one given out; for `oldest_code`, the oldest revision whose code works with these tables.",
    ),
    comment="Numbers that are never given out twice.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True, comment="Row number."),
    Column("action", Text, nullable=False, comment="`invalidate`, `undo`, `heal`, `forget` or `retain`."),
    Column("who", Text, nullable=False, comment="By whom."),
    Column("detail", Text, nullable=False, comment="What was done to what, as a JSON object."),
    Column("at", Seconds, nullable=False, comment="When."),
    comment="What was done to what is stored.",
    sqlite_autoincrement=True,
)

plan = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True, comment="Twelve hexadecimal digits."),
    Column("action", Text, nullable=False, comment="`invalidate`, `forget` or `retain`."),
    Column(
        "everywhere", Boolean, nullable=False, comment="Whether it covers all assets; else see plan_asset."
    ),
    Column("reason", Text, nullable=False, comment="Why, in words."),
    Column("who", Text, nullable=False, comment="Who made it."),
    Column("body", Text, nullable=False, comment="What it would do, and what was counted, as a JSON object."),
    Column("state", Text, nullable=False, comment="`planned`, `applied` or `undone`."),
    Column("made_at", Seconds, nullable=False, comment="When it was made."),
    Column("applied_at", Seconds, comment="When it was applied; NULL: not yet."),
    comment="What somebody means to do, and has seen the cost of.",
)

plan_asset = Table(
    "plan_asset",
    metadata,
    Column("plan", Text, ForeignKey("plan.id"), primary_key=True, comment="The plan."),
    Column("asset", Digest, primary_key=True, comment="An asset that it covers."),
    comment="The assets of plans that do not cover all.",
    sqlite_with_rowid=False,
)

pin = Table(
    "pin",
    metadata,
    Column("name", Text, primary_key=True, comment="A feature's id in hex, or `algorithm@version`."),
    Column("reason", Text, nullable=False, comment="Why, in words."),
    Column("who", Text, nullable=False, comment="By whom."),
    Column("at", Seconds, nullable=False, comment="When."),
    comment="What stays although newer versions supersede it.",
)

garbage = Table(
    "garbage",
    metadata,
    Column("sha256", Digest, primary_key=True, comment="SHA-256 of a blob."),
    Column("size_bytes", BigInteger, nullable=False, comment="How many bytes it has."),
    Column("marked_at", Seconds, nullable=False, comment="When nothing needed it, or when it was collected."),
    Column("fence", BigInteger, nullable=False, comment="The last one given out at that time."),
    Column("collected", Boolean, nullable=False, comment="Whether its bytes were deleted."),
    comment="Blobs that nothing needs, and those collected since the oldest lease was taken.",
    sqlite_with_rowid=False,
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("asset", Digest, primary_key=True, comment="The asset hash."),
    Column("at", Seconds, nullable=False, comment="When it was taken down."),
    comment="Assets that were taken down and not ingested again since, so that no late result brings them back.",
    sqlite_with_rowid=False,
)
