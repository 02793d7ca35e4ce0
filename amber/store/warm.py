"""The catalogue as a process meets it: what a warm ask reads comes straight from the driver.

Importing SQLAlchemy takes a fifth of a second, and a row through it several times what the database takes for it, so the
reads of warm asks, one or a hundred thousand at a time, are written out here; everything else is handed to `SqlCatalog`,
which is loaded when it is first needed.
"""

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from amber.errors import ConnectionLostError
from amber.keys import Snapshot
from amber.store.connections import Database
from amber.store.protocol import AssetRecord, Invalidation, Location, Lookup, Trace
from amber.store.rows import (
    asset_of,
    digest_range,
    digests,
    is_digest_prefix,
    location_of,
    snapshot_of,
    subject_key,
    trace_of,
)

if TYPE_CHECKING:
    from amber.store.catalog import SqlCatalog as _Cold
else:
    _Cold = object

#: What reads, or leaves the same when it is done twice, and so may be asked once more when a connection broke.
_REPEATABLE = frozenset(
    (
        "arrivals",
        "ask_jobs",
        "assets",
        "assets_added",
        "audits",
        "ask_job",
        "askers",
        "claim_job",  # done twice, it gives nothing, and the claim ends in its time
        "claim_jobs",
        "backfill",
        "backfills",
        "cost",
        "count_jobs",
        "deliveries",
        "drop_arrivals",
        "duties",
        "end_job",
        "failure",
        "failures",
        "features",
        "find_jobs",
        "find_traces",
        "finish_job",
        "finish_jobs",
        "hand_back_job",
        "holder",
        "invalidations",
        "items",
        "job",
        "job_owners",
        "jobs",
        "leave_duty",
        "link",
        "link_all",
        "made_from",
        "mean_bytes",
        "mean_seconds",
        "pins",
        "plan",
        "plans",
        "problems",
        "open_jobs",
        "most_urgent",
        "accounts",
        "put_arrival",
        "put_deliveries",
        "put_failure",
        "reason",
        "referenced_blobs",
        "release_lease",
        "renew_jobs",
        "renew_leases",
        "subscriptions",
        "take_duty",
        "take_lease",
        "take_leases",
        "tell_deliveries",
        "tell_job",
        "tell_subscription",
        "token",
        "tokens",
        "traces_of",
        "usage",
        "put_verdict",
        "used_by",
        "verdicts",
        "withdraw_job",
    )
)
#: The epoch, and what `rows.trace_of` reads, in its order.
_LOOKUP = """
    SELECT e.number, t.recipe, m.algorithm, m.version, m.part, t.assets, t.generations, m.settings,
           t.sha256, t.size_bytes, t.seconds, t.created_at
    FROM epoch e
    LEFT JOIN resolved r ON r.key = ?
    LEFT JOIN trace t ON t.id = r.trace
    LEFT JOIN making m ON m.id = t.making
"""
_LINKED = """
    SELECT r.key, t.recipe, m.algorithm, m.version, m.part, t.assets, t.generations, m.settings,
           t.sha256, t.size_bytes, t.seconds, t.created_at
    FROM resolved r
    JOIN trace t ON t.id = r.trace
    JOIN making m ON m.id = t.making
    WHERE r.key
"""
_LINKED_VALUES = "SELECT r.key, t.sha256 FROM resolved r JOIN trace t ON t.id = r.trace WHERE r.key"
_MADE_VALUES = "SELECT recipe, sha256 FROM trace WHERE recipe"
_TRACES = """
    SELECT t.recipe, m.algorithm, m.version, m.part, t.assets, t.generations, m.settings,
           t.sha256, t.size_bytes, t.seconds, t.created_at
    FROM trace t
    JOIN making m ON m.id = t.making
    WHERE t.recipe
"""
_SUBJECTS = "SELECT subject FROM trace_subject WHERE subject"
_SNAPSHOT = """
    SELECT e.number, i.id, i.algorithm, i.version, i.everywhere, a.asset
    FROM epoch e
    LEFT JOIN invalidation i ON NOT i.undone
    LEFT JOIN invalidation_asset a ON a.invalidation = i.id
"""
_ASSET = """
    SELECT a.asset, a.title, a.duration_seconds, a.frame_count, a.width, a.height, a.rate, a.partial, a.facts, a.added_at,
           l.name, l.value
    FROM asset a
    LEFT JOIN label l ON l.asset = a.asset
"""
_LOCATION = "SELECT uri, asset, file_digest, size_bytes, mtime_ns, metadata, changed, seen_at FROM location"
_FRAME_TIMES = "SELECT times FROM frame_times WHERE asset = ?"


