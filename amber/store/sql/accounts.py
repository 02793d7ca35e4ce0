"""What was spent and saved, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache

from sqlalchemy import Connection, Executable, and_, case, delete, select

from amber.store.accounts import COUNTED_SECONDS, Account
from amber.store.schema import account as older
from amber.store.schema import duty as duties
from amber.store.schema import spending
from amber.store.sql.session import Session, clock, inserting, upsert

_COUNTED = "counted "


class AccountRows(Session):
    """The sums of costs; the latest may be lost with the machine's power."""

    def add_accounts(self, accounts: Sequence[Account], *, batch: str = "") -> bool:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            if batch and not _is_new(connection, batch):
                return False
            for one in sorted(accounts, key=lambda one: one.key):
                add_account(connection, one)
        return True

    def accounts(self) -> list[Account]:
        """See the protocol."""
        found: dict[tuple[str, str, str, str], Account] = {}
        with self._reading() as connection:
            for table in (spending, older):
                for row in connection.execute(select(table)):
                    one = Account(**row._mapping)
                    found[one.key] = found[one.key] + one if one.key in found else one
        return [found[key] for key in sorted(found)]


def _is_new(connection: Connection, batch: str) -> bool:
    """Whether a batch was not added yet; it is now, and a duty that nobody has says so until that is of no use."""
    is_mark = and_(duties.c.owner == "", duties.c.name.startswith(_COUNTED))
    now = connection.execute(select(clock(connection))).scalar_one()
    connection.execute(delete(duties).where(is_mark, duties.c.expires_at <= now))
    return upsert(
        connection, duties, {"name": _COUNTED + batch, "owner": "", "expires_at": now + COUNTED_SECONDS}
    )


def add_account(connection: Connection, account: Account) -> None:
    """Add to the sums of an algorithm, version, requester and kind of machine."""
    connection.execute(_adding(connection.dialect.name), asdict(account))


@cache
def _adding(dialect_name: str) -> Executable:
    statement = inserting(dialect_name, spending)
    new, old = statement.excluded, spending.c
    sums = ("computed", "seconds", "cpu_seconds", "bytes_read", "hits", "saved_seconds", "saved_bytes")
    changed = {name: old[name] + new[name] for name in sums}
    most = case(
        (new.peak_memory_bytes > old.peak_memory_bytes, new.peak_memory_bytes), else_=old.peak_memory_bytes
    )
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in spending.primary_key],
        set_={**changed, "peak_memory_bytes": most},
    )
