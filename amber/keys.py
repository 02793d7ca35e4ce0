"""The two keys: what is asked for (resolved key) and what a feature is made from (recipe).

Everything here is pure: no clock, no store, no files.
A key is the digest of a canonical document.
Its text is put together from the parts that stay the same and the hashes, which need no escaping; the tests hold it against
the document written plainly.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations_with_replacement
from typing import Any, Literal, NamedTuple, get_args

from amber.algorithm import Algorithm, Arity, SettingValue

#: A feature of several titles is made of blocks, one for each pair; a block of two titles is a part of its own.
Part = Literal["whole", "block"]
#: The name under which the asset itself, not another algorithm's result, enters an algorithm.
SOURCE = ""
#: The parameter name under which blocks enter a merge.
BLOCKS = "blocks"


def canonical(document: Any) -> bytes:
    """The one JSON text of a document: sorted names, no spaces, no NaN, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(data: bytes) -> str:
    """The hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Snapshot:
    """The invalidations in force at one epoch; an ask takes one and keeps it to its end."""

    epoch: int = 0
    #: (algorithm, version) → id of the latest invalidation for all assets.
    everywhere: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: (algorithm, version) → asset → id of the latest invalidation for some assets.
    somewhere: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)

    def generation(self, algorithm: str, version: str, asset: str) -> int:
        """The id of the latest invalidation that covers the asset, or 0."""
        key = (algorithm, version)
        some = self.somewhere.get(key)
        return max(self.everywhere.get(key, 0), some.get(asset, 0) if some else 0)

    @property
    def is_clean(self) -> bool:
        """Whether no invalidation is in force at all."""
        return not self.everywhere and not self.somewhere


@dataclass(frozen=True)
class BoundInput:
    """An input of an algorithm and the algorithm that produces it (`SOURCE` for the asset itself)."""

    parameter: str
    arity: Arity
    producer: str


@dataclass(frozen=True)
class Node:
    """An algorithm as one ask uses it: every setting filled in, every input bound."""

    algorithm: Algorithm[..., Any]
    settings: Mapping[str, SettingValue]
    inputs: tuple[BoundInput, ...]

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return self.algorithm.name

    @property
    def version(self) -> str:
        """The algorithm's version."""
        return self.algorithm.version

    @cached_property
    def weights(self) -> dict[str, str]:
        """Parameter → declared digest of the weights, as far as these settings want them."""
        return {w.name: w.weights.sha256 for w in self.algorithm.weights if w.weights.wanted(self.settings)}

    @cached_property
    def recipe_tails(self) -> dict[Part, str]:
        """Part → everything of a recipe's document that comes behind the inputs."""
        fixed = {
            "name": self.name,
            "settings": dict(self.settings),
            "version": self.version,
            "weights": self.weights,
        }
        return {part: canonical({**fixed, "part": part}).decode()[1:] for part in get_args(Part)}

    @cached_property
    def settings_text(self) -> str:
        """The settings as canonical JSON."""
        return canonical(dict(self.settings)).decode()

    def document(self) -> dict[str, Any]:
        """What of this node belongs to the key of an ask."""
        return {
            "bindings": {i.parameter: i.producer for i in self.inputs},
            "name": self.name,
            "settings": dict(self.settings),
            "version": self.version,
            "weights": self.weights,
        }


class Step(NamedTuple):
    """One feature of a closure: an algorithm for these assets (sorted)."""

    algorithm: str
    assets: tuple[str, ...]
    part: Part = "whole"

    @property
    def label(self) -> str:
        """The assets as one word, as lineage writes them."""
        return "+".join(self.assets)


class StepInput(NamedTuple):
    """An input of a step: the parameter, the assets it is of, and the step that makes it (None for the asset)."""

    parameter: str
    label: str
    step: Step | None


