"""Workers' rights to compute."""

import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, select, update

from amber.store.protocol import Lease
from amber.store.schema import lease as leases
from amber.store.sql.session import Session, next_number, upsert


class LeaseRows(Session):
    """The rows about who computes what.

    They are not waited for until they are on disk: a loss of power ends the holders too.
    """

    def take_lease(
        self, recipe: str, owner: str, seconds: float, *, despite_fence: int | None = None
    ) -> Lease | None:
        """See the protocol."""
        key = bytes.fromhex(recipe)
        with self._writing(durable=False) as connection:
            held = connection.execute(
                select(leases).where(leases.c.recipe == key).with_for_update()
            ).one_or_none()
            now = time.time()
            if held is not None and held.expires_at > now and held.fence != despite_fence:
                return None
            fence = next_number(connection, "fence")
            row = {"recipe": key, "fence": fence, "owner": owner, "expires_at": now + seconds}
            upsert(connection, leases, row, replacing=("fence", "owner", "expires_at"))
            return Lease(recipe, fence, owner, now + seconds)

    def holder(self, recipe: str) -> Lease | None:
        """See the protocol."""
        with self._reading() as connection:
            row = connection.execute(
                select(leases).where(leases.c.recipe == bytes.fromhex(recipe))
            ).one_or_none()
        if row is None or row.expires_at <= time.time():
            return None
        return Lease(recipe, row.fence, row.owner, row.expires_at)

    def renew_leases(self, held: Sequence[Lease], seconds: float) -> set[str]:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            until = time.time() + seconds
            return {
                lease.recipe
                for lease in held
                if connection.execute(update(leases).where(_is(lease)).values(expires_at=until)).rowcount
            }

    def release_lease(self, lease: Lease) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            connection.execute(delete(leases).where(_is(lease)))


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.recipe == bytes.fromhex(lease.recipe), leases.c.fence == lease.fence)
