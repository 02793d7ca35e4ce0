"""What watched sources showed, and who does what, in SQL."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, delete, or_, select, update

from amber.store.arrivals import Arrival, Duty
from amber.store.schema import arrival as arrivals
from amber.store.schema import duty as duties
from amber.store.sql.session import Session, chunks, clock, upsert


class ArrivalRows(Session):
    """The rows about sources and duties."""

    def put_arrival(self, arrival: Arrival) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            row: dict[str, Any] = {**vars(arrival), "asset": bytes.fromhex(arrival.asset or "") or None}
            row["seen_at"] = arrival.seen_at or connection.execute(select(clock(connection))).scalar_one()
            upsert(connection, arrivals, row, replacing=("fingerprint", "asset", "problem", "seen_at"))

    def arrivals(self, prefix: str) -> list[Arrival]:
        """See the protocol."""
        begins = arrivals.c.uri.startswith(prefix, autoescape=True)
        with self._reading() as connection:
            rows = connection.execute(select(arrivals).where(begins)).all()
        found = [
            Arrival(
                row.uri, row.fingerprint, row.asset.hex() if row.asset else None, row.problem, row.seen_at
            )
            for row in rows
            if row.uri.startswith(prefix)  # SQLite takes upper and lower case for the same
        ]
        return sorted(found, key=lambda arrival: arrival.uri)

    def drop_arrivals(self, uris: Sequence[str]) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            for some in chunks(uris):
                connection.execute(delete(arrivals).where(arrivals.c.uri.in_(some)))

    def take_duty(self, name: str, owner: str, seconds: float, *, dead: Collection[str] = ()) -> bool:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            now = connection.execute(select(clock(connection))).scalar_one()
            row = {"name": name, "owner": owner, "expires_at": now + seconds}
            if upsert(connection, duties, row):
                return True
            free = or_(duties.c.owner.in_([owner, *dead]), duties.c.expires_at <= now)
            taken = update(duties).where(and_(duties.c.name == name, free)).values(row)
            return connection.execute(taken).rowcount > 0

    def leave_duty(self, name: str, owner: str) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            connection.execute(delete(duties).where(duties.c.name == name, duties.c.owner == owner))

    def duties(self) -> list[Duty]:
        """See the protocol."""
        with self._reading() as connection:
            now = connection.execute(select(clock(connection))).scalar_one()
            rows = connection.execute(
                select(duties).where(duties.c.expires_at > now, duties.c.owner != "").order_by(duties.c.name)
            ).all()
        return [Duty(row.name, row.owner, row.expires_at) for row in rows]
