"""What was spent and saved, and on whose behalf jobs are done and how urgently."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table, with what was spent so far, and two columns that older code leaves at their defaults."""
    op.create_table(
        "account",
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("computed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("cpu_seconds", sa.Float(53), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("saved_seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("algorithm", "version", "requester", name="pk_account"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO account SELECT m.algorithm, m.version, '', count(*), sum(t.seconds), sum(t.cpu_seconds), "
        "sum(t.bytes_read), max(t.peak_memory_bytes), 0, 0.0 "
        "FROM trace t JOIN making m ON m.id = t.making GROUP BY m.algorithm, m.version"
    )
    op.add_column("job", sa.Column("priority", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("job", sa.Column("requester", sa.Text(), nullable=False, server_default=sa.text("''")))
