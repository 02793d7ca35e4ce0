"""Costs by the kind of machine that computed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table, and move there what was spent so far; what older code adds from now on stays where it writes it."""
    op.create_table(
        "spending",
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("computed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("cpu_seconds", sa.Float(53), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("saved_seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("algorithm", "version", "requester", "machine", name="pk_spending"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO spending SELECT algorithm, version, requester, '', computed, seconds, cpu_seconds, bytes_read, "
        "peak_memory_bytes, hits, saved_seconds FROM account"
    )
    op.execute("DELETE FROM account")
