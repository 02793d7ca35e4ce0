"""`algorithms.lock`: notices when an algorithm's body changed and its version did not."""

import ast
import hashlib
import importlib.metadata
import inspect
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from amber.algorithm import Algorithm
from amber.errors import ConfigurationError

AnyAlgorithm = Algorithm[..., Any]


def source_fingerprint(algorithm: AnyAlgorithm) -> str:
    """SHA-256 of the source that an algorithm runs, without comments, docstrings and layout.

    That is the module that defines it, and the modules of the same package that this one imports, directly or not,
    unless they declare algorithms of their own.
    """
    return _module_fingerprint(algorithm.function.__module__) or _function_fingerprint(algorithm.function)


@cache
def _module_fingerprint(name: str) -> str | None:
    """Of a module and the modules it works with; None if there is no source, as in a console."""
    own = _parsed(name)
    if own is None:
        return None
    trees = {name: own}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        for imported in _imported(module, trees[module]):
            tree = _parsed(imported) if imported not in trees else None
            if tree is not None and not _declares_algorithms(tree):
                trees[imported] = tree
                waiting.append(imported)
    return _digest("\n".join(_text(_without_docstrings(tree)) for _, tree in sorted(trees.items())))


def _parsed(name: str) -> ast.Module | None:
    module = sys.modules.get(name)
    try:
        return ast.parse(inspect.getsource(module) if module is not None else _file_of(name).read_bytes())
    except (OSError, TypeError):
        return None


def _file_of(name: str) -> Path:
    """Where the source of a module would be that is not imported yet, found without importing anything."""
    top, *below = name.split(".")
    places = getattr(sys.modules.get(top), "__path__", ())
    bases = [Path(place, *below) for place in places]
    files = [file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py")]
    return next((file for file in files if file.is_file()), Path(os.devnull) / "no module")


def _imported(module: str, tree: ast.Module) -> Iterator[str]:
    """The names of modules of the same top-level package that a module imports; some may be no modules."""
    top = module.partition(".")[0]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(module.split(".")[: -node.level]) if node.level else ""
            base = ".".join(part for part in (parent, node.module) if part)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.startswith(f"{top}."))


def _declares_algorithms(tree: ast.Module) -> bool:
    """Whether some function stands under `@algorithm(...)`."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    called = [d.func for f in functions for d in f.decorator_list if isinstance(d, ast.Call)]
    return any("algorithm" in (getattr(f, "id", ""), getattr(f, "attr", "")) for f in called)


def _function_fingerprint(function: Any) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return _digest("\n".join(_code_text(function.__code__)))
    return _digest(_text(_without_docstrings(tree)))


def _code_text(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_text(constant)
        else:
            yield repr(constant)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del node.body[0]
    return tree


def _text(node: Any) -> str:
    """A syntax tree as text that is the same under every Python: empty fields, which differ, are left out."""
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={_text(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])
        ]
        return f"{type(node).__name__}({', '.join(fields)})"
    if isinstance(node, list):
        return f"[{', '.join(_text(item) for item in node)}]"
    return repr(node)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def lock_entry(algorithm: AnyAlgorithm) -> dict[str, Any]:
    """What the lock file records of one version of an algorithm."""
    return {
        "source": source_fingerprint(algorithm),
        "weights": {w.name: w.weights.sha256 for w in algorithm.weights},
        "libraries": {name: _library_version(name) for name in sorted(algorithm.libraries)},
    }


def _library_version(name: str) -> str | None:
    """The installed version without its build (`2.13.0` for `2.13.0+cpu`); None if it is not installed."""
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def read_lock(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a lock file by `name@version`; empty if there is none.

    Raises:
        ConfigurationError: It is not a lock file.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        return {str(name): dict(entry) for name, entry in document["algorithms"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is not a lock file: {type(error).__name__}: {error}; `amber algorithms lock` writes one"
        ) from error


def write_lock(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a lock file, sorted, so that its changes read well; it is replaced whole."""
    document = {"note": "Written by `amber algorithms lock`.", "algorithms": dict(entries)}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")
    os.replace(temporary, path)


def changed_without_version(
    algorithms: Iterable[AnyAlgorithm], locked: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """`name@version` → what is different from the lock although the version is the same."""
    found: dict[str, list[str]] = {}
    for algorithm in algorithms:
        key = f"{algorithm.name}@{algorithm.version}"
        entry = lock_entry(algorithm)
        if key in locked:
            different = sorted(part for part in entry if entry[part] != locked[key].get(part))
            if different:
                found[key] = different
    return found
