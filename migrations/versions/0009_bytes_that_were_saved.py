"""Costs tell how many bytes of values were found instead of made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; older code adds to the other sums of a row as before."""
    op.add_column(
        "spending", sa.Column("saved_bytes", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
