"""`amber ingest`: name and record media."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.exits import FAILED, error_document
from amber.cli.options import JsonOption, QuietOption
from amber.cli.output import emit, say

if TYPE_CHECKING:
    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.engine.ingest import Ingested

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Library")
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Media files, or folders of them.")],
    get: Annotated[
        str | None, typer.Option("--get", metavar="ALGORITHM", help="Ask for this feature of each at once.")
    ] = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Name and record media files, and those in folders.

    A file is read through once to find out which asset it holds; nothing is decoded.
    A renamed, moved or remuxed copy is the same asset, and a file that has not changed is not read again.

    Example: `amber ingest ~/films --get shots`
    """
    from amber.cli.session import opened
    from amber.cli.watching import watching

    with opened() as amber, watching(quiet=quiet, as_json=json) as watcher:
        if get is not None:
            amber.registry.get(get)
        documents = [_ingest(amber, path, get, watcher) for path in _files(paths)]
    if json:
        emit(documents)
    else:
        _print(documents, paths)
    if any(document["state"] == "failed" or "error" in document for document in documents):
        raise typer.Exit(FAILED)


def _files(paths: list[Path]) -> list[Path]:
    from amber.engine.ingest import media_files

    return list(media_files(paths))


def _ingest(amber: "Amber", path: Path, get: str | None, watcher: "Watcher") -> dict[str, Any]:
    from amber.engine.ask import Ask
    from amber.engine.documents import feature_document, ingested_document
    from amber.errors import AmberError

    done = _read(amber, path, watcher)
    document = ingested_document(done)
    if get is None or done.asset is None:
        return document
    ask = Ask(get, (done.asset,))
    try:
        feature = amber.engine.get(ask, watcher.step)
    except AmberError as error:
        say(f"amber: {path}: {error}")
        return {**document, "error": error_document(error)}
    return {**document, "get": feature_document(amber.engine, ask, feature, rows=False)}


def _read(amber: "Amber", path: Path, watcher: "Watcher") -> "Ingested":
    with watcher.task(f"read {path.name}", "frames") as progress:
        (done,) = amber.ingest_all([path], progress=progress)
    return done


def _print(documents: list[dict[str, Any]], paths: list[Path]) -> None:
    from amber.cli.tables import print_table
    from amber.wording import counted

    if not documents:
        say(f"no media files in {', '.join(str(path) for path in paths)}")
        return
    rows = [[d["path"], d["asset"] or "–", d["state"], _remark(d)] for d in documents]
    print_table(["path", "asset", "state", "remark"], rows)
    states = [document["state"] for document in documents]
    found = [f"{states.count(state)} {state}" for state in ("new", "known", "failed") if state in states]
    say(f"{counted(len(documents), 'file')}: {', '.join(found)}")


def _remark(document: dict[str, Any]) -> str:
    if "problem" in document:
        return str(document["problem"])
    if "error" in document:
        return str(document["error"]["message"])
    return "only a part of it can be read" if document.get("partial") else ""
