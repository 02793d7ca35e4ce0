"""Taking an asset down: everything that was made from it goes, and nothing late brings it back."""

import json
from typing import Any

from sqlalchemy import Connection, delete, func, select

from amber.store.records import UPLOADED, Blob, KeptPlan
from amber.store.schema import asset as assets
from amber.store.schema import failure, forgotten, job, lease, location
from amber.store.sql.dropping import drop
from amber.store.sql.extents import made_with
from amber.store.sql.failures import remove
from amber.store.sql.session import note, upsert


def forget_detail(connection: Connection, asset: str) -> dict[str, Any]:
    """What else goes: how many places where it was seen are no longer known."""
    seen = select(func.count()).select_from(location).where(location.c.asset == bytes.fromhex(asset))
    return {"asset": asset, "locations": int(connection.execute(seen).scalar_one())}


def forget(connection: Connection, plan: KeptPlan, asset: str, who: str, now: float) -> tuple[Blob, ...]:
    """Take an asset down; the epoch is raised already, so nobody commits meanwhile. The blobs that nothing needs any more.

    Leases of which nobody said the assets go too: who holds one takes it again.
    """
    key = bytes.fromhex(asset)
    unsaid = select(lease.c.recipe).where(lease.c.assets.is_(None))
    for recipe in sorted(connection.execute(unsaid).scalars()):
        connection.execute(delete(lease).where(lease.c.recipe == recipe))
    remove(connection, lease, select(lease.c.recipe, lease.c.assets), (asset,))
    remove(connection, failure, select(failure.c.recipe, failure.c.assets), (asset,))
    remove(connection, job, select(job.c.key, job.c.assets), (asset,))
    uploads = _uploads(connection, key)
    made = drop(connection, list(connection.execute(made_with(asset)).scalars()))
    blobs = tuple(sorted((*made, *uploads), key=lambda blob: blob.sha256))
    connection.execute(delete(assets).where(assets.c.asset == key))
    upsert(connection, forgotten, {"asset": key, "at": now}, replacing=("at",))
    detail = {"plan": plan.id, "asset": asset, "reason": plan.reason, "features": plan.features}
    note(connection, "forget", who, json.dumps(detail), now)
    return blobs


def _uploads(connection: Connection, asset: bytes) -> list[Blob]:
    """The bytes of uploads that held the asset."""
    sent = location.c.uri.startswith(UPLOADED, autoescape=True)
    query = select(location.c.file_digest, location.c.size_bytes).where(location.c.asset == asset, sent)
    return [Blob(sha256.hex(), size_bytes) for sha256, size_bytes in connection.execute(query)]
