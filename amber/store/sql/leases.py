"""Workers' rights to compute."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from amber.errors import AmberError
from amber.store.protocol import Lease, LeaseAsk
from amber.store.rows import packed
from amber.store.schema import lease as leases
from amber.store.sql.forgotten import forgotten_among, forgotten_error
from amber.store.sql.session import Session, chunks, clock, next_number, upsert_many


class LeaseRows(Session):
    """The rows about who computes what.

    They are not waited for until they are on disk: a loss of power ends the holders too.
    """

    def take_leases(
        self, asked: Sequence[LeaseAsk], owner: str, seconds: float
    ) -> list[Lease | AmberError | None]:
        """See the protocol."""
        answers: dict[int, Lease | AmberError | None] = {}
        with self._writing(durable=False) as connection:
            gone = forgotten_among(connection, sorted({asset for one in asked for asset in one.assets}))
            free: dict[bytes, tuple[int, LeaseAsk]] = {}
            for at, one in enumerate(asked):
                error = forgotten_error(gone, one.assets)
                if error is not None:
                    answers[at] = error
                else:
                    free.setdefault(bytes.fromhex(one.recipe), (at, one))
            for key, lease in _taken(connection, dict(sorted(free.items())), owner, seconds).items():
                answers[free[key][0]] = lease
        return [answers.get(at) for at in range(len(asked))]

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
        fences = {
            bytes.fromhex(lease.recipe): lease.fence for lease in sorted(held, key=lambda one: one.recipe)
        }
        renewed: set[str] = set()
        with self._writing(durable=False) as connection:
            query = select(leases.c.recipe, leases.c.fence).order_by(leases.c.recipe).with_for_update()
            for some in chunks(list(fences)):
                rows = connection.execute(query.where(leases.c.recipe.in_(some)))
                mine = [recipe for recipe, fence in rows if fence == fences[recipe]]
                later = update(leases).where(leases.c.recipe.in_(mine))
                connection.execute(later.values(expires_at=clock(connection) + seconds))
                renewed.update(recipe.hex() for recipe in mine)
        return renewed

    def release_lease(self, lease: Lease) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            connection.execute(delete(leases).where(_is(lease)))


def _taken(
    connection: Connection, free: dict[bytes, tuple[int, LeaseAsk]], owner: str, seconds: float
) -> dict[bytes, Lease]:
    """Recipe → the lease on it, for those that nobody holds; wanted in the order of their recipes."""
    # Those who only wait look without a lock, so they never keep the holder waiting.
    _leave_out_held(connection, free, lock=False)
    _leave_out_held(connection, free)
    if not free:
        return {}
    fence = next_number(connection, "fence", len(free))
    # Others who found no row to lock were here at the same time; the number lets them through one by one.
    left = _leave_out_held(connection, free)
    until = connection.execute(select(clock(connection) + seconds)).scalar_one()
    rows, taken = [], {}
    for key, (_, one) in free.items():
        row = {"recipe": key, "fence": fence, "owner": owner, "expires_at": until}
        rows.append({**row, "assets": packed(one.assets) if one.assets else None})
        taken[key] = Lease(one.recipe, fence, owner, until, taken_over=key in left)
        fence += 1
    upsert_many(connection, leases, rows, replacing=("fence", "owner", "expires_at", "assets"))
    return taken


def _leave_out_held(
    connection: Connection, free: dict[bytes, tuple[int, LeaseAsk]], *, lock: bool = True
) -> set[bytes]:
    """Leave out the leases that somebody holds, who is not the holder of the fence given; those that have a row and are left.

    Locked, nobody changes them before we are done.
    """
    left = set()
    query = select(leases.c.recipe, leases.c.fence, leases.c.expires_at > clock(connection))
    query = query.order_by(leases.c.recipe)
    for some in chunks(list(free)):
        among = query.where(leases.c.recipe.in_(some))
        for recipe, fence, is_running in connection.execute(among.with_for_update() if lock else among):
            if is_running and fence != free[recipe][1].despite_fence:
                del free[recipe]
            else:
                left.add(recipe)
    return left


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.recipe == bytes.fromhex(lease.recipe), leases.c.fence == lease.fence)
