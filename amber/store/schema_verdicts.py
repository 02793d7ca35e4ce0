"""The table of what people say of cuts."""

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text

from amber.store.schema_types import Digest, Seconds, metadata


def _side(name: str, which: str) -> tuple[Column[Any], ...]:
    return (
        Column(
            f"asset_{name}",
            Digest,
            ForeignKey("asset.asset", ondelete="CASCADE"),
            primary_key=True,
            index=name == "b",
            comment=f"The asset of the {which} shot, in the order of assets and frames.",
        ),
        Column(f"start_{name}", Integer, primary_key=True, comment="Its first frame."),
        Column(f"end_{name}", Integer, primary_key=True, comment="The frame after its last."),
    )


verdict = Table(
    "verdict",
    metadata,
    *_side("a", "first"),
    *_side("b", "second"),
    Column(
        "is_kept", Boolean, nullable=False, comment="Whether the cut is wanted; else it is shown no more."
    ),
    Column("who", Text, nullable=False, comment="By whom."),
    Column("said_at", Seconds, nullable=False, comment="When."),
    comment="What people say of cuts, by source frames; nothing computed touches it.",
    sqlite_with_rowid=False,
)
