"""`amber weights`: the model files that algorithms are made with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.exits import FAILED
from amber.cli.options import JsonOption
from amber.cli.output import emit, put, say
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.weights import Weights

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.callback(invoke_without_command=True, rich_help_panel="Algorithms")
def weights(context: typer.Context, json: JsonOption = False) -> None:
    """List the weights of the loaded algorithms, and look whether each is there and has its digest.

    Example: `amber weights`
    """
    if context.invoked_subcommand is not None:
        return
    documents = [_document(entry) for entry in _of_loaded()]
    if json:
        emit(documents)
    else:
        _print(documents)
    if any("problem" in document for document in documents):
        raise typer.Exit(FAILED)


def _of_loaded() -> "list[Weights]":
    from amber.registry import load_algorithms
    from amber.settings import Settings

    found: dict[tuple[str, str], Weights] = {}
    for algorithm in load_algorithms(Settings.read().algorithms):
        for entry in algorithm.weights:
            found[entry.weights.name, entry.weights.sha256] = entry.weights
    return list(found.values())


def _document(entry: "Weights") -> dict[str, Any]:
    from amber.errors import AmberError
    from amber.settings import Settings
    from amber.weights import find_weights

    document: dict[str, Any] = {"name": entry.name, "sha256": entry.sha256}
    try:
        document["path"] = str(find_weights(entry, Settings.read().home / "weights"))
    except AmberError as error:
        document["problem"] = str(error)
    return document


def _print(documents: list[dict[str, Any]]) -> None:
    from amber.cli.tables import print_table

    if not documents:
        say("no loaded algorithm has weights")
        return
    print_table(
        ["weights", "sha256", "found"],
        [[d["name"], d["sha256"][:16] + "…", d.get("path") or d["problem"]] for d in documents],
    )


@app.command()
def pin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the weights are called.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The weights file; for a name that Amber does not know."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the declaration of a weights file with its digest, to be written into an algorithm.

    Example: `amber weights pin my-encoder --file encoder.safetensors`
    """
    from amber.weights import KNOWN_WEIGHTS

    known = KNOWN_WEIGHTS.get(name)
    if file is None and known is None:
        raise UsageError(
            f"say which file {name!r} is with --file FILE; known without one: {', '.join(sorted(KNOWN_WEIGHTS))}"
        )
    if file is not None:
        import hashlib

        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        declaration = f'Weights("{name}", sha256="{sha256}", sources=(LocalFile("{file.absolute()}"),))'
    else:
        assert known is not None, "a name without a file is known"
        sha256, declaration = known.sha256, f'Weights("{name}")'
    if json:
        emit({"name": name, "sha256": sha256, "declaration": declaration})
    else:
        put(declaration)
