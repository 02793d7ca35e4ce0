"""Jobs say what a worker must have loaded, how far they are, and who wants them; access tokens of the service."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SECONDS = sa.Float(53)


def upgrade() -> None:
    """Add the columns, each with what an older release means by not naming it; make the table of askers."""
    for column in (
        _number("fence"),
        sa.Column("closure", sa.LargeBinary(32)),
        _text("order"),
        sa.Column("recipe", sa.LargeBinary(32)),
        _text("made", "'[]'"),
        _text("step"),
        _number("done"),
        _number("total"),
        _text("unit"),
        _number("steps_done", sa.Integer()),
        _number("steps_total", sa.Integer()),
        sa.Column("remaining_seconds", SECONDS),
        _number("revision"),
        _number("created_at", SECONDS),
        _number("started_at", SECONDS),
        _number("changed_at", SECONDS),
    ):
        op.add_column("job", column)
    op.create_index("ix_job_state_created_at", "job", ["state", "created_at"])
    op.create_table(
        "job_asker",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("asker", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["job.key"], name="fk_job_asker_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "asker", name="pk_job_asker"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("revoked_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
    )


def _number(name: str, kind: sa.types.TypeEngine[object] | None = None) -> sa.Column[object]:
    return sa.Column(name, kind or sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _text(name: str, default: str = "''") -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text(default))
