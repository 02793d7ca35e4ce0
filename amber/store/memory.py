"""A catalogue in memory: the protocol's definition in its plainest form, and a quick one for tests."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from amber import keys
from amber.errors import (
    AmberError,
    AssetForgottenError,
    AssetNotFoundError,
    FeatureNotFoundError,
    NotFoundError,
    StaleLeaseError,
)
from amber.keys import Snapshot
from amber.store.memory_accounts import AccountsInMemory
from amber.store.memory_jobs import JobsInMemory
from amber.store.memory_rows import Rows
from amber.store.memory_standing import StandingInMemory, StandingRows
from amber.store.memory_tokens import TokensInMemory
from amber.store.memory_verdicts import VerdictsInMemory
from amber.store.protocol import (
    UPLOADED,
    AssetRecord,
    Audit,
    Blob,
    Commit,
    Cost,
    Disowned,
    Failure,
    Invalidation,
    Lease,
    LeaseAsk,
    Link,
    Location,
    Lookup,
    NewTrace,
    Trace,
    TraceInput,
)
from amber.store.rows import is_digest_prefix, snapshot_of
from amber.store.singles import Singles


class MemoryCatalog(
    AccountsInMemory, TokensInMemory, VerdictsInMemory, StandingInMemory, JobsInMemory, Singles
):
    """A catalogue that ends with its process; every method holds one lock."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows()
        self._orders = StandingRows()

    # assets

    def put_asset(self, asset: AssetRecord, *, frame_times: bytes | None = None) -> bool:
        """See the protocol."""
        with self._lock:
            self._rows.forgotten.pop(asset.asset, None)
            if asset.asset in self._rows.assets:
                return False
            if frame_times is not None:
                self._rows.frame_times[asset.asset] = frame_times
            self._rows.assets[asset.asset] = replace(asset, added_at=asset.added_at or datetime.now(UTC))
            return True

    def frame_times(self, asset: str) -> bytes | None:
        """See the protocol."""
        with self._lock:
            return self._rows.frame_times.get(asset)

    def asset(self, asset: str) -> AssetRecord | None:
        """See the protocol."""
        with self._lock:
            return self._rows.assets.get(asset)

    def find_assets(self, name: str) -> list[AssetRecord]:
        """See the protocol."""
        prefix = name.lower() if len(name) >= 6 and is_digest_prefix(name.lower()) else None
        return [
            record
            for record in self.assets()
            if record.title == name or (prefix is not None and record.asset.startswith(prefix))
        ]

    def assets(
        self, where: Mapping[str, str] | None = None, *, after: str = "", limit: int | None = None
    ) -> list[AssetRecord]:
        """See the protocol."""
        wanted = (where or {}).items()
        with self._lock:
            found = [self._rows.assets[asset] for asset in sorted(self._rows.assets) if asset > after]
        return [record for record in found if wanted <= record.labels.items()][:limit]

    def set_title(self, asset: str, title: str) -> None:
        """See the protocol."""
        with self._lock:
            self._rows.assets[asset] = replace(self._known(asset), title=title)

    def set_labels(self, asset: str, labels: Mapping[str, str | None]) -> None:
        """See the protocol."""
        with self._lock:
            record = self._known(asset)
            merged = {**record.labels, **labels}
            kept = {name: value for name, value in merged.items() if value is not None}
            self._rows.assets[asset] = replace(record, labels=kept)

    def put_location(self, location: Location) -> None:
        """See the protocol."""
        with self._lock:
            self._known(location.asset)
            self._rows.locations.pop(location.uri, None)
            seen = replace(location, seen_at=location.seen_at or datetime.now(UTC))
            self._rows.locations[location.uri] = seen

    def location(self, uri: str) -> Location | None:
        """See the protocol."""
        with self._lock:
            return self._rows.locations.get(uri)

    def locations(self, asset: str) -> list[Location]:
        """See the protocol."""
        with self._lock:
            seen = list(self._rows.locations.values())
        return [at for at in reversed(seen) if at.asset == asset and not at.changed]

    def mark_changed(self, uri: str) -> None:
        """See the protocol."""
        with self._lock:
            if uri in self._rows.locations:
                self._rows.locations[uri] = replace(self._rows.locations[uri], changed=True)

    def _known(self, asset: str) -> AssetRecord:
        record = self._rows.assets.get(asset)
        if record is None:
            raise AssetNotFoundError(f"no asset {asset[:16]}… is recorded")
        return record

    # the two lookups

    def snapshot(self) -> Snapshot:
        """See the protocol."""
        with self._lock:
            return snapshot_of(
                self._rows.epoch, [record for record in self._rows.invalidations if not record.undone]
            )

    def lookup(self, key: str) -> Lookup:
        """See the protocol."""
        with self._lock:
            recipe = self._rows.resolved.get(key)
            return Lookup(self._rows.epoch, None if recipe is None else self._rows.commits[recipe].trace)

    def linked_traces(self, keys: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        with self._lock:
            resolved, commits = self._rows.resolved, self._rows.commits
            return {key: commits[resolved[key]].trace for key in keys if key in resolved}

    def linked_values(self, keys: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return {key: trace.value.sha256 for key, trace in self.linked_traces(keys).items()}

    def traces(self, recipes: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        with self._lock:
            return {
                recipe: self._rows.commits[recipe].trace for recipe in recipes if recipe in self._rows.commits
            }

    def made_values(self, recipes: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return {recipe: trace.value.sha256 for recipe, trace in self.traces(recipes).items()}

    def traces_of(self, subject: str) -> list[Trace]:
        """See the protocol."""
        return [trace for trace in self._newest_first() if _subject(trace) == subject]

    def traced_subjects(self, subjects: Sequence[str]) -> set[str]:
        """See the protocol."""
        return set(subjects) & {_subject(trace) for trace in self._newest_first()}

    def mean_seconds(self) -> dict[tuple[str, str], float]:
        """See the protocol."""
        with self._lock:
            return {name: sum(seconds) / len(seconds) for name, seconds in self._rows.seconds.items()}

    def find_traces(self, recipe_prefix: str) -> list[Trace]:
        """See the protocol."""
        found = [trace for trace in self._newest_first() if trace.recipe.startswith(recipe_prefix.lower())]
        return sorted(found, key=lambda trace: trace.recipe)

    def features(self, asset: str) -> list[Trace]:
        """See the protocol."""
        return [trace for trace in self._newest_first() if asset in trace.assets]

    def _newest_first(self) -> list[Trace]:
        with self._lock:
            return [new.trace for new in reversed(self._rows.commits.values())]

    # commits

    def link_all(self, links: Sequence[Link]) -> list[bool]:
        """See the protocol."""
        with self._lock:
            return [self._linked(one) for one in links]

    def _linked(self, link: Link) -> bool:
        if self._rows.epoch != link.epoch or link.recipe not in self._rows.commits:
            return False
        self._rows.resolved[link.key] = link.recipe
        return True

    def commit_all(self, commits: Sequence[Commit]) -> list[Trace | AmberError]:
        """See the protocol."""
        with self._lock:
            refused, seen = [], set[str]()
            for one in commits:
                refused.append(self._refusal(one, seen))
                seen.add(one.lease.recipe)
            return [error or self._kept(one) for one, error in zip(commits, refused, strict=True)]

    def _refusal(self, commit: Commit, seen: Collection[str]) -> AmberError | None:
        """The error of a commit that is refused; `seen` are the recipes of those before it."""
        try:
            self._check_none_forgotten(commit.new.trace.assets)
            self._check(commit.lease, commit.new, seen)
        except AmberError as error:
            return error
        return None

    def _kept(self, commit: Commit) -> Trace:
        new, recipe = commit.new, commit.new.trace.recipe
        there = self._rows.commits.get(recipe)
        is_linkable = self._rows.epoch == commit.epoch
        if there is None:
            self._keep(new)
        elif there.trace.value.sha256 == commit.lost and new.trace.value.sha256 != commit.lost:
            self._heal(there.trace, new)
        del self._rows.leases[recipe]
        self._rows.failures.pop(recipe, None)
        if is_linkable:
            self._rows.resolved[commit.key] = recipe
        return self._rows.commits[recipe].trace

    def _check(self, lease: Lease, new: NewTrace, seen: Collection[str]) -> None:
        held = self._rows.leases.get(new.trace.recipe)
        is_mine = held is not None and held.fence == lease.fence and lease.recipe == new.trace.recipe
        if not is_mine or lease.recipe in seen:
            raise StaleLeaseError()
        self._check_none_collected(lease, (new.trace.value, *new.files))
        for entry in new.inputs:
            if entry.recipe is not None and entry.recipe not in self._rows.commits:
                raise FeatureNotFoundError(
                    f"the input {entry.parameter} names no committed feature: {entry.recipe}"
                )

    def _keep(self, new: NewTrace) -> None:
        trace = replace(new.trace, created_at=new.trace.created_at or datetime.now(UTC))
        if trace.recipe not in self._rows.commits:
            self._rows.latest += 1
            self._rows.numbers[trace.recipe] = self._rows.latest
        self._rows.commits[trace.recipe] = replace(new, trace=trace)
        self._rows.seconds.setdefault((trace.algorithm, trace.version), []).append(trace.seconds)
        self.add_accounts([new.account()])

    def _heal(self, old: Trace, new: NewTrace) -> None:
        rows = self._rows
        tainted = {old.recipe, *self._made_from_value(old.value.sha256)}
        rows.resolved = {key: recipe for key, recipe in rows.resolved.items() if recipe not in tainted}
        self._keep(new)
        rows.epoch += 1
        detail = {"recipe": old.recipe, "lost": old.value.sha256, "value": new.trace.value.sha256}
        self._note("heal", "store", detail)

    def _made_from_value(self, sha256: str) -> set[str]:
        """The recipes of what was made from a value, transitively."""
        values, found = {sha256}, set[str]()
        while True:
            reached = {
                recipe: new.trace.value.sha256
                for recipe, new in self._rows.commits.items()
                if any(entry.value in values for entry in new.inputs)
            }
            if reached.keys() <= found:
                return found
            found |= reached.keys()
            values |= set(reached.values())

    # leases

    def take_leases(
        self, asked: Sequence[LeaseAsk], owner: str, seconds: float
    ) -> list[Lease | AmberError | None]:
        """See the protocol."""
        with self._lock:
            return [self._taken(one, owner, seconds) for one in asked]

    def _taken(self, ask: LeaseAsk, owner: str, seconds: float) -> Lease | AmberError | None:
        try:
            self._check_none_forgotten(ask.assets)
        except AssetForgottenError as error:
            return error
        held = self.holder(ask.recipe)
        if held is not None and held.fence != ask.despite_fence:
            return None
        self._rows.fence += 1
        is_left = ask.recipe in self._rows.leases
        lease = Lease(ask.recipe, self._rows.fence, owner, time.time() + seconds)
        self._rows.leases[ask.recipe] = lease
        self._rows.lease_assets[ask.recipe] = ask.assets
        return replace(lease, taken_over=is_left)

    def holder(self, recipe: str) -> Lease | None:
        """See the protocol."""
        with self._lock:
            lease = self._rows.leases.get(recipe)
            return lease if lease is not None and lease.expires_at > time.time() else None

    def renew_leases(self, leases: Sequence[Lease], seconds: float) -> set[str]:
        """See the protocol."""
        with self._lock:
            renewed = {lease.recipe for lease in leases if self._is_held(lease)}
            for recipe in renewed:
                held = self._rows.leases[recipe]
                self._rows.leases[recipe] = replace(held, expires_at=time.time() + seconds)
            return renewed

    def release_lease(self, lease: Lease) -> None:
        """See the protocol."""
        with self._lock:
            if self._is_held(lease):
                del self._rows.leases[lease.recipe]

    def _is_held(self, lease: Lease) -> bool:
        held = self._rows.leases.get(lease.recipe)
        return held is not None and held.fence == lease.fence

    # failures

    def failures(self, recipes: Sequence[str]) -> dict[str, Failure]:
        """See the protocol."""
        with self._lock:
            there = self._rows.failures
            return {recipe: there[recipe] for recipe in recipes if recipe in there}

    def put_failure(self, failure: Failure) -> None:
        """See the protocol."""
        with self._lock:
            if not self._rows.forgotten.keys() & set(failure.assets):
                self._rows.failures[failure.recipe] = failure

    def clear_failures(self, *, algorithm: str | None = None, asset: str | None = None) -> int:
        """See the protocol."""
        with self._lock:
            cleared = [
                failure.recipe
                for failure in self._rows.failures.values()
                if algorithm in (None, failure.algorithm) and (asset is None or asset in failure.assets)
            ]
            for recipe in cleared:
                del self._rows.failures[recipe]
            self._clear_failed_jobs(asset)
            return len(cleared)

    # invalidations

    def invalidate(self, disowned: Sequence[Disowned], *, reason: str, who: str) -> list[Invalidation]:
        """See the protocol."""
        with self._lock:
            self._rows.epoch += 1
            return self._disown(disowned, reason, who)

    def undo(self, ids: Sequence[int], *, who: str) -> None:
        """See the protocol."""
        with self._lock:
            for number in ids:
                if not 1 <= number <= len(self._rows.invalidations):
                    raise NotFoundError(f"there is no invalidation {number}")
            self._flag_undone(ids)
            self._rows.epoch += 1
            self._note("undo", who, {"ids": list(ids)})

    def invalidations(self) -> list[Invalidation]:
        """See the protocol."""
        with self._lock:
            return list(self._rows.invalidations)

    def audits(self) -> list[Audit]:
        """See the protocol."""
        with self._lock:
            return list(self._rows.audits)

    # lineage and upkeep

    def made_from(self, recipe: str) -> list[TraceInput]:
        """See the protocol."""
        with self._lock:
            new = self._rows.commits.get(recipe)
            return list(new.inputs) if new is not None else []

    def used_by(self, recipe: str) -> list[Trace]:
        """See the protocol."""
        with self._lock:
            made = [
                new.trace
                for new in self._rows.commits.values()
                if any(entry.recipe == recipe for entry in new.inputs)
            ]
        return made[::-1]

    def reason(self, recipe: str) -> str:
        """See the protocol."""
        with self._lock:
            new = self._rows.commits.get(recipe)
            return new.reason if new is not None else ""

    def cost(self, recipe: str) -> Cost | None:
        """See the protocol."""
        with self._lock:
            new = self._rows.commits.get(recipe)
            return new.cost if new is not None else None

    def referenced_blobs(self) -> Iterator[tuple[Blob, str]]:
        """See the protocol."""
        with self._lock:
            commits = list(self._rows.commits.values())
            seen = list(self._rows.locations.values())
        uploads = {
            at.file_digest: (Blob(at.file_digest, at.size_bytes), at.asset)
            for at in seen
            if at.uri.startswith(UPLOADED)
        }
        named = uploads | {
            blob.sha256: (blob, new.trace.recipe) for new in commits for blob in (new.trace.value, *new.files)
        }
        return iter(named.values())

    def problems(self) -> list[str]:
        """See the protocol: here rows cannot contradict each other."""
        return []

    def close(self) -> None:
        """See the protocol."""


def _subject(trace: Trace) -> str:
    return keys.subject(trace.algorithm, trace.version, trace.assets, trace.part)