@dataclass(frozen=True, eq=False)
class Closure:
    """The asked algorithm and everything below it, inputs before what is made from them."""

    asked: str
    nodes: Mapping[str, Node]

    @cached_property
    def below(self) -> dict[str, tuple[str, ...]]:
        """Algorithm → the names of itself and everything below it, sorted."""
        found: dict[str, tuple[str, ...]] = {}
        for name, node in self.nodes.items():
            names = {name}
            for bound in node.inputs:
                if bound.producer != SOURCE:
                    names.update(found[bound.producer])
            found[name] = tuple(sorted(names))
        return found

    @cached_property
    def documents(self) -> str:
        """What of its nodes belongs to the key of an ask, in their order, as canonical JSON."""
        return canonical([node.document() for node in self.nodes.values()]).decode()

    @cached_property
    def documents_digest(self) -> str:
        """SHA-256 of the documents in the order of their names: closures that have the same are the same."""
        documents = [self.nodes[name].document() for name in sorted(self.nodes)]
        return digest(canonical(documents))

    @cached_property
    def _hashers(self) -> dict[str, Any]:
        """Algorithm → a SHA-256 that has read everything of the resolved key that comes before the assets."""
        hashers = {}
        for name in self.nodes:
            documents = [self.nodes[n].document() for n in self.below[name]]
            head = canonical({"algorithms": documents, "asked": name})
            hashers[name] = hashlib.sha256(head[:-1] + b',"assets":')
        return hashers

    def resolved_key(self, step: Step, snapshot: Snapshot) -> str:
        """The key of an ask for this step: SHA-256 of canonical JSON of its whole closure, its assets and generations."""
        generations = "" if snapshot.is_clean else self._generations(step, snapshot)
        hasher = self._hashers[step.algorithm].copy()
        hasher.update(
            f'["{_listed(step.assets)}"],"generations":[{generations}],"part":"{step.part}"}}'.encode()
        )
        return str(hasher.hexdigest())

    def _generations(self, step: Step, snapshot: Snapshot) -> str:
        found = []
        for name in self.below[step.algorithm]:
            version = self.nodes[name].version
            for asset in step.assets:
                generation = snapshot.generation(name, version, asset)
                if generation:
                    found.append(canonical([name, version, asset, generation]).decode())
        return ",".join(found)

    @cached_property
    def is_joint(self) -> bool:
        """Whether the asked algorithm makes one feature of several titles."""
        return self.asked in joint_names(self.nodes)

    def step(self, assets: Sequence[str]) -> Step:
        """The asked step for these assets."""
        return Step(self.asked, tuple(assets if len(assets) == 1 else sorted(set(assets))))

    def inputs(self, step: Step) -> list[StepInput]:
        """The inputs of a step, in the order of parameters and assets."""
        node = self.nodes[step.algorithm]
        if is_merge(node, step):
            return [StepInput(BLOCKS, "+".join(pair), _block(step, pair)) for pair in _pairs(step.assets)]
        found: list[StepInput] = []
        for bound in node.inputs:
            for assets in _shares(bound, step):
                made_by = Step(bound.producer, assets) if bound.producer != SOURCE else None
                found.append(StepInput(bound.parameter, "+".join(assets), made_by))
        return found

    def steps_below(self, step: Step) -> list[Step]:
        """The steps that make the inputs of a step, in their order."""
        node = self.nodes[step.algorithm]
        if is_merge(node, step):
            return [_block(step, pair) for pair in _pairs(step.assets)]
        made = [bound for bound in node.inputs if bound.producer != SOURCE]
        return [Step(bound.producer, assets) for bound in made for assets in _shares(bound, step)]

    def steps(self, top: Step) -> Iterator[Step]:
        """Every step that `top` may need, each once, inputs first."""
        seen: set[Step] = set()
        stack: list[tuple[Step, bool]] = [(top, False)]
        while stack:
            step, expanded = stack.pop()
            if expanded:
                yield step
            elif step not in seen:
                seen.add(step)
                stack.append((step, True))
                stack.extend((below, False) for below in reversed(self.steps_below(step)))


def joint_names(nodes: Mapping[str, Node]) -> set[str]:
    """The algorithms (given inputs first) that make one feature of several titles: by Each or Pair, or from such one."""
    joint: set[str] = set()
    for name, node in nodes.items():
        if any(i.arity != "one" or i.producer in joint for i in node.inputs):
            joint.add(name)
    return joint


def is_merge(node: Node, step: Step) -> bool:
    """Whether a step merges blocks, rather than calling the algorithm itself."""
    return node.algorithm.is_paired and step.part == "whole" and len(step.assets) > 1


def _shares(bound: BoundInput, step: Step) -> list[tuple[str, ...]]:
    """The assets of each feature that enters by an input."""
    return [step.assets] if bound.arity == "one" else [(asset,) for asset in step.assets]


def _pairs(assets: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for a, b in combinations_with_replacement(assets, 2):
        yield (a,) if a == b else (a, b)


def _block(step: Step, pair: tuple[str, ...]) -> Step:
    return Step(step.algorithm, pair, "block" if len(pair) == 2 else "whole")


def recipe(node: Node, step: Step, snapshot: Snapshot, inputs: Sequence[tuple[str, str, str]]) -> str:
    """The memo key of a step: SHA-256 of canonical JSON of what it is made from.

    Args:
        node: The algorithm with its settings.
        step: Which feature of it.
        snapshot: Gives the generation of each of the step's assets.
        inputs: (parameter, label of its assets, value digest) of every input.
    """
    return digest(recipe_text(node, step, snapshot, inputs).encode())


def recipe_text(node: Node, step: Step, snapshot: Snapshot, inputs: Sequence[tuple[str, str, str]]) -> str:
    """What a step is made from, as the document that its recipe hashes."""
    generations = [snapshot.generation(node.name, node.version, asset) for asset in step.assets]
    assets = ",".join(
        [f'["{asset}",{number}]' for asset, number in zip(step.assets, generations, strict=True)]
    )
    entries = ",".join([f'["{name}","{label}","{value}"]' for name, label, value in sorted(inputs)])
    return f'{{"assets":[{assets}],"inputs":[{entries}],{node.recipe_tails[step.part]}'


def subject(algorithm: str, version: str, assets: Sequence[str], part: Part = "whole") -> str:
    """Names (algorithm, version, exactly these assets), whatever the settings and inputs."""
    return digest(f'{_subject_head(algorithm, version, part)},"{_listed(assets)}"]'.encode())


@cache
def _subject_head(algorithm: str, version: str, part: Part) -> str:
    return canonical([algorithm, version, part]).decode()[:-1]


def _listed(hashes: Sequence[str]) -> str:
    """What stands between the quotes of a JSON list of hashes."""
    return '","'.join(hashes)
