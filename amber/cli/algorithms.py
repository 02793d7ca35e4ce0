"""`amber algorithms`: what is loaded; `amber algorithms lock`: the lock file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.exits import FAILED
from amber.cli.options import JsonOption
from amber.cli.output import emit, say

if TYPE_CHECKING:
    from amber.algorithm import Algorithm
    from amber.registry import Registry

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


def _loaded() -> "Registry":
    """The configured algorithms; no store is opened for them."""
    from amber.registry import Registry, load_algorithms
    from amber.settings import Settings

    settings = Settings.read()
    return Registry(load_algorithms(settings.algorithms), settings.bindings)


@app.callback(invoke_without_command=True, rich_help_panel="Algorithms")
def algorithms(context: typer.Context, json: JsonOption = False) -> None:
    """List the loaded algorithms and what each is made from.

    `AMBER_ALGORITHMS` names what is loaded: modules (`algorithms:ALGORITHMS`) or files (`mine.py`), separated by commas.

    Example: `AMBER_ALGORITHMS=algorithms:ALGORITHMS,mine.py amber algorithms`
    """
    if context.invoked_subcommand is not None:
        return
    from amber.engine.documents import algorithm_document

    registry = _loaded()
    documents = [algorithm_document(registry, algorithm) for algorithm in _inputs_first(registry)]
    if json:
        emit(documents)
    else:
        _print(documents)


def _inputs_first(registry: "Registry") -> "list[Algorithm[..., Any]]":
    order: dict[str, None] = {}
    for name in registry.names():
        order.update(dict.fromkeys(registry.closure(name).nodes))
    return [registry.get(name, version) for name in order for version in registry.versions(name)]


def _print(documents: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from amber.cli.tables import print_table
    from amber.wording import assignments

    print_table(
        ["algorithm", "version", "made from", "settings", "gives"],
        [
            [
                Text(document["name"], style="bold" if document["is_default"] else "dim"),
                document["version"],
                _made_from(document),
                assignments(document["settings"]) or "–",
                document["result"],
            ]
            for document in documents
        ],
    )


def _made_from(document: dict[str, Any]) -> str:
    words = {"one": "{}", "each": "{} of each title", "pair": "{} of two titles"}
    parts = [words[i["arity"]].format(i["producer"] or "the asset") for i in document["inputs"]]
    return ", ".join([*parts, *(f"weights {entry['name']}" for entry in document["weights"].values())])


@app.command()
def lock(
    same: Annotated[
        list[str] | None,
        typer.Option("--same", metavar="NAME", help="Its body changed and its results did not: record that."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if something changed.")] = False,
    path: Annotated[Path, typer.Option("--file", metavar="FILE", help="The lock file.")] = Path(
        "algorithms.lock"
    ),
    json: JsonOption = False,
) -> None:
    """Record the loaded algorithms, and notice a body that changed while its version did not.

    Raise the version of an algorithm whose results may differ; say `--same NAME` for a refactor.

    Example: `amber algorithms lock --same shots`
    """
    from amber.lock import changed_without_version, lock_entry, read_lock, write_lock

    registry = _loaded()
    for name in same or ():
        registry.get(name)
    locked = read_lock(path)
    changed = changed_without_version(registry, locked)
    refused = {key: parts for key, parts in changed.items() if key.partition("@")[0] not in (same or ())}
    entries = {f"{algorithm.name}@{algorithm.version}": lock_entry(algorithm) for algorithm in registry}
    added = sorted(set(entries) - set(locked))
    if check:
        refused = changed
    is_written = not check and not refused
    if is_written:
        write_lock(path, {**locked, **entries})
    if json:
        emit({"path": str(path), "changed": changed, "added": added, "written": is_written})
    else:
        _say_lock(path, refused, added, entries=len(entries), check=check)
    if refused or (check and added):
        raise typer.Exit(FAILED)


def _say_lock(
    path: Path, refused: dict[str, list[str]], added: list[str], *, entries: int, check: bool
) -> None:
    from amber.wording import counted

    for key, parts in refused.items():
        name, _, version = key.partition("@")
        say(
            f"{name}: {' and '.join(parts)} changed, and the version is still {version}; raise it if results may differ, "
            f"or say `amber algorithms lock --same {name}`"
        )
    if check and added:
        say(f"not in {path}: {', '.join(added)}; `amber algorithms lock` records them")
    if refused:
        say(f"{path} is as it was")
    elif not check:
        new = f", new: {', '.join(added)}" if added else ""
        say(f"{path}: {counted(entries, 'algorithm')}{new}")
    elif not added:
        say(f"{path} fits {counted(entries, 'loaded algorithm')}")
