"""The algorithms that a deployment loads, checked when they load, and the closure of an ask."""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from amber.algorithm import Algorithm, Input, SettingValue, Source
from amber.codec import columns
from amber.errors import (
    AlgorithmNotFoundError,
    AlgorithmsUnloadableError,
    BindingError,
    CycleError,
    DeclarationError,
    InputArityError,
    MissingProducerError,
    SettingError,
    TwoProducersError,
    VersionNotFoundError,
)
from amber.keys import SOURCE, BoundInput, Closure, Node, joint_names

AnyAlgorithm = Algorithm[..., Any]


class Registry:
    """Loaded algorithms by name and version, with the bindings of the deployment.

    Args:
        algorithms: In the order given; of several versions of one name, the last is the default.
        bindings: Result type's name → algorithm that produces it, where it is not the type's own producer.

    Raises:
        DeclarationError: The algorithms do not fit together; the message says which and why.
        BindingError, AlgorithmNotFoundError: A binding names a type or an algorithm that does not fit, or is not there.
    """

    def __init__(self, algorithms: Iterable[AnyAlgorithm], bindings: Mapping[str, str] | None = None) -> None:
        self._versions: dict[str, dict[str, AnyAlgorithm]] = {}
        for algorithm in algorithms:
            self._add(algorithm)
        self._producers = self._find_producers()
        self.bindings = dict(bindings or {})
        self._check_bindings(self.bindings)
        for algorithm in self:
            columns(algorithm.result)
        self._check_inputs()

    def __iter__(self) -> Iterator[AnyAlgorithm]:
        return iter([algorithm for versions in self._versions.values() for algorithm in versions.values()])

    def _add(self, algorithm: AnyAlgorithm) -> None:
        versions = self._versions.setdefault(algorithm.name, {})
        if versions.get(algorithm.version, algorithm) is not algorithm:
            raise DeclarationError(
                f"algorithm {algorithm.name} version {algorithm.version} is loaded twice, from "
                f"{versions[algorithm.version].function.__module__} and {algorithm.function.__module__}"
            )
        for other in versions.values():
            if other.result is not algorithm.result:
                raise DeclarationError(
                    f"versions {other.version} and {algorithm.version} of algorithm {algorithm.name} produce different "
                    f"types ({other.result.__name__}, {algorithm.result.__name__})"
                )
        versions.pop(algorithm.version, None)
        versions[algorithm.version] = algorithm

    def _find_producers(self) -> dict[type, str]:
        producers: dict[type, str] = {}
        for name, versions in self._versions.items():
            produced = next(iter(versions.values())).result
            if produced in producers:
                raise TwoProducersError(
                    f"both {producers[produced]} and {name} produce {produced.__name__}; "
                    f"let one of them return a subclass of {produced.__name__}, and bind it where it is wanted"
                )
            producers[produced] = name
        return producers

    def _check_bindings(self, bindings: Mapping[str, str]) -> None:
        types: dict[str, set[type]] = {}
        for loaded in self._types():
            types.setdefault(loaded.__name__, set()).add(loaded)
        for type_name, producer in bindings.items():
            if type_name not in types:
                raise BindingError(f"no loaded type is called {type_name!r}; there are: {_listed(types)}")
            if len(types[type_name]) > 1:
                places = _listed(loaded.__module__ for loaded in types[type_name])
                raise BindingError(
                    f"several types are called {type_name} (in {places}); rename one to bind it"
                )
            (wanted,) = types[type_name]
            produced = self.get(producer).result
            if not issubclass(produced, wanted):
                raise BindingError(
                    f"{producer} produces {produced.__name__}, which is no {type_name}; it cannot be bound to it"
                )

    def _types(self) -> set[type]:
        """The result types that the loaded algorithms produce or take."""
        taken = {i.type for algorithm in self for i in algorithm.inputs if i.type is not Source}
        return taken | set(self._producers)

    def _check_inputs(self) -> None:
        for algorithm in self:
            for wanted in algorithm.inputs:
                if not self._has_producer(wanted):
                    raise MissingProducerError(
                        f"input {wanted.name!r} of algorithm {algorithm.name} is a {wanted.type.__name__}, "
                        f"which no loaded algorithm produces{self._namesake(wanted.type)}; "
                        f"loaded are: {_listed(self._versions)}"
                    )
        for algorithm in self:
            nodes = self._nodes(algorithm, {})
            for node in nodes.values():
                _check_arity(node, nodes)

    def _has_producer(self, wanted: Input) -> bool:
        return wanted.type in (Source, *self._producers) or wanted.type.__name__ in self.bindings

    def _namesake(self, wanted: type) -> str:
        """What to say of a produced type of the same name, as when a module was imported under two names."""
        same = [produced for produced in self._producers if produced.__name__ == wanted.__name__]
        if not same:
            return ""
        return f" (that of {self._producers[same[0]]} is another class, from {same[0].__module__})"

    def names(self) -> list[str]:
        """The names of all algorithms, sorted."""
        return sorted(self._versions)

    def versions(self, name: str) -> list[str]:
        """The loaded versions of an algorithm, the default last."""
        return list(self._versions.get(name, ()))

    def get(self, name: str, version: str | None = None) -> AnyAlgorithm:
        """The algorithm of that name, of that version or the default one.

        Raises:
            AlgorithmNotFoundError: None is called so.
            VersionNotFoundError: That version is not loaded.
        """
        versions = self._versions.get(name)
        if not versions:
            raise AlgorithmNotFoundError(f"no algorithm {name!r}; there are: {_listed(self._versions)}")
        if version is None:
            return next(reversed(versions.values()))
        if version not in versions:
            raise VersionNotFoundError(
                f"no version {version!r} of {name} is loaded; there are: {', '.join(versions)}"
            )
        return versions[version]

    def producer(self, wanted: Input, use: Mapping[str, str]) -> str:
        """The algorithm that a parameter's input comes from."""
        if wanted.type is Source:
            return SOURCE
        name = wanted.type.__name__
        return use.get(name) or self.bindings.get(name) or self._producers[wanted.type]

    def closure(
        self,
        name: str,
        *,
        version: str | None = None,
        settings: Mapping[str, object] | None = None,
        use: Mapping[str, str] | None = None,
    ) -> Closure:
        """The asked algorithm and everything below it, with every setting filled in.

        Args:
            name: The asked algorithm.
            version: Of the asked algorithm; the default one, unless said.
            settings: `algorithm.name` or a bare name that only one algorithm of the closure has → value.
            use: Result type's name → producer, for this ask.

        Raises:
            AlgorithmNotFoundError, VersionNotFoundError, SettingError, BindingError: Something named is not there.
            CycleError: A binding of this ask closes a circle.
        """
        self._check_bindings(use or {})
        asked = self.get(name, version)
        nodes = self._nodes(asked, use or {})
        if use:
            for node in nodes.values():
                _check_arity(node, nodes)
        given = _assign(nodes, settings or {})
        return Closure(name, {n: _with_settings(node, given.get(n, {})) for n, node in nodes.items()})

    def _nodes(self, asked: AnyAlgorithm, use: Mapping[str, str]) -> dict[str, Node]:
        """Nodes below and including `asked`, inputs first."""
        nodes: dict[str, Node] = {}
        path: list[str] = []

        def visit(algorithm: AnyAlgorithm) -> None:
            if algorithm.name in path:
                circle = [*path[path.index(algorithm.name) :], algorithm.name]
                raise CycleError(f"algorithms depend on each other in a circle: {' → '.join(circle)}")
            if algorithm.name in nodes:
                return
            path.append(algorithm.name)
            bound = []
            for wanted in algorithm.inputs:
                producer = self.producer(wanted, use)
                if producer != SOURCE:
                    visit(self.get(producer))
                bound.append(BoundInput(wanted.name, wanted.arity, producer))
            path.pop()
            defaults = {setting.name: setting.default for setting in algorithm.settings}
            nodes[algorithm.name] = Node(algorithm, defaults, tuple(bound))

        visit(asked)
        return nodes


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _check_arity(node: Node, nodes: Mapping[str, Node]) -> None:
    arities = {i.arity for i in node.inputs}
    if "pair" in arities and len(arities) > 1:
        raise InputArityError(
            f"algorithm {node.name} takes a Pair; then every input must be a Pair (weights aside)"
        )
    if "pair" in arities and node.algorithm.merge is None:
        raise InputArityError(
            f"algorithm {node.name} takes a Pair; say how blocks are merged: @algorithm(..., merge=…)"
        )
    joint = joint_names(nodes)
    if node.name not in joint:
        return
    for bound in node.inputs:
        if bound.arity == "one" and bound.producer not in joint:
            raise InputArityError(
                f"algorithm {node.name} makes one feature of several titles, but its input {bound.parameter!r} "
                "is of one title; make it Each[…]"
            )


