"""Assets, their labels, and where they were seen."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, insert, or_, select, update

from amber.errors import AssetNotFoundError
from amber.store.protocol import AssetRecord, Location
from amber.store.rows import asset_of, digest_range, is_digest_prefix, location_of
from amber.store.schema import asset as assets
from amber.store.schema import forgotten
from amber.store.schema import frame_times as recorded_times
from amber.store.schema import label as labels
from amber.store.schema import location as locations
from amber.store.sql.session import CHUNK, Session, alone, upsert

_LOCATION = select(*(column for column in locations.c if column.name != "id"))


class AssetRows(Session):
    """The rows about media content."""

    def put_asset(self, asset: AssetRecord, *, frame_times: bytes | None = None) -> bool:
        """See the protocol."""
        key = bytes.fromhex(asset.asset)
        row = {
            "asset": key,
            "title": asset.title,
            "duration_seconds": asset.duration_seconds,
            "frame_count": asset.frame_count,
            "width": asset.width,
            "height": asset.height,
            "rate": None if asset.rate is None else str(asset.rate),
            "partial": asset.partial,
            "facts": json.dumps(dict(asset.facts)),
            "added_at": time.time() if asset.added_at is None else asset.added_at.timestamp(),
        }
        with self._writing() as connection:
            is_new = upsert(connection, assets, row)
            connection.execute(delete(forgotten).where(forgotten.c.asset == key))
            if is_new:
                _put_labels(connection, key, asset.labels)
            if is_new and frame_times is not None:
                connection.execute(insert(recorded_times).values(asset=key, times=frame_times))
            return is_new

    def frame_times(self, asset: str) -> bytes | None:
        """See the protocol."""
        query = select(recorded_times.c.times).where(recorded_times.c.asset == bytes.fromhex(asset))
        with self._reading() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def asset(self, asset: str) -> AssetRecord | None:
        """See the protocol."""
        with self._reading() as connection:
            found = _records(connection, select(assets).where(assets.c.asset == bytes.fromhex(asset)))
        return found[0] if found else None

    def find_assets(self, name: str) -> list[AssetRecord]:
        """See the protocol."""
        fits = assets.c.title == name
        if len(name) >= 6 and is_digest_prefix(name.lower()):
            fits = or_(fits, assets.c.asset.between(*digest_range(name.lower())))
        with self._reading() as connection:
            return _records(connection, select(assets).where(fits).order_by(assets.c.asset))

    def assets(
        self, where: Mapping[str, str] | None = None, *, after: str = "", limit: int | None = None
    ) -> list[AssetRecord]:
        """See the protocol."""
        query = select(assets).order_by(assets.c.asset).limit(limit)
        if after:
            query = query.where(assets.c.asset > bytes.fromhex(after))
        for name, value in (where or {}).items():
            labelled = and_(labels.c.asset == assets.c.asset, labels.c.name == name, labels.c.value == value)
            query = query.where(exists().where(labelled))
        with self._reading() as connection:
            return _records(connection, query)

    def set_title(self, asset: str, title: str) -> None:
        """See the protocol."""
        with self._writing() as connection:
            key = bytes.fromhex(asset)
            changed = connection.execute(update(assets).where(assets.c.asset == key).values(title=title))
            if changed.rowcount == 0:
                raise _unknown(asset)

    def set_labels(self, asset: str, labels: Mapping[str, str | None]) -> None:
        """See the protocol."""
        with self._writing() as connection:
            key = _known(connection, asset)
            _drop_labels(connection, key, list(labels))
            _put_labels(connection, key, {name: value for name, value in labels.items() if value is not None})

    def put_location(self, location: Location) -> None:
        """See the protocol."""
        with self._writing() as connection:
            alone(connection, f"location {location.uri}")
            row = {
                "uri": location.uri,
                "asset": _known(connection, location.asset),
                "file_digest": bytes.fromhex(location.file_digest),
                "size_bytes": location.size_bytes,
                "mtime_ns": location.mtime_ns,
                "metadata": json.dumps(dict(location.metadata)),
                "changed": location.changed,
                "seen_at": time.time() if location.seen_at is None else location.seen_at.timestamp(),
            }
            connection.execute(delete(locations).where(locations.c.uri == location.uri))
            connection.execute(insert(locations).values(row))

    def location(self, uri: str) -> Location | None:
        """See the protocol."""
        with self._reading() as connection:
            row = connection.execute(_LOCATION.where(locations.c.uri == uri)).one_or_none()
        return None if row is None else location_of(row)

    def locations(self, asset: str) -> list[Location]:
        """See the protocol."""
        theirs = and_(locations.c.asset == bytes.fromhex(asset), locations.c.changed.is_(False))
        with self._reading() as connection:
            rows = connection.execute(_LOCATION.where(theirs).order_by(locations.c.id.desc())).all()
        return [location_of(row) for row in rows]

    def mark_changed(self, uri: str) -> None:
        """See the protocol."""
        with self._writing() as connection:
            connection.execute(update(locations).where(locations.c.uri == uri).values(changed=True))


def _known(connection: Connection, asset: str) -> bytes:
    """The asset's key; nobody else changes its row, or what hangs on it, before this transaction ends."""
    key = bytes.fromhex(asset)
    row = select(assets.c.asset).where(assets.c.asset == key).with_for_update(key_share=True)
    if connection.execute(row).one_or_none() is None:
        raise _unknown(asset)
    return key


def _unknown(asset: str) -> AssetNotFoundError:
    return AssetNotFoundError(f"no asset {asset[:16]}… is recorded")


def _put_labels(connection: Connection, asset: bytes, named: Mapping[str, str]) -> None:
    if named:
        rows = [{"asset": asset, "name": name, "value": value} for name, value in named.items()]
        connection.execute(insert(labels), rows)


def _drop_labels(connection: Connection, asset: bytes, names: Sequence[str]) -> None:
    connection.execute(delete(labels).where(labels.c.asset == asset, labels.c.name.in_(names)))


def _records(connection: Connection, query: Select[Any]) -> list[AssetRecord]:
    """The assets of a query, with their labels."""
    rows = connection.execute(query).all()
    named: dict[bytes, dict[str, str]] = {row.asset: {} for row in rows}
    keys = list(named)
    for at in range(0, len(keys), CHUNK):
        theirs = select(labels).where(labels.c.asset.in_(keys[at : at + CHUNK]))
        for asset, name, value in connection.execute(theirs):
            named[asset][name] = value
    return [asset_of(row, named[row.asset]) for row in rows]
