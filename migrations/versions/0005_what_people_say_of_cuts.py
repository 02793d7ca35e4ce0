"""What people say of cuts, apart from everything that is computed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "verdict",
        sa.Column("asset_a", DIGEST, nullable=False),
        sa.Column("start_a", sa.Integer(), nullable=False),
        sa.Column("end_a", sa.Integer(), nullable=False),
        sa.Column("asset_b", DIGEST, nullable=False),
        sa.Column("start_b", sa.Integer(), nullable=False),
        sa.Column("end_b", sa.Integer(), nullable=False),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("said_at", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(["asset_a"], ["asset.asset"], name="fk_verdict_asset_a", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["asset_b"], ["asset.asset"], name="fk_verdict_asset_b", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(
            "asset_a", "start_a", "end_a", "asset_b", "start_b", "end_b", name="pk_verdict"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_verdict_asset_b", "verdict", ["asset_b"])
