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

    Those that only other settings than the default ones want, or that come from the network alone, are listed and
    not looked for.

    Example: `amber weights`
    """
    if context.invoked_subcommand is not None:
        return
    documents = [_document(entry, is_default) for entry, is_default in _of_loaded()]
    if json:
        emit(documents)
    else:
        _print(documents)
    if any("problem" in document for document in documents):
        raise typer.Exit(FAILED)


def _of_loaded() -> "list[tuple[Weights, bool]]":
    """The weights of the loaded algorithms, and whether any of these wants them with its default settings."""
    from amber.registry import load_algorithms
    from amber.settings import Settings

    found: dict[tuple[str, str], tuple[Weights, bool]] = {}
    for algorithm in load_algorithms(Settings.read().algorithms):
        defaults = {setting.name: setting.default for setting in algorithm.settings}
        for weights in (entry.weights for entry in algorithm.weights):
            _, before = found.get((weights.name, weights.sha256), (weights, False))
            found[weights.name, weights.sha256] = (weights, before or weights.wanted(defaults))
    return list(found.values())


def _document(entry: "Weights", is_default: bool) -> dict[str, Any]:
    from amber.errors import AmberError
    from amber.settings import Settings
    from amber.weights import find_weights

    document: dict[str, Any] = {"name": entry.name, "sha256": entry.sha256}
    if not is_default:  # it may be large and far away: fetched by the first ask that wants it
        return {**document, "when": dict(entry.when)}
    if entry.is_fetched:
        return {**document, "fetched": [str(source) for source in entry.sources]}
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
        [[d["name"], d["sha256"][:16] + "…", _found(d)] for d in documents],
    )


def _found(document: dict[str, Any]) -> str:
    """Where the file is, or why it is not looked for, or what is wrong."""
    if "when" in document:
        wanted = " and ".join(f"{name}={value}" for name, value in document["when"].items())
        return f"looked for once it is asked for with {wanted}"
    if "fetched" in document:
        return f"fetched by the first ask that wants it from {', '.join(document['fetched'])}"
    return str(document.get("path") or document["problem"])


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
