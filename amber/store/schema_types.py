"""What all tables of a catalogue share: their register and the types of their columns."""

from sqlalchemy import Float, Integer, LargeBinary, MetaData
from sqlalchemy.types import BigInteger

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: 32 bytes of SHA-256.
Digest = LargeBinary(32)
#: Row numbers: SQLite numbers rows by itself only where the type is INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")
#: Seconds since 1970, UTC.
Seconds = Float(53)
