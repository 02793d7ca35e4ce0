"""Which features may be dropped as superseded: the decisions, without any I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from amber.store.records import Invalidation

N = TypeVar("N", int, str)


@dataclass(frozen=True)
class Standing:
    """How a feature stands towards the invalidations of its algorithm's version."""

    #: It counts as made: nothing disowns it.
    is_current: bool
    #: It is disowned, and was so recently enough to be taken back.
    is_undoable: bool
    #: The invalidations whose undo would bring it back.
    undos: tuple[int, ...] = ()


def standing(
    records: Sequence[Invalidation], assets: Sequence[str], generations: Sequence[int], before: datetime
) -> Standing:
    """How a feature stands.

    Args:
        records: The invalidations of its algorithm and version, undone ones included.
        assets: Its assets.
        generations: The generation of each.
        before: What was disowned since then can still be taken back.
    """
    known = {record.id: record for record in records}
    undos: dict[int, Invalidation] = {}
    is_reachable = True
    for asset, made in zip(assets, generations, strict=True):
        if made in known and known[made].undone:
            is_reachable = False  # its generation was taken back, and nothing brings that again
        for record in records:
            if record.id > made and not record.undone and (record.assets is None or asset in record.assets):
                undos[record.id] = record
    recent = any(record.made_at is None or record.made_at >= before for record in undos.values())
    return Standing(
        is_current=is_reachable and not undos,
        is_undoable=is_reachable and bool(undos) and recent,
        undos=tuple(sorted(undos)) if is_reachable else (),
    )


def without_sources(candidates: Iterable[N], users: Callable[[list[N]], Iterable[tuple[N, N]]]) -> set[N]:
    """The candidates without those from which something that stays was made, transitively.

    Args:
        candidates: Features that might be dropped.
        users: Features → pairs of one of them and one that was made from it.
    """
    left = set(candidates)
    made_from: dict[N, set[N]] = {}
    reached: list[N] = []
    for source, user in users(sorted(left)):
        if user in left:
            made_from.setdefault(user, set()).add(source)
        else:
            reached.append(source)
    while reached:
        stays = reached.pop()
        if stays in left:
            left.discard(stays)
            reached.extend(made_from.get(stays, ()))
    return left


def ended(
    plans: Mapping[int, str], records: Mapping[int, Invalidation], undos: Iterable[int]
) -> list[dict[str, str]]:
    """The invalidations that could no longer be undone, as a plan says them: plan, what it disowned, and its day."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for number in sorted(set(undos)):
        record = records[number]
        day = f"{record.made_at:%Y-%m-%d}" if record.made_at else ""
        what = f"{record.algorithm}@{record.version}"
        entry = {"plan": plans.get(number, ""), "what": what, "applied_on": day, "reason": record.reason}
        found[(entry["plan"] or str(number), what)] = entry
    return list(found.values())
