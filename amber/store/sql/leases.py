"""Workers' rights to compute."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from amber.store.protocol import Lease
from amber.store.rows import packed
from amber.store.schema import lease as leases
from amber.store.sql.forgotten import check_none_forgotten
from amber.store.sql.session import Session, clock, next_number, upsert


class LeaseRows(Session):
    """The rows about who computes what.

    They are not waited for until they are on disk: a loss of power ends the holders too.
    """

    def take_lease(
        self,
        recipe: str,
        owner: str,
        seconds: float,
        *,
        assets: Sequence[str] = (),
        despite_fence: int | None = None,
    ) -> Lease | None:
        """See the protocol."""
        key = bytes.fromhex(recipe)
        with self._writing(durable=False) as connection:
            check_none_forgotten(connection, assets)
            # Those who only wait look without a lock, so they never keep the holder waiting.
            if _is_held(connection, key, despite_fence, lock=False):
                return None
            if _is_held(connection, key, despite_fence):
                return None
            fence = next_number(connection, "fence")
            # Others who found no row to lock were here at the same time; the number lets them through one by one.
            held = _is_held(connection, key, despite_fence)
            if held:
                return None
            until = connection.execute(select(clock(connection) + seconds)).scalar_one()
            row = {"recipe": key, "fence": fence, "owner": owner, "expires_at": until}
            row |= {"assets": packed(assets) if assets else None}
            upsert(connection, leases, row, replacing=("fence", "owner", "expires_at", "assets"))
            return Lease(recipe, fence, owner, until, taken_over=held is not None)

    def holder(self, recipe: str) -> Lease | None:
        """See the protocol."""
        with self._reading() as connection:
            wanted = leases.c.recipe == bytes.fromhex(recipe)
            row = connection.execute(
                select(leases).where(wanted, leases.c.expires_at > clock(connection))
            ).one_or_none()
        return None if row is None else Lease(recipe, row.fence, row.owner, row.expires_at)

    def renew_leases(self, held: Sequence[Lease], seconds: float) -> set[str]:
        """See the protocol."""
        renewed = set()
        with self._writing(durable=False) as connection:
            for lease in sorted(held, key=lambda lease: lease.recipe):
                statement = update(leases).where(_is(lease)).values(expires_at=clock(connection) + seconds)
                if connection.execute(statement).rowcount:
                    renewed.add(lease.recipe)
        return renewed

    def release_lease(self, lease: Lease) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            connection.execute(delete(leases).where(_is(lease)))


def _is_held(
    connection: Connection, recipe: bytes, despite_fence: int | None, *, lock: bool = True
) -> bool | None:
    """Whether somebody holds the lease, who is not the holder of that fence; None: whoever did gave it back.

    Locked, nobody changes it before we are done.
    """
    query = select(leases.c.fence, leases.c.expires_at > clock(connection)).where(leases.c.recipe == recipe)
    for fence, is_running in connection.execute(query.with_for_update() if lock else query):
        return bool(is_running) and fence != despite_fence
    return None


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.recipe == bytes.fromhex(lease.recipe), leases.c.fence == lease.fence)
