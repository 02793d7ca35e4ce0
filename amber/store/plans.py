"""What a kept plan holds, and whether the world is still the one it was made in: the decisions, without any I/O."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from amber.errors import PlanDriftedError, PlanStateError
from amber.keys import Snapshot
from amber.store.records import Extent, KeptPlan


class Counted(NamedTuple):
    """An extent, and the sum of its features' numbers, which tells apart what is equal in size."""

    extent: Extent
    mark: int


@dataclass(frozen=True)
class Counts:
    """What a plan covers at one moment."""

    doomed: tuple[Counted, ...]
    depends: tuple[Counted, ...] = ()

    @property
    def names(self) -> list[tuple[str, str]]:
        """What is disowned: (algorithm, version)."""
        return [(counted.extent.algorithm, counted.extent.version) for counted in self.doomed]


@dataclass(frozen=True)
class Moment:
    """A moment of a catalogue: where both numbers are the same, nothing was committed, disowned, healed or dropped between."""

    epoch: int
    #: The number of the latest feature.
    latest: int


def new_id() -> str:
    """An id that no other plan has."""
    return secrets.token_hex(6)


def body_of(plan: KeptPlan, counts: Counts, moment: Moment) -> str:
    """What of a plan is kept as one document."""
    document = {
        "doomed": _written(counts.doomed),
        "depends": _written(counts.depends),
        "where": dict(plan.where),
        "detail": dict(plan.detail),
        "ids": list(plan.ids),
        "moment": asdict(moment),
    }
    return json.dumps(document)


def read_body(body: str) -> tuple[dict[str, Any], Counts, Moment]:
    """The document that `body_of` wrote; what of it makes a plan, and what a later look is compared with."""
    document = json.loads(body)
    counts = Counts(_read(document["doomed"]), _read(document["depends"]))
    known = {
        "doomed": tuple(counted.extent for counted in counts.doomed),
        "depends": tuple(counted.extent for counted in counts.depends),
        "where": document["where"],
        "detail": document["detail"],
        "ids": tuple(document["ids"]),
    }
    return known, counts, Moment(**document["moment"])


def with_ids(body: str, ids: Sequence[int]) -> str:
    """The document with the invalidations that came of it."""
    return json.dumps({**json.loads(body), "ids": list(ids)})


def _written(counted: Sequence[Counted]) -> list[Any]:
    return [{**asdict(one.extent), "mark": one.mark} for one in counted]


def _read(entries: Sequence[Mapping[str, Any]]) -> tuple[Counted, ...]:
    return tuple(
        Counted(Extent(**{name: value for name, value in entry.items() if name != "mark"}), entry["mark"])
        for entry in entries
    )


def summed(parts: Iterable[Counted]) -> tuple[Counted, ...]:
    """One entry for each (algorithm, version), in their order."""
    found: dict[tuple[str, str], list[Counted]] = {}
    for part in parts:
        found.setdefault((part.extent.algorithm, part.extent.version), []).append(part)
    return tuple(
        Counted(
            Extent(
                *name,
                features=sum(one.extent.features for one in those),
                size_bytes=sum(one.extent.size_bytes for one in those),
                seconds=sum(one.extent.seconds for one in those),
            ),
            sum(one.mark for one in those),
        )
        for name, those in sorted(found.items())
    )


def is_current(
    snapshot: Snapshot, algorithm: str, version: str, assets: Sequence[str], generations: Sequence[int]
) -> bool:
    """Whether a feature of these generations is not disowned."""
    return all(
        snapshot.generation(algorithm, version, asset) == made
        for asset, made in zip(assets, generations, strict=True)
    )


def check_appliable(plan: KeptPlan) -> None:
    """Refuse a plan that was applied before.

    Raises:
        PlanStateError: It was.
    """
    if plan.state != "planned":
        when = f" on {plan.applied_at:%d %B %Y}" if plan.applied_at else ""
        again = ", and then taken back" if plan.state == "undone" else ""
        raise PlanStateError(f"plan {plan.id} was applied{when} already{again}: make a new one")


def check_undoable(plan: KeptPlan, ended: Sequence[Any]) -> None:
    """Refuse to take back what cannot be.

    Args:
        plan: Of an invalidation, one hopes.
        ended: Since when what it disowned is gone, for those of its invalidations of which it is.

    Raises:
        PlanStateError: It cannot be taken back; says why.
    """
    if plan.action != "invalidate":
        what = {"forget": "a takedown", "retain": "the dropping of superseded features"}[plan.action]
        raise PlanStateError(f"plan {plan.id} is {what}, which cannot be taken back")
    if plan.state != "applied":
        state = "was never applied" if plan.state == "planned" else "was taken back already"
        raise PlanStateError(f"plan {plan.id} {state}")
    if ended:
        raise PlanStateError(
            f"plan {plan.id} cannot be taken back: what it disowned was dropped as superseded on {min(ended):%d %B %Y}"
        )


def check_same(plan_id: str, then: Counts, now: Counts, further: Sequence[str] = ()) -> None:
    """Refuse a plan whose world has drifted.

    Args:
        plan_id: Names it.
        then: What was counted when it was made.
        now: What is counted now.
        further: What else has drifted, in sentences.

    Raises:
        PlanDriftedError: Says what drifted.
    """
    drifted = [
        *further,
        *_drifted(then.doomed, now.doomed, ""),
        *_drifted(then.depends, now.depends, " that depend"),
    ]
    if drifted:
        raise PlanDriftedError(f"plan {plan_id} no longer holds: {'; '.join(drifted)}: make a new one")


def _drifted(then: Sequence[Counted], now: Sequence[Counted], what: str) -> list[str]:
    before = {(one.extent.algorithm, one.extent.version): one for one in then}
    after = {(one.extent.algorithm, one.extent.version): one for one in now}
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, _NOTHING), after.get(name, _NOTHING)
        label = f"features of {name[0]} {name[1]}{what}"
        if old.extent.features != new.extent.features:
            found.append(f"{old.extent.features} {label} were planned, and there are {new.extent.features}")
        elif (old.extent.size_bytes, old.mark) != (new.extent.size_bytes, new.mark):
            found.append(f"{label} are as many as were planned, but others")
    return found


_NOTHING = Counted(Extent("", ""), 0)


def drifted_labels(where: Mapping[str, str], then: int, gone: int, come: int) -> list[str]:
    """What is said where other assets have the labels now; empty where they are the same."""
    if not gone and not come:
        return []
    named = ", ".join(f"{name}={value}" for name, value in sorted(where.items()))
    parts = [f"{gone} no longer {'has' if gone == 1 else 'have'} them"] * bool(gone)
    parts += [f"{come} more {'has' if come == 1 else 'have'} them"] * bool(come)
    return [f"{then} assets had the labels {named}, of which {' and '.join(parts)}"]


def forgotten_sentence(asset: str, at: datetime) -> str:
    """What is said of an asset that was taken down."""
    return f"the asset {asset[:12]} was taken down on {at:%d %B %Y}; ingesting its content again starts anew"
