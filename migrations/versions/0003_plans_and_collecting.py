"""Plans that wait to be applied, what is collected and kept, and assets that were taken down."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

DIGEST = sa.LargeBinary(32)
SECONDS = sa.Float(53)


def upgrade() -> None:
    """Add tables, columns that older code leaves empty, and an index."""
    op.create_table(
        "plan",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", SECONDS, nullable=False),
        sa.Column("applied_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_plan"),
    )
    op.create_table(
        "plan_asset",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("asset", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["plan.id"], name="fk_plan_asset_plan"),
        sa.PrimaryKeyConstraint("plan", "asset", name="pk_plan_asset"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pin",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_pin"),
    )
    op.create_table(
        "garbage",
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", SECONDS, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("collected", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_garbage"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "forgotten",
        sa.Column("asset", DIGEST, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("asset", name="pk_forgotten"),
        sqlite_with_rowid=False,
    )
    op.add_column("lease", sa.Column("assets", sa.LargeBinary()))
    op.add_column("invalidation", sa.Column("undo_ended_at", SECONDS))
    op.create_index("ix_trace_making", "trace", ["making"])
