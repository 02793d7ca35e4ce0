"""Flavours of match cuts, each an algorithm that lists pairs best first; one more algorithm is one more line."""

from collections.abc import Mapping

from amber.errors import AlgorithmNotFoundError, SettingError
from amber.registry import Registry

#: Flavour → the algorithm that lists its pairs, with the columns of `match_pairs`.
FLAVOURS: Mapping[str, str] = {
    "embedding": "match_pairs",
    "frame": "match_pairs_frame",
    "motion": "match_pairs_motion",
    "combined": "match_pairs_combined",
}
DEFAULT = "embedding"


def algorithm_of(registry: Registry, flavour: str) -> str:
    """The algorithm that lists the pairs of a flavour.

    Raises:
        AlgorithmNotFoundError: There is no such flavour, or its algorithm is not loaded.
    """
    loaded = registry.names()
    there = [name for name, algorithm in FLAVOURS.items() if algorithm in loaded]
    if flavour not in there:
        missing = f" (its algorithm {FLAVOURS[flavour]!r} is not loaded)" if flavour in FLAVOURS else ""
        raise AlgorithmNotFoundError(
            f"no flavour {flavour!r}{missing}; there are: {', '.join(there) or 'none'}"
        )
    return FLAVOURS[flavour]


def depth_of(
    registry: Registry, algorithm: str, settings: Mapping[str, object], use: Mapping[str, str]
) -> int:
    """How many pairs the algorithm lists under these settings.

    Raises:
        SettingError: It has no such setting, or one of these is not there.
    """
    node = registry.closure(algorithm, settings=settings, use=use).nodes[algorithm]
    if "depth" not in node.settings:
        raise SettingError(f"{algorithm} has no setting 'depth', so nobody knows how many pairs it lists")
    return int(str(node.settings["depth"]))


def with_filters(
    registry: Registry,
    algorithm: str,
    filters: Mapping[str, object],
    settings: Mapping[str, object],
    use: Mapping[str, str],
) -> dict[str, object]:
    """The settings, and each filter as a setting of every algorithm below that lists pairs and has it.

    A flavour that is put together from others is filtered where its parts choose their best pairs.

    Raises:
        SettingError: No such algorithm has a filter of that name.
    """
    nodes = registry.closure(algorithm, use=use).nodes
    lists = {name: nodes[name].settings for name in FLAVOURS.values() if name in nodes}
    found = dict(settings)
    for name, value in filters.items():
        having = [one for one, theirs in lists.items() if name in theirs]
        if not having:
            there = sorted({setting for theirs in lists.values() for setting in theirs})
            raise SettingError(f"{algorithm} has no filter {name!r}; its settings are: {', '.join(there)}")
        found |= {f"{one}.{name}": value for one in having}
    return found
