"""Blobs that nothing needs, what they take up that something needs, and what is kept in spite of newer versions."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, union

from amber.errors import BlobCollectedError
from amber.store.records import UPLOADED, Blob, Lease, Pin, Usage
from amber.store.rows import digests, moment
from amber.store.schema import garbage, lease, location, making, pin, sequence, trace, trace_file
from amber.store.sql.session import Session, alone, chunks, clock, current_epoch, upsert

#: A lease that ended so long ago at least is no longer waited for.
LEAST_PATIENCE_SECONDS = 60.0
#: Whoever writes about garbage does so alone.
_NAME = "amber garbage"
_KNOWN = select(garbage.c.sha256, garbage.c.collected)


class GarbageRows(Session):
    """The rows about blobs, as far as they are about no feature in particular."""

    def mark_garbage(self, orphans: Sequence[Blob]) -> int:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            alone(connection, _NAME)
            _settle(connection)
            now, fence = time.time(), _last_fence(connection)
            found = {bytes.fromhex(blob.sha256): blob.size_bytes for blob in orphans}
            known = {row.sha256: row.collected for row in connection.execute(_KNOWN)}
            marked = {sha256 for sha256, collected in known.items() if not collected}
            for some in chunks(sorted(marked - found.keys())):
                connection.execute(delete(garbage).where(garbage.c.sha256.in_(some)))
            # What was collected a moment ago is not marked: it may have been listed before that.
            new = sorted(found.keys() - known.keys())
            row = {"marked_at": now, "fence": fence, "collected": False}
            for some in chunks(new):
                rows = [{"sha256": one, "size_bytes": found[one], **row} for one in some]
                connection.execute(insert(garbage), rows)
            return len(new)

    def garbage(self, grace_seconds: float) -> list[Blob]:
        """See the protocol."""
        with self._writing(upkeep=True) as connection:
            patience = max(grace_seconds, LEAST_PATIENCE_SECONDS)
            over = select(lease.c.recipe).where(lease.c.expires_at < clock(connection) - patience)
            for recipe in sorted(connection.execute(over).scalars()):
                connection.execute(delete(lease).where(lease.c.recipe == recipe))
            alone(connection, _NAME)
            oldest = _settle(connection)
            due = select(garbage.c.sha256, garbage.c.size_bytes).where(
                garbage.c.collected.is_(False),
                garbage.c.fence < oldest,
                garbage.c.marked_at <= time.time() - grace_seconds,
            )
            rows = connection.execute(due.order_by(garbage.c.sha256)).all()
        return [Blob(sha256.hex(), size_bytes) for sha256, size_bytes in rows]

    def collect(self, digests: Sequence[str], delete: Callable[..., object]) -> list[str]:
        """See the protocol."""
        with self._writing() as connection:
            current_epoch(connection, lock=True, to_raise=True)  # nobody commits until this is over
            alone(connection, _NAME)
            needed = needed_among(connection, digests)
            gone = [sha256 for sha256 in digests if sha256 not in needed]
            delete(*gone)
            fence, now = _last_fence(connection), time.time()
            for sha256 in gone:
                row = {"sha256": bytes.fromhex(sha256), "size_bytes": 0, "marked_at": now, "fence": fence}
                row |= {"collected": True}
                upsert(connection, garbage, row, replacing=("marked_at", "fence", "collected"))
        return gone

    def pin(self, pin: Pin) -> bool:
        """See the protocol."""
        return self._changed_pin(pin.name, pin)

    def unpin(self, name: str) -> bool:
        """See the protocol."""
        return self._changed_pin(name, None)

    def _changed_pin(self, name: str, new: Pin | None) -> bool:
        with self._writing() as connection:
            was = connection.execute(delete(pin).where(pin.c.name == name)).rowcount > 0
            if new is not None:
                row = {"name": name, "reason": new.reason, "who": new.who, "at": time.time()}
                connection.execute(insert(pin).values(row))
            return was is (new is None)

    def pins(self) -> list[Pin]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(select(pin).order_by(pin.c.name)).all()
        return [Pin(row.name, row.reason, row.who, moment(row.at)) for row in rows]

    def usage(self) -> list[Usage]:
        """See the protocol."""
        kind = (making.c.algorithm, making.c.version)
        values = select(*kind, trace.c.sha256, trace.c.size_bytes).join(making, making.c.id == trace.c.making)
        files = (
            select(*kind, trace_file.c.sha256, trace_file.c.size_bytes)
            .select_from(trace_file)
            .join(trace, trace.c.id == trace_file.c.trace)
            .join(making, making.c.id == trace.c.making)
        )
        found = []
        with self._reading(upkeep=True) as connection:
            for name, query in (("value", values), ("file", files)):
                each = query.distinct().subquery()
                total = select(each.c.algorithm, each.c.version, func.count(), func.sum(each.c.size_bytes))
                rows = connection.execute(total.group_by(each.c.algorithm, each.c.version)).all()
                found += [Usage(name, row[0], row[1], int(row[2]), int(row[3])) for row in rows]
        return sorted(found, key=lambda used: (used.kind != "value", used.algorithm, used.version))


def collected_among(connection: Connection, blobs: Iterable[Blob]) -> dict[str, int]:
    """Those of the blobs that were collected lately, and the last fence of that time."""
    return {
        row.sha256.hex(): row.fence
        for some in chunks(digests({blob.sha256 for blob in blobs}))
        for row in connection.execute(
            select(garbage.c.sha256, garbage.c.fence).where(
                garbage.c.sha256.in_(some), garbage.c.collected.is_(True)
            )
        )
    }


def collected_error(
    collected: Mapping[str, int], held: Lease, blobs: Sequence[Blob]
) -> BlobCollectedError | None:
    """The error of a commit, if a blob was collected after its lease was taken: it may have been stored before that."""
    for blob in blobs:
        if collected.get(blob.sha256, -1) >= held.fence:
            return BlobCollectedError(
                f"blob {blob.sha256} was collected while the result that names it was computed"
            )
    return None


def needed_among(connection: Connection, asked: Sequence[str]) -> set[str]:
    """Those of the blobs that a feature needs, or that are uploads."""
    found: set[str] = set()
    for some in chunks(digests(asked)):
        query = union(
            select(trace.c.sha256).where(trace.c.sha256.in_(some)),
            select(trace_file.c.sha256).where(trace_file.c.sha256.in_(some)),
            select(location.c.file_digest).where(
                location.c.uri.in_([f"{UPLOADED}{sha256.hex()}" for sha256 in some])
            ),
        )
        found.update(sha256.hex() for (sha256,) in connection.execute(query))
    return found


def _last_fence(connection: Connection) -> int:
    return int(connection.execute(select(sequence.c.number).where(sequence.c.name == "fence")).scalar_one())


def _settle(connection: Connection) -> int:
    """Forget what was collected before all who work now began; the fence of the one who began first."""
    oldest = connection.execute(select(func.min(lease.c.fence))).scalar()
    if oldest is None:
        oldest = _last_fence(connection) + 1
    connection.execute(delete(garbage).where(garbage.c.collected.is_(True), garbage.c.fence < oldest))
    return int(oldest)
