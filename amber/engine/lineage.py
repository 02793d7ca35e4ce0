"""Lineage of a feature, both ways, and why it was computed."""

from dataclasses import dataclass

from amber.errors import AmbiguousAssetError, FeatureNotFoundError
from amber.store.protocol import Cost, Store, Trace, TraceInput


@dataclass(frozen=True)
class Lineage:
    """Where a feature comes from and what came of it."""

    trace: Trace
    #: Why it was computed, in a sentence.
    reason: str
    cost: Cost | None
    made_from: tuple[TraceInput, ...]
    #: The features among `made_from`, by id.
    sources: dict[str, Trace]
    used_by: tuple[Trace, ...]


def lineage(store: Store, feature: str) -> Lineage:
    """The lineage of the feature whose id is, or begins with, `feature`.

    Raises:
        FeatureNotFoundError: There is none.
        AmbiguousAssetError: Several ids begin so.
    """
    found = store.catalog.find_traces(feature.lower()) if len(feature) >= 6 else []
    if not found:
        raise FeatureNotFoundError(
            f"no feature {feature!r} is stored; `amber show ASSET` lists features, an id may be cut to six digits or more"
        )
    if len(found) > 1:
        listed = ", ".join(f"{t.recipe[:12]} ({t.algorithm})" for t in found[:5])
        raise AmbiguousAssetError(f"{len(found)} features begin with {feature!r}: {listed}; say more digits")
    trace = found[0]
    entries = store.catalog.made_from(trace.recipe)
    return Lineage(
        trace=trace,
        reason=store.catalog.reason(trace.recipe),
        cost=store.catalog.cost(trace.recipe),
        made_from=tuple(entries),
        sources=store.catalog.traces([entry.recipe for entry in entries if entry.recipe]),
        used_by=tuple(store.catalog.used_by(trace.recipe)),
    )