def _assign(nodes: Mapping[str, Node], settings: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Each given setting, at the algorithm that has it."""
    given: dict[str, dict[str, object]] = {}
    for key, value in settings.items():
        name, _, setting = key.rpartition(".")
        owners = [n for n, node in nodes.items() if any(s.name == setting for s in node.algorithm.settings)]
        if name and name not in nodes:
            raise SettingError(
                f"setting {key!r}: {name!r} is not part of this ask; that is: {_listed(nodes)}"
            )
        if name:
            owners = [name] if name in owners else []
        if len(owners) != 1:
            there = sorted(f"{n}.{s.name}" for n, node in nodes.items() for s in node.algorithm.settings)
            found = (
                f"{_listed(owners)} have it; say which"
                if owners
                else f"there are: {', '.join(there) or 'none'}"
            )
            raise SettingError(f"setting {key!r} is {'ambiguous' if owners else 'unknown'}: {found}")
        if setting in given.setdefault(owners[0], {}):
            raise SettingError(f"setting {owners[0]}.{setting} is given twice")
        given[owners[0]][setting] = value
    return given


def _with_settings(node: Node, given: Mapping[str, object]) -> Node:
    if not given:
        return node
    filled: dict[str, SettingValue] = dict(node.settings)
    for setting in node.algorithm.settings:
        if setting.name in given:
            filled[setting.name] = setting.parse(given[setting.name])
    return Node(node.algorithm, filled, node.inputs)


def load_algorithms(specs: Sequence[str]) -> list[AnyAlgorithm]:
    """The algorithms that specifications name.

    Args:
        specs: `module:NAME` or `path/to/file.py:NAME`, NAME being an algorithm or a sequence of them;
            without `:NAME`, all algorithms that the module or file defines.

    Raises:
        AlgorithmsUnloadableError: A module, file or name is not there, or importing it fails.
        DeclarationError: An algorithm in it is declared wrongly.
    """
    found: list[AnyAlgorithm] = []
    for spec in specs:
        found += [algorithm for algorithm in _load(spec) if algorithm not in found]
    return found


def _load(spec: str) -> list[AnyAlgorithm]:
    place, separator, name = spec.rpartition(":")
    if not separator:
        place, name = spec, ""
    module = _module(spec, place)
    there = {n: v for n, v in vars(module).items() if isinstance(v, Algorithm)}
    if name:
        value = getattr(module, name, ())
        loaded = list(value) if isinstance(value, Iterable) else [value]
    else:
        own = [v for v in there.values() if v.function.__module__ == module.__name__]
        loaded = list(dict.fromkeys(own))
    if not loaded or not all(isinstance(algorithm, Algorithm) for algorithm in loaded):
        raise AlgorithmsUnloadableError(
            f"{spec!r} names no algorithm; {place} has: {_listed(there)} (an algorithm is a function under @algorithm)"
        )
    return loaded


def _module(spec: str, place: str) -> ModuleType:
    try:
        return _file_module(spec, Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except DeclarationError:
        raise
    except (Exception, SystemExit) as error:
        raise AlgorithmsUnloadableError(f"cannot load {spec!r}: {type(error).__name__}: {error}") from error


class _Uncached(importlib.machinery.SourceFileLoader):
    """Compiles the file as it is now: bytecode kept beside it is told stale only by size and whole seconds."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _file_module(spec: str, place: Path) -> ModuleType:
    """The module of a file outside any package; a file that has changed since it was loaded is another module."""
    path = place.expanduser().resolve()
    if not path.is_file():
        raise AlgorithmsUnloadableError(f"cannot load {spec!r}: there is no file {path}")
    content = hashlib.sha256(bytes(path) + b"\0" + path.read_bytes()).hexdigest()
    name = f"amber_algorithms_{path.stem}_{content[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path, loader=_Uncached(name, str(path)))
    assert found is not None and found.loader is not None, f"a .py file has a loader: {path}"
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # before it runs: dataclasses and type hints look their module up
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
