"""The tables of what was spent and saved."""

from typing import Any

from sqlalchemy import Column, Float, Table, Text, text
from sqlalchemy.types import BigInteger

from amber.store.schema_types import metadata


def _sums() -> tuple[Column[Any], ...]:
    return (
        Column("computed", BigInteger, nullable=False, comment="Computations that were committed."),
        Column("seconds", Float(53), nullable=False, comment="Wall seconds that they took."),
        Column("cpu_seconds", Float(53), nullable=False, comment="Processor seconds that they took."),
        Column("bytes_read", BigInteger, nullable=False, comment="Bytes that they read."),
        Column(
            "peak_memory_bytes", BigInteger, nullable=False, comment="The most memory that one of them took."
        ),
        Column("hits", BigInteger, nullable=False, comment="How often a stored feature was found."),
        Column("saved_seconds", Float(53), nullable=False, comment="Wall seconds that these took once."),
    )


spending = Table(
    "spending",
    metadata,
    Column("algorithm", Text, primary_key=True, comment="The algorithm's name."),
    Column("version", Text, primary_key=True, comment="Its version."),
    Column("requester", Text, primary_key=True, comment="On whose behalf; empty where that is not known."),
    Column(
        "machine",
        Text,
        primary_key=True,
        comment="The kind of machine that computed; empty for what was found, and where that is not known.",
    ),
    *_sums(),
    Column(
        "saved_bytes",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="Bytes of the values that were found, each time that they were.",
    ),
    comment="What was spent and saved.",
    sqlite_with_rowid=False,
)

account = Table(
    "account",
    metadata,
    Column("algorithm", Text, primary_key=True, comment="The algorithm's name."),
    Column("version", Text, primary_key=True, comment="Its version."),
    Column("requester", Text, primary_key=True, comment="On whose behalf; empty where that is not known."),
    *_sums(),
    comment="What releases that know no kinds of machines spent and saved since `spending` is there.",
    sqlite_with_rowid=False,
)