class WarmCatalog(_Cold):
    """The catalogue in a database; answers warm asks by itself.

    Args:
        database: Has the schema of this release.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rest: _Cold | None = None
        self._loading = threading.Lock()

    def lookup(self, key: str) -> Lookup:
        """See the protocol."""
        [(epoch, *row)] = self._database.rows(_LOOKUP, (bytes.fromhex(key),))
        return Lookup(epoch, None if row[0] is None else trace_of(row))

    def linked_traces(self, keys: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        read = self._database.rows_among(_LINKED, digests(keys))
        return {key.hex(): trace_of(row) for key, *row in read}

    def linked_values(self, keys: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return self._pairs(_LINKED_VALUES, keys)

    def traces(self, recipes: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        read = [trace_of(row) for row in self._database.rows_among(_TRACES, digests(recipes))]
        return {trace.recipe: trace for trace in read}

    def made_values(self, recipes: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return self._pairs(_MADE_VALUES, recipes)

    def traced_subjects(self, subjects: Sequence[str]) -> set[str]:
        """See the protocol."""
        asked = {subject_key(subject): subject for subject in subjects}
        return {asked[key] for (key,) in self._database.rows_among(_SUBJECTS, list(asked))}

    def snapshot(self) -> Snapshot:
        """See the protocol."""
        rows = self._database.rows(_SNAPSHOT)
        records: dict[int, tuple[str, str, list[str] | None]] = {}
        for _, number, algorithm, version, everywhere, asset in rows:
            if number is not None:
                _, _, covered = records.setdefault(number, (algorithm, version, None if everywhere else []))
                if covered is not None and asset is not None:
                    covered.append(asset.hex())
        in_force = [
            Invalidation(number, algorithm, version, None if covered is None else tuple(covered), "", "")
            for number, (algorithm, version, covered) in records.items()
        ]
        return snapshot_of(rows[0][0], in_force)

    def asset(self, asset: str) -> AssetRecord | None:
        """See the protocol."""
        found = _records(self._database.rows(f"{_ASSET} WHERE a.asset = ?", (bytes.fromhex(asset),)))
        return found[0] if found else None

    def find_assets(self, name: str) -> list[AssetRecord]:
        """See the protocol."""
        by_title = _records(self._database.rows(f"{_ASSET} WHERE a.title = ?", (name,)))
        if len(name) < 6 or not is_digest_prefix(name.lower()):
            return sorted(by_title, key=lambda record: record.asset)
        by_hash = _records(
            self._database.rows(f"{_ASSET} WHERE a.asset BETWEEN ? AND ?", digest_range(name.lower()))
        )
        found = {record.asset: record for record in by_title + by_hash}
        return [found[asset] for asset in sorted(found)]

    def location(self, uri: str) -> Location | None:
        """See the protocol."""
        rows = self._database.rows(f"{_LOCATION} WHERE uri = ?", (uri,))
        return location_of(rows[0]) if rows else None

    def locations(self, asset: str) -> list[Location]:
        """See the protocol."""
        theirs = f"{_LOCATION} WHERE asset = ? AND NOT changed ORDER BY id DESC"
        return [location_of(row) for row in self._database.rows(theirs, (bytes.fromhex(asset),))]

    def frame_times(self, asset: str) -> bytes | None:
        """See the protocol."""
        rows = self._database.rows(_FRAME_TIMES, (bytes.fromhex(asset),))
        return bytes(rows[0][0]) if rows else None

    def close(self) -> None:
        """See the protocol."""
        self._database.close()
        if self._rest is not None:
            self._rest.close()

    def _pairs(self, statement: str, asked: Sequence[str]) -> dict[str, str]:
        """Pairs of digests, for those of the asked ones that there are."""
        found = self._database.rows_among(statement, digests(asked))
        return {key.hex(): sha256.hex() for key, sha256 in found}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            with self._loading:
                if self._rest is None:
                    self._rest = self._database.catalog()
            method = getattr(self._rest, name)
            if name in _REPEATABLE:
                method = _asked_again(method)
            setattr(self, name, method)
            return method


def _asked_again(question: Callable[..., Any]) -> Callable[..., Any]:
    """The question, asked once more on another connection if the first one broke meanwhile."""

    @wraps(question)
    def asked(*arguments: Any, **named: Any) -> Any:
        try:
            return question(*arguments, **named)
        except ConnectionLostError:
            return question(*arguments, **named)

    return asked


def _records(rows: Sequence[Any]) -> list[AssetRecord]:
    labels: dict[bytes, dict[str, str]] = {}
    facts: dict[bytes, Sequence[Any]] = {}
    for *asset, name, value in rows:
        facts[asset[0]] = asset
        theirs = labels.setdefault(asset[0], {})
        if name is not None:
            theirs[name] = value
    return [asset_of(row, labels[asset]) for asset, row in facts.items()]
