"""Standing orders, backfills, what watched sources showed, and who does what."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

DIGEST = sa.LargeBinary(32)
SECONDS = sa.Float(53)


def upgrade() -> None:
    """Add the tables; those that there are stay as they are."""
    _orders()
    _backfills()
    op.create_table(
        "arrival",
        _text("uri"),
        _text("fingerprint"),
        sa.Column("asset", DIGEST),
        _text("problem"),
        sa.Column("seen_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("uri", name="pk_arrival"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_arrival_asset", "arrival", ["asset"])
    op.create_table(
        "duty",
        _text("name"),
        _text("owner"),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_duty"),
        sqlite_with_rowid=False,
    )


def _orders() -> None:
    op.create_table(
        "subscription",
        _text("id"),
        *_asked(),
        _text("webhook"),
        _text("secret"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("wanted", "ready", "open", "failed")),
        sa.Column("lag_seconds", SECONDS, nullable=False),
        sa.Column("checked_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
    )
    op.create_table(
        "delivery",
        _text("subscription"),
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("asset", DIGEST, nullable=False),
        _text("state"),
        _text("body"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", SECONDS, nullable=False),
        _text("problem"),
        sa.ForeignKeyConstraint(
            ["subscription"], ["subscription.id"], name="fk_delivery_subscription", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscription", "key", name="pk_delivery"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_delivery_asset", "delivery", ["asset"])
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at"])


def _backfills() -> None:
    op.create_table(
        "backfill",
        _text("id"),
        *_asked(),
        _text("state"),
        _text("reason"),
        sa.Column("canary", sa.Integer(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        *(
            sa.Column(name, SECONDS, nullable=False)
            for name in ("rate", "expected_seconds", "elapsed_seconds", "next_at")
        ),
        sa.Column("ended_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_backfill"),
    )
    op.create_table(
        "backfill_item",
        _text("backfill"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asset", DIGEST, nullable=False),
        _text("state"),
        sa.Column("key", DIGEST),
        sa.Column("hit", sa.Boolean(), nullable=False),
        _text("error"),
        _text("message"),
        sa.ForeignKeyConstraint(
            ["backfill"], ["backfill.id"], name="fk_backfill_item_backfill", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["asset"], ["asset.asset"], name="fk_backfill_item_asset", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("backfill", "position", name="pk_backfill_item"),
        sa.UniqueConstraint("backfill", "asset", name="uq_backfill_item_backfill_asset"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_backfill_item_asset", "backfill_item", ["asset"])
    op.create_index(
        "ix_backfill_item_backfill_state_position", "backfill_item", ["backfill", "state", "position"]
    )


def _asked() -> tuple[sa.Column[object], ...]:
    return (
        _text("algorithm"),
        sa.Column("version", sa.Text()),
        *(_text(name) for name in ("settings", "bindings", "labels", "who")),
        sa.Column("made_at", SECONDS, nullable=False),
    )


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False)
