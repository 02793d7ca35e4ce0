"""What people say of cuts, in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from amber.errors import AssetNotFoundError
from amber.store.rows import digests
from amber.store.schema import asset as assets
from amber.store.schema import verdict as verdicts
from amber.store.sql.session import Session, chunks, clock, upsert
from amber.store.verdicts import FrameRange, Verdict


class VerdictRows(Session):
    """The rows about what people said of cuts."""

    def put_verdict(self, verdict: Verdict) -> None:
        """See the protocol."""
        with self._writing() as connection:
            now = connection.execute(select(clock(connection))).scalar_one()
            for side in (verdict.first, verdict.second):
                known = select(assets.c.asset).where(assets.c.asset == bytes.fromhex(side.asset))
                if connection.execute(known.with_for_update(read=True)).first() is None:
                    raise AssetNotFoundError(f"no asset {side.asset[:16]}… is recorded")
            row = {
                **_key(verdict.first, verdict.second),
                "is_kept": verdict.is_kept,
                "who": verdict.who,
                "said_at": verdict.said_at or now,
            }
            upsert(connection, verdicts, row, replacing=("is_kept", "who", "said_at"))

    def drop_verdict(self, first: FrameRange, second: FrameRange) -> bool:
        """See the protocol."""
        same = [verdicts.c[name] == value for name, value in _key(first, second).items()]
        with self._writing() as connection:
            return connection.execute(delete(verdicts).where(*same)).rowcount > 0

    def verdicts(self, assets: Sequence[str]) -> list[Verdict]:
        """See the protocol."""
        wanted = set(assets)
        found: list[Verdict] = []
        with self._reading() as connection:
            for some in chunks(digests(sorted(wanted))):
                rows = connection.execute(select(verdicts).where(verdicts.c.asset_a.in_(some)))
                found += [_verdict(row) for row in rows]
        return sorted(
            (said for said in found if said.second.asset in wanted),
            key=lambda said: (said.first, said.second),
        )


def _key(first: FrameRange, second: FrameRange) -> dict[str, Any]:
    return {
        "asset_a": bytes.fromhex(first.asset),
        "start_a": first.start,
        "end_a": first.end,
        "asset_b": bytes.fromhex(second.asset),
        "start_b": second.start,
        "end_b": second.end,
    }


def _verdict(row: Any) -> Verdict:
    first = FrameRange(row.asset_a.hex(), row.start_a, row.end_a)
    return Verdict(
        first, FrameRange(row.asset_b.hex(), row.start_b, row.end_b), bool(row.is_kept), row.who, row.said_at
    )
