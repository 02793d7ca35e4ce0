"""`amber try`: run an algorithm in the making."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.exits import report_error
from amber.cli.options import AssetArgument, JsonOption, SetOption, UseOption
from amber.cli.output import emit, say
from amber.errors import AmberError, UsageError

if TYPE_CHECKING:
    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.engine.trial import Trial
    from amber.store.protocol import AssetRecord

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

#: Seconds between looks at a watched file.
_WATCH_SECONDS = 0.2


@app.command(rich_help_panel="Algorithms")
def try_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:FUNCTION", help="A function under @algorithm; :FUNCTION if there are several."
        ),
    ],
    asset: AssetArgument,
    settings: SetOption = None,
    use: UseOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run it again whenever the file changes.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Rows to show.")] = 20,
    json: JsonOption = False,
) -> None:
    """Run an algorithm in the making on stored inputs, print its table, and store nothing of it.

    Inputs that are missing are computed and stored; the configured algorithms are loaded beside the file's.

    Example: `amber try mine.py:brightness bbb --watch`
    """
    from amber.cli.session import find_assets, opened, pairs
    from amber.cli.watching import watching

    place, _, name = what.rpartition(":") if not what.endswith(".py") else (what, "", "")
    path = Path(place)
    if path.suffix != ".py":
        raise UsageError(f"say which function as FILE.py:FUNCTION; found {what!r}")
    if watch and json:
        raise UsageError("--watch prints again and again, --json prints one document; choose one")
    given = {"settings": pairs("--set", settings), "use": pairs("--use", use)}
    with opened() as amber:
        with watching(as_json=json) as watcher:
            (record,) = find_assets(amber, [asset], None, watcher)
            if not watch:
                made = _run(amber, path, name, record, given, watcher)
        if watch:
            _watch(amber, path, name, record, given, limit)
    if not watch and json:
        emit(_document(made))
    elif not watch:
        _print(made, limit)


def _run(
    amber: "Amber", path: Path, name: str, record: "AssetRecord", given: dict[str, Any], watcher: "Watcher"
) -> "Trial":
    from amber.engine.trial import trial

    return trial(amber.store, amber.registry, path, name, record.asset, listener=watcher.step, **given)


def _watch(
    amber: "Amber", path: Path, name: str, record: "AssetRecord", given: dict[str, Any], limit: int
) -> None:
    """Run at once and after every change of the file, until Ctrl-C."""
    from amber.cli.watching import watching

    seen: tuple[int, int] | None = None
    while True:
        seen = _next_stamp(path, seen)
        try:
            with watching() as watcher:
                made = _run(amber, path, name, record, given, watcher)
        except AmberError as error:
            report_error(error, as_json=False)
        else:
            _print(made, limit)
        say(f"watching {path}; Ctrl-C ends")


def _next_stamp(path: Path, seen: tuple[int, int] | None) -> tuple[int, int]:
    """Wait until the file is no longer as it was seen, and is written to its end."""
    before, now = seen, _stamp(path)
    while now == seen or (before != now and seen is not None):
        time.sleep(_WATCH_SECONDS)
        before, now = now, _stamp(path)
    return now


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _document(made: "Trial") -> dict[str, Any]:
    return {
        "algorithm": made.algorithm.name,
        "version": made.algorithm.version,
        "seconds": made.seconds,
        "stored": False,
        "rows": made.table.to_pylist(),
    }


def _print(made: "Trial", limit: int) -> None:
    from amber.cli.tables import print_rows
    from amber.wording import counted, duration

    print_rows(
        made.table.column_names,
        made.table.slice(0, limit).to_pylist(),
        made.table.num_rows,
        is_record=made.is_record,
    )
    say(
        f"{made.algorithm.name} {made.algorithm.version}: {counted(made.table.num_rows, 'row')} "
        f"in {duration(made.seconds)}; nothing of it was stored"
    )
