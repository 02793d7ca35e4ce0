"""Plans, collecting and pins of the catalogue in memory."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from amber.errors import AssetForgottenError, BlobCollectedError, PlanNotFoundError
from amber.keys import Snapshot
from amber.store import plans as judging
from amber.store.memory_rows import GarbageRow, PlanRow, Rows
from amber.store.plans import Counted, Counts, Moment, summed
from amber.store.records import (
    UPLOADED,
    Applied,
    Audit,
    Blob,
    Disowned,
    Extent,
    Invalidation,
    KeptPlan,
    Lease,
    NewTrace,
    Pin,
    PlanAction,
    Trace,
    Usage,
)
from amber.store.retention import ended, standing, without_sources

#: A lease that ended so long ago at least is no longer waited for.
LEAST_PATIENCE_SECONDS = 60.0


class MemoryUpkeep(ABC):
    """What a catalogue in memory does besides answering asks."""

    _rows: Rows
    _lock: threading.RLock

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """See the protocol."""

    @abstractmethod
    def clear_failures(self, *, algorithm: str | None = None, asset: str | None = None) -> int:
        """See the protocol."""

    @abstractmethod
    def _end_jobs_of(self, asset: str) -> None:
        """End the jobs of an asset."""

    # plans

    def plan_invalidation(
        self,
        target: Disowned,
        *,
        with_dependants: bool = False,
        where: Mapping[str, str] | None = None,
        reason: str,
        who: str,
    ) -> KeptPlan:
        """See the protocol."""
        with self._lock:
            detail = {
                "algorithm": target.algorithm,
                "version": target.version,
                "with_dependants": with_dependants,
            }
            counts = self._invalidation_counts(target, with_dependants)
            return self._draft("invalidate", target.assets, reason, who, where or {}, detail, counts)

    def plan_forget(self, asset: str, *, reason: str, who: str) -> KeptPlan:
        """See the protocol."""
        with self._lock:
            seen = sum(at.asset == asset for at in self._rows.locations.values())
            counts = Counts(self._extents(self._made_with(asset)))
            detail = {"asset": asset, "locations": seen}
            return self._draft("forget", (asset,), reason, who, {}, detail, counts)

    def plan_retention(self, versions: int, *, undo_seconds: float, who: str) -> KeptPlan:
        """See the protocol."""
        with self._lock:
            before = time.time() - undo_seconds
            recipes, undos = self._superseded(versions, before)
            records = {record.id: record for record in self._rows.invalidations}
            plans = {number: row.plan.id for row in self._rows.plans.values() for number in row.plan.ids}
            detail = {"keep_versions": versions, "before": before, "ended": ended(plans, records, undos)}
            reason = f"all but {versions} versions were superseded"
            counts = Counts(self._extents(recipes))
            return self._draft("retain", None, reason, who, {}, detail, counts)

    def plan(self, plan_id: str) -> KeptPlan:
        """See the protocol."""
        return self._plan_row(plan_id).plan

    def plans(self) -> list[KeptPlan]:
        """See the protocol."""
        with self._lock:
            return [row.plan for row in self._rows.plans.values()]

    def apply_plan(self, plan_id: str, *, who: str) -> Applied:
        """See the protocol."""
        with self._lock:
            row = self._plan_row(plan_id)
            judging.check_appliable(row.plan)
            self._check_drift(row)
            self._rows.epoch += 1
            plan = replace(row.plan, state="applied", applied_at=datetime.now(UTC))
            blobs: tuple[Blob, ...] = ()
            if plan.action == "invalidate":
                targets = [Disowned(one.algorithm, one.version, plan.assets) for one in plan.doomed]
                records = self._disown(targets, plan.reason, who, plan_id)
                plan = replace(plan, ids=tuple(record.id for record in records))
            elif plan.action == "forget":
                blobs = self._forget(plan, who)
            else:
                self._retain(plan, who)
            self._rows.plans[plan_id] = replace(row, plan=plan)
            return Applied(plan, blobs)

    def undo_plan(self, plan_id: str, *, who: str) -> KeptPlan:
        """See the protocol."""
        with self._lock:
            row = self._plan_row(plan_id)
            records = [self._rows.invalidations[number - 1] for number in row.plan.ids]
            judging.check_undoable(
                row.plan, [record.undo_ended_at for record in records if record.undo_ended_at]
            )
            self._flag_undone(row.plan.ids)
            self._rows.epoch += 1
            self._note("undo", who, {"plan": plan_id, "ids": list(row.plan.ids)})
            plan = replace(row.plan, state="undone")
            self._rows.plans[plan_id] = replace(row, plan=plan)
            return plan

    def _plan_row(self, plan_id: str) -> PlanRow:
        row = self._rows.plans.get(plan_id)
        if row is None:
            raise PlanNotFoundError(f"there is no plan {plan_id!r}; `amber plans` lists them")
        return row

    def _draft(
        self,
        action: PlanAction,
        assets: Sequence[str] | None,
        reason: str,
        who: str,
        where: Mapping[str, str],
        detail: Mapping[str, Any],
        counts: Counts,
    ) -> KeptPlan:
        plan = KeptPlan(
            id=judging.new_id(),
            action=action,
            reason=reason,
            who=who,
            doomed=tuple(one.extent for one in counts.doomed),
            depends=tuple(one.extent for one in counts.depends),
            assets=None if assets is None else tuple(sorted(set(assets))),
            where=dict(where),
            detail=dict(detail),
            made_at=datetime.now(UTC),
        )
        self._rows.plans[plan.id] = PlanRow(plan, counts, Moment(self._rows.epoch, self._rows.latest))
        return plan

    def _check_drift(self, row: PlanRow) -> None:
        plan, now = row.plan, row.counts
        further: list[str] = []
        if plan.where:
            planned = set(plan.assets or ())
            labelled = {
                asset.asset
                for asset in self._rows.assets.values()
                if plan.where.items() <= asset.labels.items()
            }
            gone, come = len(planned - labelled), len(labelled - planned)
            further = judging.drifted_labels(plan.where, len(planned), gone, come)
        if row.moment != Moment(self._rows.epoch, self._rows.latest):
            now = self._recounted(plan)
        judging.check_same(plan.id, row.counts, now, further)

    def _recounted(self, plan: KeptPlan) -> Counts:
        detail = plan.detail
        if plan.action == "invalidate":
            target = Disowned(detail["algorithm"], detail["version"], plan.assets)
            return self._invalidation_counts(target, detail["with_dependants"])
        if plan.action == "forget":
            return Counts(self._extents(self._made_with(detail["asset"])))
        return Counts(self._extents(self._superseded(detail["keep_versions"], detail["before"])[0]))

    # counting

    def _invalidation_counts(self, target: Disowned, with_dependants: bool) -> Counts:
        snapshot, name = self.snapshot(), (target.algorithm, target.version)
        covered = self._covered(name, target.assets)
        below = [recipe for recipe in self._below(covered) if _name(self._commit(recipe).trace) != name]
        depends = self._extents(self._current(below, snapshot))
        own = self._extents(self._current(covered, snapshot)) or (Counted(Extent(*name), 0),)
        if not with_dependants:
            return Counts(own, depends)
        doomed = list(own)
        for one, _ in depends:
            theirs = self._covered((one.algorithm, one.version), target.assets)
            doomed += self._extents(self._current(theirs, snapshot))
        return Counts(tuple(doomed))

    def _commit(self, recipe: str) -> NewTrace:
        return self._rows.commits[recipe]

    def _covered(self, name: tuple[str, str], assets: Sequence[str] | None) -> list[str]:
        chosen = None if assets is None else set(assets)
        return [
            recipe
            for recipe, new in self._rows.commits.items()
            if _name(new.trace) == name and (chosen is None or not chosen.isdisjoint(new.trace.assets))
        ]

    def _current(self, recipes: Iterable[str], snapshot: Snapshot) -> list[str]:
        return [recipe for recipe in recipes if _is_current(snapshot, self._commit(recipe).trace)]

    def _below(self, recipes: Iterable[str]) -> set[str]:
        """These, and all that was made from them."""
        found = set(recipes)
        while True:
            more = {
                recipe
                for recipe, new in self._rows.commits.items()
                if recipe not in found and any(entry.recipe in found for entry in new.inputs)
            }
            if not more:
                return found
            found |= more

    def _made_with(self, asset: str) -> set[str]:
        return self._below(recipe for recipe, new in self._rows.commits.items() if asset in new.trace.assets)

    def _extents(self, recipes: Iterable[str]) -> tuple[Counted, ...]:
        numbers, commits = self._rows.numbers, self._rows.commits
        return summed(_counted(commits[recipe].trace, numbers[recipe]) for recipe in recipes)

    # doing

    def _disown(
        self, disowned: Sequence[Disowned], reason: str, who: str, plan_id: str | None = None
    ) -> list[Invalidation]:
        records = []
        for one in disowned:
            assets = None if one.assets is None else tuple(sorted(set(one.assets)))
            number = len(self._rows.invalidations) + 1
            made_at = datetime.now(UTC)
            record = Invalidation(number, one.algorithm, one.version, assets, reason, who, made_at=made_at)
            records.append(record)
            self._rows.invalidations.append(record)
            for asset in assets if assets is not None else (None,):
                self.clear_failures(algorithm=one.algorithm, asset=asset)
        detail: dict[str, Any] = {"ids": [record.id for record in records], "reason": reason}
        if plan_id is not None:
            detail |= {"plan": plan_id, "disowned": [f"{one.algorithm}@{one.version}" for one in disowned]}
        self._note("invalidate", who, detail)
        return records

    def _flag_undone(self, ids: Sequence[int]) -> None:
        records = self._rows.invalidations
        for number in ids:
            records[number - 1] = replace(records[number - 1], undone=True)

    def _forget(self, plan: KeptPlan, who: str) -> tuple[Blob, ...]:
        rows, asset = self._rows, plan.detail["asset"]
        for recipe in list(rows.leases):
            named = rows.lease_assets.get(recipe, ())
            if not named or asset in named:
                del rows.leases[recipe]
        rows.failures = {key: one for key, one in rows.failures.items() if asset not in one.assets}
        self._end_jobs_of(asset)
        uploads = self._uploads(asset)
        blobs = tuple(sorted((*self._drop(self._made_with(asset)), *uploads), key=lambda blob: blob.sha256))
        rows.assets.pop(asset, None)
        rows.frame_times.pop(asset, None)
        rows.locations = {uri: at for uri, at in rows.locations.items() if at.asset != asset}
        rows.verdicts = {
            sides: said for sides, said in rows.verdicts.items() if asset not in (one.asset for one in sides)
        }
        rows.forgotten[asset] = datetime.now(UTC)
        detail = {"plan": plan.id, "asset": asset, "reason": plan.reason, "features": plan.features}
        self._note("forget", who, detail)
        return blobs

    def _drop(self, recipes: Iterable[str]) -> tuple[Blob, ...]:
        """Remove features; the blobs that nothing needs any more."""
        named: dict[str, Blob] = {}
        for recipe in list(recipes):
            new = self._rows.commits.pop(recipe)
            del self._rows.numbers[recipe]
            self._rows.pins.pop(recipe, None)
            named |= {blob.sha256: blob for blob in _blobs(new)}
        commits = self._rows.commits
        self._rows.resolved = {key: to for key, to in self._rows.resolved.items() if to in commits}
        needed = self._needed()
        return tuple(blob for sha256, blob in sorted(named.items()) if sha256 not in needed)

    def _retain(self, plan: KeptPlan, who: str) -> None:
        recipes, undos = self._superseded(plan.detail["keep_versions"], plan.detail["before"])
        self._drop(recipes)
        for number in undos:
            record = self._rows.invalidations[number - 1]
            over = record.undo_ended_at or datetime.now(UTC)
            self._rows.invalidations[number - 1] = replace(record, undo_ended_at=over)
        detail = {"plan": plan.id, "features": len(recipes), "keep_versions": plan.detail["keep_versions"]}
        self._note("retain", who, {**detail, "ended": plan.detail["ended"]})

    def _superseded(self, versions: int, before: float) -> tuple[set[str], set[int]]:
        rows, late = self._rows, datetime.fromtimestamp(before, UTC)
        stands = {}
        for recipe, new in rows.commits.items():
            records = [one for one in rows.invalidations if (one.algorithm, one.version) == _name(new.trace)]
            if records:
                stands[recipe] = standing(records, new.trace.assets, new.trace.generations, late)
        candidates = set(self._older_versions(versions))
        candidates -= {recipe for recipe, stand in stands.items() if stand.is_undoable}
        candidates |= {
            recipe for recipe, stand in stands.items() if not stand.is_current and not stand.is_undoable
        }
        candidates = {recipe for recipe in candidates if not self._is_pinned(recipe)}
        recipes = without_sources(candidates, self._users)
        undos = {number for recipe in recipes if recipe in stands for number in stands[recipe].undos}
        return recipes, undos

    def _older_versions(self, versions: int) -> Iterator[str]:
        latest: dict[tuple[Any, ...], dict[str, int]] = {}
        for recipe, new in self._rows.commits.items():
            of = latest.setdefault(_subject(new.trace), {})
            of[new.trace.version] = max(self._rows.numbers[recipe], of.get(new.trace.version, 0))
        for recipe, new in self._rows.commits.items():
            of = latest[_subject(new.trace)]
            if sorted(of, key=lambda version: -of[version]).index(new.trace.version) >= versions:
                yield recipe

    def _users(self, recipes: list[str]) -> Iterator[tuple[str, str]]:
        wanted = set(recipes)
        for user, new in self._rows.commits.items():
            for source in {entry.recipe for entry in new.inputs}:
                if source in wanted:
                    yield source, user

    def _is_pinned(self, recipe: str) -> bool:
        names = {recipe, "@".join(_name(self._commit(recipe).trace))}
        return not names.isdisjoint(self._rows.pins)

    # collecting

    def mark_garbage(self, orphans: Sequence[Blob]) -> int:
        """See the protocol."""
        with self._lock:
            self._settle()
            rows, now = self._rows, time.time()
            found = {blob.sha256: blob.size_bytes for blob in orphans}
            rows.garbage = {
                sha256: row for sha256, row in rows.garbage.items() if row.collected or sha256 in found
            }
            new = found.keys() - rows.garbage.keys()
            for sha256 in new:
                rows.garbage[sha256] = GarbageRow(found[sha256], now, rows.fence)
            return len(new)

    def garbage(self, grace_seconds: float) -> list[Blob]:
        """See the protocol."""
        with self._lock:
            rows, now = self._rows, time.time()
            over = now - max(grace_seconds, LEAST_PATIENCE_SECONDS)
            rows.leases = {recipe: one for recipe, one in rows.leases.items() if one.expires_at >= over}
            oldest = self._settle()
            return [
                Blob(sha256, row.size_bytes)
                for sha256, row in sorted(rows.garbage.items())
                if not row.collected and row.fence < oldest and row.marked_at <= now - grace_seconds
            ]

    def _settle(self) -> int:
        """Forget what was collected before all who work now began; the fence of the one who began first."""
        rows = self._rows
        oldest = min((lease.fence for lease in rows.leases.values()), default=rows.fence + 1)
        rows.garbage = {
            sha256: row for sha256, row in rows.garbage.items() if not row.collected or row.fence >= oldest
        }
        return oldest

    def collect(self, digests: Sequence[str], delete: Callable[..., object]) -> list[str]:
        """See the protocol."""
        with self._lock:
            needed = self._needed()
            gone = [sha256 for sha256 in digests if sha256 not in needed]
            delete(*gone)
            for sha256 in gone:
                self._rows.garbage[sha256] = GarbageRow(0, time.time(), self._rows.fence, collected=True)
            return gone

    def _needed(self) -> set[str]:
        made = {blob.sha256 for new in self._rows.commits.values() for blob in _blobs(new)}
        return made | {blob.sha256 for blob in self._uploads()}

    def _uploads(self, asset: str | None = None) -> list[Blob]:
        """The bytes of uploads that are kept, all or those of an asset."""
        seen = [at for at in self._rows.locations.values() if at.uri.startswith(UPLOADED)]
        return [Blob(at.file_digest, at.size_bytes) for at in seen if asset in (None, at.asset)]

    def pin(self, pin: Pin) -> bool:
        """See the protocol."""
        with self._lock:
            is_new = pin.name not in self._rows.pins
            self._rows.pins[pin.name] = replace(pin, at=datetime.now(UTC))
            return is_new

    def unpin(self, name: str) -> bool:
        """See the protocol."""
        with self._lock:
            return self._rows.pins.pop(name, None) is not None

    def pins(self) -> list[Pin]:
        """See the protocol."""
        with self._lock:
            return [self._rows.pins[name] for name in sorted(self._rows.pins)]

    def usage(self) -> list[Usage]:
        """See the protocol."""
        found: dict[tuple[str, str, str], set[Blob]] = {}
        with self._lock:
            for new in self._rows.commits.values():
                for kind, blobs in (("value", (new.trace.value,)), ("file", new.files)):
                    if blobs:
                        found.setdefault((kind, *_name(new.trace)), set()).update(blobs)
        return [
            Usage(*name, len(blobs), sum(blob.size_bytes for blob in blobs))
            for name, blobs in sorted(found.items(), key=lambda one: (one[0][0] != "value", *one[0][1:]))
        ]

    # what the rest of the catalogue asks

    def _check_none_forgotten(self, assets: Sequence[str]) -> None:
        for asset in assets:
            if asset in self._rows.forgotten:
                raise AssetForgottenError(judging.forgotten_sentence(asset, self._rows.forgotten[asset]))

    def _check_none_collected(self, lease: Lease, blobs: Sequence[Blob]) -> None:
        for blob in blobs:
            row = self._rows.garbage.get(blob.sha256)
            if row is not None and row.collected and row.fence >= lease.fence:
                raise BlobCollectedError(
                    f"blob {blob.sha256} was collected while the result that names it was computed"
                )

    def _note(self, action: str, who: str, detail: Mapping[str, Any]) -> None:
        number = len(self._rows.audits) + 1
        self._rows.audits.append(Audit(number, action, who, detail, datetime.now(UTC)))


def _name(trace: Trace) -> tuple[str, str]:
    return trace.algorithm, trace.version


def _subject(trace: Trace) -> tuple[Any, ...]:
    return trace.algorithm, trace.part, trace.assets


def _is_current(snapshot: Snapshot, trace: Trace) -> bool:
    return judging.is_current(snapshot, trace.algorithm, trace.version, trace.assets, trace.generations)


def _counted(trace: Trace, number: int) -> Counted:
    extent = Extent(trace.algorithm, trace.version, 1, trace.value.size_bytes, trace.seconds)
    return Counted(extent, number)


def _blobs(new: NewTrace) -> tuple[Blob, ...]:
    return (new.trace.value, *new.files)
