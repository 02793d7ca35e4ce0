"""A small world of algorithms whose every value can be told from a definition, to hold the engine against it.

An algorithm of this world returns a number made from all that its recipe must cover, taken modulo a small number, so that
different inputs often give equal results (early cutoff), and 0 stands for an empty result.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from amber.algorithm import Algorithm, Input, Setting, Source, WeightsInput, result
from amber.engine.ask import Ask
from amber.engine.events import StepEvent
from amber.keys import Step
from amber.registry import Registry
from amber.weights import LocalFile, Weights

ASSETS = tuple(sorted(hashlib.sha256(bytes([n])).hexdigest() for n in range(3)))
MODULUS = 4
#: An input that is the asset itself.
ASSET = -1


def _result_type(name: str, base: type | None = None) -> type:
    body = {"__annotations__": {"number": Int64[np.ndarray, " row"]}}
    return result(type(name, (base,) if base else (), body))


#: One result type an algorithm; `Other` comes from a second producer of what stands for R0.
TYPES = [_result_type(f"R{n}") for n in range(5)]
OTHER = _result_type("Other", TYPES[0])


class Model:
    """A model whose only content is a number read from a file."""

    def __init__(self, number: int) -> None:
        self.number = number

    @classmethod
    def open(cls, path: Path) -> "Model":
        return cls(int(path.read_text()))


def number_of(document: Any) -> int:
    """What an algorithm of this world makes of all that may matter to it."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[0] % MODULUS


def packed(result_type: type, number: int) -> Any:
    """The result that stands for a number: empty for 0."""
    return result_type(number=np.full(min(number, 1), number, np.int64))


def unpacked(value: Any) -> int:
    """The number that a result stands for."""
    return int(value.number[0]) if len(value.number) else 0


@dataclass(frozen=True)
class Declared:
    """How an algorithm of the world is declared at the moment."""

    name: str
    produces: type
    #: (parameter, number of the input's type or ASSET).
    inputs: tuple[tuple[str, int], ...]
    arity: str = "one"
    version: str = "1"
    weight: int | None = None


#: (algorithm, version, assets or None for all, id).
Disowning = tuple[str, str, tuple[str, ...] | None, int]


@dataclass
class World:
    """The declared algorithms, the invalidations that the running ask sees, and every call so far."""

    declared: dict[str, Declared]
    folder: Path
    calls: Counter[str] = field(default_factory=Counter)
    seen: list[Disowning] = field(default_factory=list)
    #: The step being computed, as the engine's events tell it.
    current: Step | None = None
    #: Called once, inside the next computation.
    interruption: Callable[[], None] | None = None

    def listen(self, event: StepEvent) -> None:
        """Follow the engine."""
        if event.state == "started":
            self.current = event.step

    def registry(self) -> Registry:
        """The algorithms as the engine loads them."""
        return Registry([self._algorithm(declared) for declared in self.declared.values()])

    def expected(self, ask: Ask) -> int:
        """The number that an ask must give, computed from scratch."""
        return self._expected(ask.algorithm, tuple(sorted(ask.assets)), ask)

    def _algorithm(self, declared: Declared) -> Algorithm[..., Any]:
        def function(*, scale: int = 1, offset: int = 0, **given: Any) -> Any:
            interruption, self.interruption = self.interruption, None
            if interruption is not None:
                interruption()
            assert self.current is not None, "the engine says what it computes before it does"
            model = given.pop("model").number if "model" in given else None
            entries = [
                entry for name, value in given.items() for entry in _entries(name, value, self.current.label)
            ]
            document = self._document(declared, (scale, offset), model, self.current.assets, entries)
            self.calls[json.dumps(document)] += 1
            return packed(declared.produces, number_of(document))

        def merge(blocks: list[Any], *, scale: int, offset: int) -> Any:
            return packed(
                declared.produces, self._merged(declared, (scale, offset), [unpacked(b) for b in blocks])
            )

        function.__module__ = __name__
        arities = [declared.arity if number != ASSET else "one" for _, number in declared.inputs]
        return Algorithm(
            function=function,
            name=declared.name,
            version=declared.version,
            inputs=tuple(
                Input(parameter, Source if number == ASSET else TYPES[number], arity)  # type: ignore[arg-type]
                for (parameter, number), arity in zip(declared.inputs, arities, strict=True)
            ),
            weights=self._weights(declared),
            settings=(Setting("scale", int, 1), Setting("offset", int, 0)),
            result=declared.produces,
            merge=merge if declared.arity == "pair" else None,
        )

    def _weights(self, declared: Declared) -> tuple[WeightsInput, ...]:
        if declared.weight is None:
            return ()
        path = self.folder / str(declared.weight)
        path.write_text(str(declared.weight))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return (WeightsInput("model", Model, Weights("m", sha256=digest, sources=(LocalFile(str(path)),))),)

    def _document(
        self,
        declared: Declared,
        settings: tuple[int, int],
        model: int | None,
        assets: tuple[str, ...],
        entries: Sequence[tuple[str, str, Any]],
    ) -> Any:
        generations = [self._generation(declared, asset) for asset in assets]
        return [declared.name, declared.version, settings, model, assets, generations, sorted(set(entries))]

    def _generation(self, declared: Declared, asset: str) -> int:
        name = (declared.name, declared.version)
        return max(
            (i for (n, v, assets, i) in self.seen if (n, v) == name and (assets is None or asset in assets)),
            default=0,
        )

    def _merged(self, declared: Declared, settings: tuple[int, int], blocks: list[int]) -> int:
        return number_of(["merge", declared.name, declared.version, settings, blocks])

    def _expected(self, name: str, assets: tuple[str, ...], ask: Ask) -> int:
        declared = self.declared[name]
        settings = (int(ask.settings.get(f"{name}.scale", 1)), int(ask.settings.get(f"{name}.offset", 0)))  # type: ignore[call-overload]
        if declared.arity != "pair" or len(assets) == 1:
            return self._called(declared, settings, assets, ask)
        pairs = [(a,) if a == b else (a, b) for a, b in combinations_with_replacement(assets, 2)]
        return self._merged(
            declared, settings, [self._called(declared, settings, pair, ask) for pair in pairs]
        )

    def _called(
        self, declared: Declared, settings: tuple[int, int], assets: tuple[str, ...], ask: Ask
    ) -> int:
        entries: list[tuple[str, str, Any]] = []
        for parameter, number in declared.inputs:
            if number == ASSET:
                entries.append((parameter, assets[0], "asset"))
                continue
            groups = [assets] if declared.arity == "one" else [(asset,) for asset in assets]
            entries += [
                (parameter, "+".join(g), self._expected(self._producer(number, ask.use), g, ask))
                for g in groups
            ]
        return number_of(self._document(declared, settings, declared.weight, assets, entries))

    def _producer(self, number: int, use: Mapping[str, str]) -> str:
        wanted = TYPES[number]
        own = next(d.name for d in self.declared.values() if d.produces is wanted)
        return use.get(wanted.__name__, own)


def _entries(parameter: str, value: Any, label: str) -> list[tuple[str, str, Any]]:
    """What an argument brings in, asset by asset."""
    if isinstance(value, Source):
        return [(parameter, value.asset, "asset")]
    if isinstance(value, Mapping):
        return [(parameter, asset, unpacked(item)) for asset, item in value.items()]
    if hasattr(value, "first"):
        return [
            (parameter, value.assets[0], unpacked(value.first)),
            (parameter, value.assets[1], unpacked(value.second)),
        ]
    return [(parameter, label, unpacked(value))]
