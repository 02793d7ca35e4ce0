"""Features of a version whose code is no longer loaded, read from the trace table alone."""

import json

from amber.algorithm import parse_setting
from amber.engine.ask import Ask
from amber.errors import SeveralFeaturesError, VersionNotFoundError
from amber.keys import Snapshot, subject
from amber.registry import Registry
from amber.store.protocol import Store, Trace


def find(store: Store, registry: Registry, ask: Ask, version: str, snapshot: Snapshot) -> Trace:
    """The stored feature by (algorithm, version, exactly these assets, their current generations) and settings given.

    Upstreams are not consulted; of several features with equal settings the newest wins.

    Raises:
        VersionNotFoundError: None is left.
        SeveralFeaturesError: Features of different settings are left.
    """
    assets = tuple(sorted(set(ask.assets)))
    left = [
        trace
        for trace in store.catalog.traces_of(subject(ask.algorithm, version, assets))
        if _is_current(trace, snapshot) and _has_settings(trace, ask)
    ]
    if not left:
        versions = ", ".join(registry.versions(ask.algorithm)) or "none"
        raise VersionNotFoundError(
            f"{ask.algorithm} {version} is not loaded, and nothing of it is stored for "
            f"{', '.join(asset[:12] for asset in assets)} with these settings; loaded versions: {versions}"
        )
    different = sorted({trace.settings for trace in left})
    if len(different) > 1:
        raise SeveralFeaturesError(
            f"features of {ask.algorithm} {version} with different settings are stored; say which with --set: "
            + " or ".join(different)
        )
    return left[0]


def _is_current(trace: Trace, snapshot: Snapshot) -> bool:
    now = tuple(snapshot.generation(trace.algorithm, trace.version, asset) for asset in trace.assets)
    return trace.generations == now


def _has_settings(trace: Trace, ask: Ask) -> bool:
    """Whether the trace has the settings given; each is read as the type of the stored value."""
    made_with = json.loads(trace.settings)
    for key, value in ask.settings.items():
        owner, _, name = key.rpartition(".")
        if owner not in ("", ask.algorithm) or name not in made_with:
            return False
        if parse_setting(name, value, type(made_with[name])) != made_with[name]:
            return False
    return True
