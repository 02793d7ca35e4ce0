"""Disowning what a version of an algorithm made: a plan that shows the cost, then apply, then perhaps undo.

A takedown and the dropping of superseded versions go the same way: planned, looked at, applied.
"""

import getpass
import os
from collections.abc import Mapping, Sequence

from amber.errors import (
    PlanStateError,
    UsageError,
    VersionNotFoundError,
)
from amber.registry import Registry
from amber.store.collect import delete_unneeded
from amber.store.originals import is_elsewhere
from amber.store.protocol import Applied, Disowned, KeptPlan, PlanAction, Store

#: Action → how a message names its plan, and the command that applies it.
_ACTIONS: dict[PlanAction, tuple[str, str]] = {
    "invalidate": ("an invalidation", "amber invalidate"),
    "forget": ("a takedown", "amber forget"),
    "retain": ("the dropping of superseded features", "amber gc"),
}
#: For so long what was disowned stays when superseded features are dropped.
UNDO_SECONDS = 30 * 24 * 3600.0


def person() -> str:
    """The user of this process, as the audit names who did what."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return f"user {os.getuid()}"


def named_version(registry: Registry, store: Store, name: str) -> tuple[str, str]:
    """The algorithm and version that `ALGORITHM@VERSION` names; loaded, or stored by a release that had them.

    Raises:
        UsageError: It is not written so.
        AlgorithmNotFoundError, VersionNotFoundError: There is none, neither loaded nor stored.
    """
    algorithm, at, version = name.partition("@")
    if not at or not algorithm or not version:
        raise UsageError(f"write ALGORITHM@VERSION, such as shots@1; found {name!r}")
    stored = {named[1] for named in store.catalog.mean_seconds() if named[0] == algorithm}
    known = stored.union(registry.versions(algorithm))
    if not known:
        registry.get(algorithm)  # says which algorithms there are
    if version not in known:
        there = ", ".join(sorted(known))
        raise VersionNotFoundError(
            f"no version {version!r} of {algorithm} is loaded or stored; there are: {there}"
        )
    return algorithm, version


def plan_invalidation(
    store: Store,
    target: tuple[str, str],
    *,
    assets: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    with_dependants: bool = False,
    reason: str,
    who: str | None = None,
) -> KeptPlan:
    """What disowning the features of an algorithm's version would cover, kept as a plan; nothing is disowned yet.

    Args:
        store: Catalogue and blobs.
        target: Algorithm and version, see `named_version`.
        assets: Only of these; of all assets, unless given or chosen by label.
        where: Only of the assets with all these labels, besides those given.
        with_dependants: Disown what the algorithms that depend on it made, too.
        reason: In words, for the audit.
        who: By whom; the user of this process, unless given.

    Raises:
        UsageError: No reason was given, or no asset has the labels.
    """
    chosen = list(assets)
    if where:
        labelled = [record.asset for record in store.catalog.assets(where)]
        if not labelled:
            named = ", ".join(f"{name}={value}" for name, value in where.items())
            raise UsageError(f"no asset has the labels {named}")
        chosen += labelled
    covered = tuple(sorted(set(chosen))) if chosen else None
    return store.catalog.plan_invalidation(
        Disowned(*target, covered),
        with_dependants=with_dependants,
        where=where if not assets else None,
        reason=_said(reason),
        who=who or person(),
    )


def plan_forget(store: Store, asset: str, *, reason: str, who: str | None = None) -> KeptPlan:
    """What taking an asset down would remove, kept as a plan; nothing is removed yet.

    Raises:
        UsageError: No reason was given.
    """
    return store.catalog.plan_forget(asset, reason=_said(reason), who=who or person())


def plan_retention(
    store: Store, versions: int, *, undo_seconds: float = UNDO_SECONDS, who: str | None = None
) -> KeptPlan:
    """What dropping all but so many versions would remove, kept as a plan; nothing is dropped yet.

    Raises:
        UsageError: No version would be left.
    """
    if versions < 1:
        raise UsageError(f"keep one version at least; found {versions}")
    return store.catalog.plan_retention(versions, undo_seconds=undo_seconds, who=who or person())


def apply_plan(store: Store, plan_id: str, *, action: PlanAction, who: str | None = None) -> Applied:
    """Do what a plan says, or nothing; the bytes that a takedown leaves without a use are deleted with it.

    Args:
        store: Catalogue and blobs.
        plan_id: Names the plan.
        action: What it must be a plan of.
        who: By whom; the user of this process, unless given.

    Raises:
        PlanNotFoundError: There is none of that id.
        PlanStateError: It is of something else, or was applied already.
        PlanDriftedError: What it covers is no longer what it said; says what.
    """
    _check_action(store, plan_id, action)
    copied = _copied(store, store.catalog.plan(plan_id).assets or ()) if action == "forget" else ()
    applied = store.catalog.apply_plan(plan_id, who=who or person())
    for digest in copied:
        assert store.originals is not None, "whose copies they are"
        store.originals.drop(digest)
    delete_unneeded(store, [blob.sha256 for blob in applied.blobs])
    return applied


def undo_plan(store: Store, plan_id: str, *, who: str | None = None) -> KeptPlan:
    """Take an applied invalidation back: what it disowned counts again, and nothing of it is computed.

    Raises:
        PlanNotFoundError: There is none of that id.
        PlanStateError: It cannot be taken back; says why.
    """
    return store.catalog.undo_plan(plan_id, who=who or person())


def _check_action(store: Store, plan_id: str, action: PlanAction) -> None:
    found = store.catalog.plan(plan_id).action
    if found != action:
        what, command = _ACTIONS[found]
        raise PlanStateError(f"plan {plan_id} is of {what}: `{command} --apply {plan_id}` applies it")


def _copied(store: Store, assets: Sequence[str]) -> list[str]:
    """Digests of originals of these assets that this machine may have copies of."""
    located = [at for asset in assets for at in store.catalog.locations(asset) if store.originals is not None]
    return [at.file_digest for at in located if is_elsewhere(at.uri)]


def _said(reason: str) -> str:
    if not reason.strip():
        raise UsageError("say why with --reason: it stays in the audit")
    return reason.strip()
