"""The documents that keys hash, written plainly: what the quicker way of `amber.keys` must give byte for byte."""

from collections.abc import Sequence
from typing import Any

from amber.keys import Closure, Node, Part, Snapshot, Step


def resolved_document(closure: Closure, step: Step, snapshot: Snapshot) -> dict[str, Any]:
    """What an ask says."""
    names = closure.below[step.algorithm]
    generations = [
        [name, closure.nodes[name].version, asset, generation]
        for name in names
        for asset in step.assets
        if (generation := snapshot.generation(name, closure.nodes[name].version, asset))
    ]
    return {
        "algorithms": [closure.nodes[name].document() for name in names],
        "asked": step.algorithm,
        "assets": list(step.assets),
        "generations": generations,
        "part": step.part,
    }


def recipe_document(
    node: Node, step: Step, snapshot: Snapshot, inputs: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    """What a feature is made from."""
    return {
        "assets": [[asset, snapshot.generation(node.name, node.version, asset)] for asset in step.assets],
        "inputs": sorted(list(entry) for entry in inputs),
        "name": node.name,
        "part": step.part,
        "settings": dict(node.settings),
        "version": node.version,
        "weights": node.weights,
    }


def subject_document(algorithm: str, version: str, assets: Sequence[str], part: Part) -> list[str]:
    """What a subject names."""
    return [algorithm, version, part, *assets]
