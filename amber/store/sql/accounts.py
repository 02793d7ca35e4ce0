"""What was spent and saved, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache

from sqlalchemy import Connection, Executable, and_, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from amber.store.accounts import COUNTED_SECONDS, Account
from amber.store.schema import account as accounts
from amber.store.schema import duty as duties
from amber.store.sql.session import Session, clock, upsert

_COUNTED = "counted "


class AccountRows(Session):
    """The sums of costs; the latest may be lost with the machine's power."""

    def add_accounts(self, accounts: Sequence[Account], *, batch: str = "") -> bool:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            if batch and not _is_new(connection, batch):
                return False
            for one in sorted(accounts, key=lambda one: (one.algorithm, one.version, one.requester)):
                add_account(connection, one)
        return True

    def accounts(self) -> list[Account]:
        """See the protocol."""
        columns = accounts.c
        query = select(accounts).order_by(columns.algorithm, columns.version, columns.requester)
        with self._reading() as connection:
            return [Account(**row._mapping) for row in connection.execute(query)]


def _is_new(connection: Connection, batch: str) -> bool:
    """Whether a batch was not added yet; it is now, and a duty that nobody has says so until that is of no use."""
    is_mark = and_(duties.c.owner == "", duties.c.name.startswith(_COUNTED))
    now = connection.execute(select(clock(connection))).scalar_one()
    connection.execute(delete(duties).where(is_mark, duties.c.expires_at <= now))
    return upsert(
        connection, duties, {"name": _COUNTED + batch, "owner": "", "expires_at": now + COUNTED_SECONDS}
    )


def add_account(connection: Connection, account: Account) -> None:
    """Add to the sums of an algorithm, version and requester."""
    connection.execute(_adding(connection.dialect.name), asdict(account))


@cache
def _adding(dialect_name: str) -> Executable:
    statement = (
        sqlite.insert(accounts) if dialect_name == "sqlite" else postgresql.insert(accounts)
    ).inline()
    new, old = statement.excluded, accounts.c
    sums = ("computed", "seconds", "cpu_seconds", "bytes_read", "hits", "saved_seconds")
    changed = {name: old[name] + new[name] for name in sums}
    most = case(
        (new.peak_memory_bytes > old.peak_memory_bytes, new.peak_memory_bytes), else_=old.peak_memory_bytes
    )
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in accounts.primary_key],
        set_={**changed, "peak_memory_bytes": most},
    )
