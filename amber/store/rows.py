"""How protocol values are written in rows: digests as bytes, assets packed, times as seconds since 1970."""

import json
import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

from amber.keys import Snapshot
from amber.store.protocol import AssetRecord, Blob, Invalidation, Location, Trace

#: Bytes of a SHA-256.
DIGEST_BYTES = 32
_HEX = frozenset(string.hexdigits.lower())


def is_digest_prefix(text: str) -> bool:
    """Whether a digest in lower-case hex could begin so."""
    return len(text) <= 2 * DIGEST_BYTES and _HEX.issuperset(text)


def digest_range(prefix: str) -> tuple[bytes, bytes]:
    """The least and the greatest digest with this hex prefix."""
    digits = 2 * DIGEST_BYTES
    return bytes.fromhex(prefix.ljust(digits, "0")), bytes.fromhex(prefix.ljust(digits, "f"))


def digests(texts: Iterable[str]) -> list[bytes]:
    """Digests as rows have them."""
    return list(map(bytes.fromhex, texts))


def packed(assets: Sequence[str]) -> bytes:
    """Asset hashes end to end, in their order."""
    return bytes.fromhex("".join(assets))


def unpacked(data: bytes) -> tuple[str, ...]:
    """The asset hashes that `packed` wrote."""
    if len(data) == DIGEST_BYTES:
        return (data.hex(),)
    return tuple(data[at : at + DIGEST_BYTES].hex() for at in range(0, len(data), DIGEST_BYTES))


def subject_key(subject: str) -> bytes:
    """What is stored of a subject: its first half, which no two subjects share by chance."""
    return bytes.fromhex(subject[:DIGEST_BYTES])


def packed_generations(generations: Sequence[int]) -> str | None:
    """Generations as text; None if all are 0, as they nearly always are."""
    return " ".join(map(str, generations)) if any(generations) else None


def unpacked_generations(text: str | None, count: int) -> tuple[int, ...]:
    """The generations that `packed_generations` wrote."""
    return (0,) * count if text is None else tuple(map(int, text.split()))


def moment(seconds: float | None) -> datetime | None:
    """A stored time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def trace_of(row: Sequence[Any]) -> Trace:
    """The trace in a row of these columns, in this order."""
    recipe, algorithm, version, part, packed_assets, generations, settings, *rest = row
    sha256, size_bytes, seconds, created_at = rest
    assets = unpacked(packed_assets)
    return Trace(
        recipe=recipe.hex(),
        algorithm=algorithm,
        version=version,
        part=part,
        assets=assets,
        generations=unpacked_generations(generations, len(assets)),
        settings=settings,
        value=Blob(sha256.hex(), size_bytes),
        seconds=seconds,
        created_at=moment(created_at),
    )


@lru_cache(256)
def _rate(text: str) -> Fraction:
    """A rate as it is written; a library has few, and reading one costs as much as the rest of its row."""
    return Fraction(text)


def asset_of(row: Sequence[Any], labels: Mapping[str, str]) -> AssetRecord:
    """The asset in a row of asset, title, duration_seconds, frame_count, width, height, rate, partial, facts, added_at."""
    asset, title, duration, frames, width, height, rate, partial, facts, added = row
    return AssetRecord(
        asset=asset.hex(),
        title=title,
        duration_seconds=duration,
        frame_count=frames,
        width=width,
        height=height,
        rate=None if rate is None else _rate(rate),
        partial=bool(partial),
        facts=json.loads(facts),
        labels=labels,
        added_at=moment(added),
    )


def location_of(row: Sequence[Any]) -> Location:
    """The location in a row of uri, asset, file_digest, size_bytes, mtime_ns, metadata, changed, seen_at."""
    uri, asset, file_digest, size, mtime, metadata, changed, seen = row
    return Location(
        uri=uri,
        asset=asset.hex(),
        file_digest=file_digest.hex(),
        size_bytes=size,
        mtime_ns=mtime,
        metadata=json.loads(metadata),
        changed=bool(changed),
        seen_at=moment(seen),
    )


def snapshot_of(epoch: int, in_force: Iterable[Invalidation]) -> Snapshot:
    """The snapshot that these invalidations make, none of them undone."""
    everywhere: dict[tuple[str, str], int] = {}
    somewhere: dict[tuple[str, str], dict[str, int]] = {}
    for record in in_force:
        name = (record.algorithm, record.version)
        if record.assets is None:
            everywhere[name] = max(record.id, everywhere.get(name, 0))
            continue
        covered = somewhere.setdefault(name, {})
        for asset in record.assets:
            covered[asset] = max(record.id, covered.get(asset, 0))
    return Snapshot(epoch, everywhere, somewhere)
