"""The frame times of assets without a rate, as recorded when they were first seen."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "frame_times",
        sa.Column("asset", sa.LargeBinary(32), nullable=False),
        sa.Column("times", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["asset"], ["asset.asset"], name="fk_frame_times_asset", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset", name="pk_frame_times"),
    )
