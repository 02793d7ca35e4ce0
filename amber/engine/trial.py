"""Running an algorithm in the making: its inputs from the store, its result to the caller and nowhere else."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from amber import codec
from amber.algorithm import Algorithm, Arity, Each, Pair
from amber.engine.ask import Ask
from amber.engine.compute import opened, source_of
from amber.engine.engine import Engine
from amber.engine.events import Listener, StepEvent, silent
from amber.engine.failures import attempt_error
from amber.engine.scratch import scratch_folder
from amber.errors import UsageError
from amber.keys import Closure, Step
from amber.progress import running
from amber.registry import Registry, load_algorithms
from amber.store.protocol import Store


@dataclass(frozen=True)
class Trial:
    """What an algorithm returned; nothing of it is stored."""

    algorithm: Algorithm[..., Any]
    #: The result as it would be stored; files have no digest.
    table: pa.Table
    #: Wall seconds of the call, without its inputs.
    seconds: float

    @property
    def is_record(self) -> bool:
        """Whether the result is one record of scalars."""
        return all(column.kind == "scalar" for column in codec.columns(self.algorithm.result))


def trial(
    store: Store,
    registry: Registry,
    path: Path,
    name: str,
    asset: str,
    *,
    settings: Mapping[str, object] | None = None,
    use: Mapping[str, str] | None = None,
    listener: Listener = silent,
) -> Trial:
    """Call an algorithm of a file, read anew, on one asset.

    The file's algorithms stand in for loaded ones of the same name. Inputs are found or computed, and stored, as for
    any ask.

    Args:
        store: Where inputs come from.
        registry: The loaded algorithms.
        path: A Python file.
        name: The algorithm; may be empty if the file has only one.
        asset: Its hash.
        settings: As for an ask.
        use: As for an ask.
        listener: Told of every step.

    Raises:
        DeclarationError: The file cannot be loaded, or does not fit the loaded algorithms.
        UsageError: No name was given and the file has several algorithms.
        ComputeError: The algorithm, or one of its inputs, fails.
    """
    algorithm, merged = _load(registry, path, name)
    engine = Engine(store, merged)
    try:
        ask = Ask(algorithm.name, (asset,), None, settings or {}, use or {})
        closure = engine.closure(ask)
        step = closure.step(ask.assets)
        arguments = _arguments(engine, closure, step, ask.use, listener)
        return _call(store, closure, step, arguments, listener)
    finally:
        engine.close()


def _load(registry: Registry, path: Path, name: str) -> tuple[Algorithm[..., Any], Registry]:
    """The algorithm of that name in the file, and all loaded algorithms with the file's in place of their namesakes."""
    own = load_algorithms([str(path)])
    if name:
        (algorithm,) = load_algorithms([f"{path}:{name}"])
    elif len(own) == 1:
        algorithm = own[0]
    else:
        raise UsageError(
            f"{path} has several algorithms; say which: {', '.join(f'{path}:{a.name}' for a in own)}"
        )
    names = {mine.name for mine in own}
    others = [loaded for loaded in registry if loaded.name not in names]
    return algorithm, Registry([*others, *own], registry.bindings)


def _arguments(
    engine: Engine, closure: Closure, step: Step, use: Mapping[str, str], listener: Listener
) -> dict[str, Any]:
    node = closure.nodes[step.algorithm]
    (asset,) = step.assets
    arguments: dict[str, Any] = {}
    arities: dict[str, Arity] = {bound.parameter: bound.arity for bound in node.inputs}
    for wanted in closure.inputs(step):
        if wanted.step is None:
            arguments[wanted.parameter] = replace(
                source_of(engine.store, asset), mark_changed=lambda path: None
            )
            continue
        below = closure.below[wanted.step.algorithm]
        settings = {f"{n}.{key}": value for n in below for key, value in closure.nodes[n].settings.items()}
        value = engine.get(
            Ask(wanted.step.algorithm, wanted.step.assets, None, settings, use), listener
        ).value
        arguments[wanted.parameter] = _arranged(arities[wanted.parameter], asset, value)
    return {**arguments, **opened(node, engine.store.scratch.parent / "weights")}


def _arranged(arity: Arity, asset: str, value: Any) -> Any:
    if arity == "each":
        return Each({asset: value})
    return Pair((asset, asset), value, value) if arity == "pair" else value


def _call(
    store: Store, closure: Closure, step: Step, arguments: Mapping[str, Any], listener: Listener
) -> Trial:
    node = closure.nodes[step.algorithm]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(store.scratch))
        stack.enter_context(running(lambda d, t, u: listener(StepEvent(step, "running", d, t, u)), folder))
        listener(StepEvent(step, "started"))
        began = time.perf_counter()
        try:
            value = node.algorithm.function(**arguments, **node.settings)
        except Exception as error:
            raise attempt_error(node, step, error) from error
        seconds = time.perf_counter() - began
        table = codec.table(codec.encode(value, node.algorithm.result))
    listener(StepEvent(step, "computed", seconds=seconds))
    return Trial(node.algorithm, table, seconds)
