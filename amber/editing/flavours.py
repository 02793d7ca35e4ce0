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


def depth_of(registry: Registry, algorithm: str, settings: Mapping[str, object]) -> int:
    """How many pairs the algorithm lists under these settings.

    Raises:
        SettingError: It has no such setting.
    """
    node = registry.closure(algorithm, settings=settings).nodes[algorithm]
    if "depth" not in node.settings:
        raise SettingError(f"{algorithm} has no setting 'depth', so nobody knows how many pairs it lists")
    return int(str(node.settings["depth"]))
