"""Copies of the algorithms with something changed in them, as their author would change it."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import algorithms
from tests.acceptance.command import Command

#: Loaded instead of the algorithms themselves: the same ones, which note each call in a file.
_COUNTING = '''"""The algorithms, each of which notes its calls."""

import dataclasses
import functools
import os

import algorithms


def _noting(algorithm):
    @functools.wraps(algorithm.function)
    def function(*inputs, **named):
        with open(os.environ["CALLS"], "a") as file:
            file.write(f"{algorithm.name}@{algorithm.version}\\\\n")
        return algorithm.function(*inputs, **named)

    return dataclasses.replace(algorithm, function=function)


ALGORITHMS = [_noting(algorithm) for algorithm in algorithms.ALGORITHMS]
'''.replace("\\\\", "\\")


def copy_of_algorithms(
    folder: Path, versions: Mapping[str, str], edits: Mapping[str, tuple[str, str]]
) -> Path:
    """A copy of the `algorithms` package in `folder`.

    Args:
        folder: What is put on Python's path.
        versions: Algorithm → its version in the copy.
        edits: Algorithm → (text, the text that stands there instead).
    """
    package = folder / "algorithms"
    shutil.copytree(Path(algorithms.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, version in versions.items():
        _replace(package / f"{name}.py", r'@algorithm\(version="[^"]*"', f'@algorithm(version="{version}"')
    for name, (text, instead) in edits.items():
        _replace(package / f"{name}.py", re.escape(text), instead)
    return folder


def _replace(path: Path, pattern: str, instead: str) -> None:
    text, count = re.subn(pattern, lambda match: instead, path.read_text())
    assert count == 1, f"{pattern} stands {count} times in {path}"
    path.write_text(text)


def with_copy(
    amber: Command,
    folder: Path,
    versions: Mapping[str, str],
    edits: Mapping[str, tuple[str, str]] | None = None,
) -> Command:
    """The command on the same home, with a changed copy of the algorithms that notes its calls (see `calls`)."""
    copy_of_algorithms(folder, versions, edits or {})
    (folder / "counting.py").write_text(_COUNTING)
    variables = {
        "PYTHONPATH": str(folder),
        "AMBER_ALGORITHMS": f"{folder / 'counting.py'}:ALGORITHMS",
        "CALLS": str(folder / "calls"),
    }
    return Command(amber.home, {**amber.environment, **variables}, amber.folder)


def calls(amber: Command) -> list[str]:
    """The calls of `name@version` that a command of `with_copy` has made so far, in order."""
    path = Path(amber.environment["CALLS"])
    return path.read_text().splitlines() if path.exists() else []
