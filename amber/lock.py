"""`algorithms.lock`: notices when an algorithm's body changed and its version did not."""

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from amber.algorithm import Algorithm
from amber.errors import ConfigurationError

AnyAlgorithm = Algorithm[..., Any]


@functools.cache
def source_fingerprint(algorithm: AnyAlgorithm) -> str:
    """SHA-256 of the module that defines the algorithm, without comments, docstrings and layout."""
    module = sys.modules.get(algorithm.function.__module__)
    try:
        source = inspect.getsource(module) if module is not None else inspect.getsource(algorithm.function)
    except (OSError, TypeError):
        return hashlib.sha256(algorithm.function.__code__.co_code).hexdigest()
    return hashlib.sha256(ast.dump(_without_docstrings(ast.parse(source))).encode()).hexdigest()


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del body[0]
    return tree


def lock_entry(algorithm: AnyAlgorithm) -> dict[str, Any]:
    """What the lock file records of one version of an algorithm."""
    return {
        "source": source_fingerprint(algorithm),
        "weights": {w.name: w.weights.sha256 for w in algorithm.weights},
        "libraries": {name: importlib.metadata.version(name) for name in sorted(algorithm.libraries)},
    }


def read_lock(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a lock file by `name@version`; empty if there is none.

    Raises:
        ConfigurationError: It is not a lock file.
    """
    try:
        document = json.loads(path.read_text())
        return dict(document["algorithms"])
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a lock file: {error}; `amber algorithms lock` writes one"
        ) from error


def write_lock(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a lock file, sorted, so that its changes read well."""
    document = {"note": "Written by `amber algorithms lock`.", "algorithms": dict(sorted(entries.items()))}
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


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
