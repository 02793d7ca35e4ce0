"""The project's own Python files, and what stands in them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What is shipped.
PACKAGES = ("amber", "jasper", "algorithms")
#: Everything that is written here.
FOLDERS = (*PACKAGES, "migrations", "tests", "benchmarks", "demo", "docs")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    """The Python files in these folders."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def text_files() -> list[Path]:
    """Every file that is written by hand: source, documents, configuration."""
    suffixes = {".py", ".md", ".toml", ".txt", ".yml", ".ini", ".sh", ".mako", ".lock"}
    inside = [path for folder in (*FOLDERS, ".ci", "changes") for path in (ROOT / folder).rglob("*")]
    found = [
        path for path in [*ROOT.iterdir(), *inside] if path.is_file() and "__pycache__" not in path.parts
    ]
    return sorted(path for path in found if path.suffix in suffixes or path.name in ("Makefile", "run"))


@cache
def tree(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text(), str(path))


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones included."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def named_at(path: Path, line: int, what: str) -> str:
    """A place and what is there, as a person looks it up."""
    return f"{path.relative_to(ROOT)}:{line}: {what}"
