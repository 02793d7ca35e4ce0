"""Everything there is at first."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

DIGEST = sa.LargeBinary(32)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.Float(53)


def upgrade() -> None:
    """Make all tables, and the one row of `epoch`."""
    about_assets()
    about_features()
    about_finding_features()
    about_lineage()
    about_work()
    about_invalidations()
    op.execute("INSERT INTO epoch (id, number) VALUES (1, 0)")
    op.execute(
        "INSERT INTO sequence (name, number) VALUES ('fence', 0), ('invalidation', 0), ('oldest_code', 1)"
    )


def about_assets() -> None:
    op.create_table(
        "asset",
        sa.Column("asset", DIGEST, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Float(53), nullable=False),
        sa.Column("frame_count", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Text()),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("added_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("asset", name="pk_asset"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_title", "asset", ["title"])
    op.create_table(
        "label",
        sa.Column("asset", DIGEST, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asset"], ["asset.asset"], name="fk_label_asset", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset", "name", name="pk_label"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_label_name_value", "label", ["name", "value"])
    op.create_table(
        "location",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("asset", DIGEST, nullable=False),
        sa.Column("file_digest", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("seen_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(["asset"], ["asset.asset"], name="fk_location_asset", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_location"),
        sa.UniqueConstraint("uri", name="uq_location_uri"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_location_asset", "location", ["asset"])


def about_features() -> None:
    op.create_table(
        "making",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("computed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_making"),
        sa.UniqueConstraint(
            "algorithm", "version", "part", "settings", name="uq_making_algorithm_version_part_settings"
        ),
    )
    op.create_table(
        "reason",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reason"),
        sa.UniqueConstraint("sentence", name="uq_reason_sentence"),
    )
    op.create_table(
        "trace",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("recipe", DIGEST, nullable=False),
        sa.Column("making", NUMBER, nullable=False),
        sa.Column("assets", sa.LargeBinary(), nullable=False),
        sa.Column("generations", sa.Text()),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", NUMBER, nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("cpu_seconds", sa.Float(53), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.ForeignKeyConstraint(["making"], ["making.id"], name="fk_trace_making"),
        sa.ForeignKeyConstraint(["reason"], ["reason.id"], name="fk_trace_reason"),
        sa.PrimaryKeyConstraint("id", name="pk_trace"),
        sa.UniqueConstraint("recipe", name="uq_trace_recipe"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trace_sha256", "trace", ["sha256"])


def about_finding_features() -> None:
    op.create_table(
        "trace_subject",
        sa.Column("subject", sa.LargeBinary(16), nullable=False),
        sa.Column("trace", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject", "trace", name="pk_trace_subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trace_asset",
        sa.Column("asset", DIGEST, nullable=False),
        sa.Column("trace", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("asset", "trace", name="pk_trace_asset"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "resolved",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("trace", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_resolved"),
        sqlite_with_rowid=False,
    )


def about_lineage() -> None:
    op.create_table(
        "trace_input",
        sa.Column("trace", NUMBER, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("parameter", sa.Text(), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("source", NUMBER),
        sa.Column("sha256", DIGEST),
        sa.ForeignKeyConstraint(["source"], ["trace.id"], name="fk_trace_input_source"),
        sa.ForeignKeyConstraint(["trace"], ["trace.id"], name="fk_trace_input_trace", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("trace", "position", name="pk_trace_input"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trace_input_source", "trace_input", ["source"])
    is_set = sa.text("sha256 IS NOT NULL")
    op.create_index(
        "ix_trace_input_sha256", "trace_input", ["sha256"], sqlite_where=is_set, postgresql_where=is_set
    )
    op.create_table(
        "trace_file",
        sa.Column("trace", NUMBER, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["trace"], ["trace.id"], name="fk_trace_file_trace", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("trace", "position", name="pk_trace_file"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trace_file_sha256", "trace_file", ["sha256"])
    op.create_table(
        "lost",
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_lost"),
        sqlite_with_rowid=False,
    )


def about_work() -> None:
    op.create_table(
        "lease",
        sa.Column("recipe", DIGEST, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("recipe", name="pk_lease"),
    )
    op.create_table(
        "failure",
        sa.Column("recipe", DIGEST, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("failure_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", SECONDS),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("assets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recipe", name="pk_failure"),
    )
    op.create_table(
        "job",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("assets", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_job"),
    )


def about_invalidations() -> None:
    op.create_table(
        "invalidation",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.Column("made_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invalidation"),
    )
    op.create_table(
        "invalidation_asset",
        sa.Column("invalidation", NUMBER, nullable=False),
        sa.Column("asset", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(
            ["invalidation"], ["invalidation.id"], name="fk_invalidation_asset_invalidation"
        ),
        sa.PrimaryKeyConstraint("invalidation", "asset", name="pk_invalidation_asset"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "epoch",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_epoch_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_epoch"),
    )
    op.create_table(
        "sequence",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sequence"),
    )
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
