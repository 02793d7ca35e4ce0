"""The tables of standing orders and backfills, of what sources showed, and of duties."""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from amber.store.schema_types import Digest, Seconds, metadata


def _asked() -> tuple[Column[Any], ...]:
    """What is asked for of each asset, the same in an order and in a backfill."""
    return (
        Column("algorithm", Text, nullable=False, comment="The algorithm's name."),
        Column("version", Text, comment="Its version; NULL: the default one at the time."),
        Column(
            "settings", Text, nullable=False, comment="The settings that are asked for, as a JSON object."
        ),
        Column("bindings", Text, nullable=False, comment="Result type to producer, as a JSON object."),
        Column(
            "labels", Text, nullable=False, comment="The labels that an asset must have, as a JSON object."
        ),
        Column("who", Text, nullable=False, comment="Who asks."),
        Column("made_at", Seconds, nullable=False, comment="When it was made."),
    )


subscription = Table(
    "subscription",
    metadata,
    Column("id", Text, primary_key=True, comment="Twelve hexadecimal digits."),
    *_asked(),
    Column(
        "webhook", Text, nullable=False, comment="The URL that is told of each feature; empty: nobody is."
    ),
    Column("secret", Text, nullable=False, comment="What calls of the webhook are signed with."),
    Column("wanted", Integer, nullable=False, comment="Assets that it is about, when last looked at."),
    Column("ready", Integer, nullable=False, comment="Of those, how many have the feature."),
    Column("open", Integer, nullable=False, comment="Of those, how many have a job that has not ended."),
    Column(
        "failed",
        Integer,
        nullable=False,
        comment="Of those, how many have a job that failed or was cancelled.",
    ),
    Column("lag_seconds", Float(53), nullable=False, comment="How long the longest waiting one has waited."),
    Column(
        "checked_at",
        Seconds,
        nullable=False,
        comment="When it was last held against the catalogue; 0: never.",
    ),
    comment="Standing orders: what shall exist for every asset with these labels.",
)

delivery = Table(
    "delivery",
    metadata,
    Column(
        "subscription",
        Text,
        ForeignKey("subscription.id", ondelete="CASCADE"),
        primary_key=True,
        comment="The standing order.",
    ),
    Column("key", Digest, primary_key=True, comment="The resolved key of what is told."),
    Column("asset", Digest, nullable=False, index=True, comment="The asset that it is of."),
    Column("state", Text, nullable=False, comment="`open`, `due`, `sent` or `refused`."),
    Column(
        "body", Text, nullable=False, comment="What is sent, as JSON; empty while there is nothing to tell."
    ),
    Column("attempts", Integer, nullable=False, comment="How often it was sent."),
    Column("next_at", Seconds, nullable=False, comment="When it is sent next."),
    Column("problem", Text, nullable=False, comment="Why the last attempt failed; empty if it did not."),
    Index(None, "state", "next_at"),
    comment="What webhooks are told, at least once each.",
    sqlite_with_rowid=False,
)

backfill = Table(
    "backfill",
    metadata,
    Column("id", Text, primary_key=True, comment="Twelve hexadecimal digits."),
    *_asked(),
    Column("state", Text, nullable=False, comment="`running`, `paused`, `done` or `cancelled`."),
    Column("reason", Text, nullable=False, comment="Why it is paused, where not somebody said so."),
    Column("canary", Integer, nullable=False, comment="So many go first, alone; 0: none."),
    Column("concurrency", Integer, nullable=False, comment="So many jobs of it at once, at most."),
    Column("rate", Float(53), nullable=False, comment="So many jobs a second, at most; 0: any number."),
    Column("expected_seconds", Float(53), nullable=False, comment="What it would take, when it was made."),
    Column("elapsed_seconds", Float(53), nullable=False, comment="How long it has been worked on."),
    Column("next_at", Seconds, nullable=False, comment="When the next job may be asked for."),
    Column("ended_at", Seconds, comment="When it was done or cancelled; NULL: not yet."),
    comment="What is made to exist once for many assets.",
)

backfill_item = Table(
    "backfill_item",
    metadata,
    Column(
        "backfill",
        Text,
        ForeignKey("backfill.id", ondelete="CASCADE"),
        primary_key=True,
        comment="The backfill.",
    ),
    Column("position", Integer, primary_key=True, comment="Its place, from 0."),
    Column(
        "asset",
        Digest,
        ForeignKey("asset.asset", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The asset.",
    ),
    Column("state", Text, nullable=False, comment="`waiting`, `asked`, `ready`, `failed` or `cancelled`."),
    Column("key", Digest, comment="The resolved key of the job that was asked for; NULL: none was."),
    Column(
        "hit", Boolean, nullable=False, comment="Whether the feature was there before anything was asked."
    ),
    Column("error", Text, nullable=False, comment="Name of the error's class, for a failed one."),
    Column("message", Text, nullable=False, comment="The error's sentence, for a failed one."),
    UniqueConstraint("backfill", "asset"),
    Index(None, "backfill", "state", "position"),
    comment="The assets of a backfill, and what became of each.",
    sqlite_with_rowid=False,
)

arrival = Table(
    "arrival",
    metadata,
    Column("uri", Text, primary_key=True, comment="What a watched source showed."),
    Column("fingerprint", Text, nullable=False, comment="Size and time, or tag, when it was read."),
    Column("asset", Digest, index=True, comment="The asset that it holds; NULL if it could not be read."),
    Column("problem", Text, nullable=False, comment="Why it could not be read; empty if it could."),
    Column("seen_at", Seconds, nullable=False, comment="When it was read."),
    comment="What was read from watched sources, so that nothing is read twice.",
    sqlite_with_rowid=False,
)

duty = Table(
    "duty",
    metadata,
    Column(
        "name", Text, primary_key=True, comment="What is done, such as `reconcile` or `backfill` and its id."
    ),
    Column("owner", Text, nullable=False, comment="The process that does it."),
    Column("expires_at", Seconds, nullable=False, comment="When others may take it over."),
    comment="What one process does at a time; the workers that there are.",
    sqlite_with_rowid=False,
)
