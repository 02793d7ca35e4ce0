"""Tables and trees for people, drawn with Rich."""

import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from amber.wording import counted, short, size

#: Wide enough that nothing is cut where no terminal sets a limit.
_UNLIMITED_COLUMNS = 10_000


def console(file: IO[str] | None = None) -> Console:
    """A console on stdout, or on `file`, that cuts nothing where no terminal is."""
    stream = file or sys.stdout
    width = None if stream.isatty() else _UNLIMITED_COLUMNS
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows under headers; numbers are set to the right, and `Text` keeps its style."""
    materialized = [list(row) for row in rows]
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for number, header in enumerate(headers):
        numeric = all(isinstance(row[number], int | float | None) for row in materialized) and bool(
            materialized
        )
        table.add_column(
            header.replace("_", " "),
            justify="right" if numeric else "left",
            header_style="bold cyan",
            no_wrap=numeric,
        )
    for row in materialized:
        table.add_row(*(cell(header, value) for header, value in zip(headers, row, strict=True)))
    console().print(table)


def print_record(record: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold cyan")
    table.add_column()
    for name, value in record:
        table.add_row(name.replace("_", " "), cell(name, value))
    console().print(table)


def print_rows(
    columns: Sequence[str], rows: Sequence[dict[str, Any]], total: int, *, is_record: bool
) -> None:
    """Print a result: a table of its first rows, or one value a line if it is a single record."""
    if is_record and len(rows) == 1:
        print_record(rows[0].items())
        return
    print_table(columns, [[row[name] for name in columns] for row in rows])
    if total > len(rows):
        console().print(
            Text(f"… {counted(total - len(rows), 'more row')} (--limit N shows more)", style="dim")
        )


def cell(name: str, value: object) -> Text:
    """A value as a cell of the column `name` shows it."""
    return value if isinstance(value, Text) else Text(_text(name, value))


def _text(name: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if name.endswith("seconds") else f"{value:.4f}"
    if isinstance(value, dict):
        if value.keys() == {"sha256", "size_bytes"}:
            return f"{short(value['sha256'])}… ({size(value['size_bytes'])})"
        return ", ".join(f"{key}={_text(key, item)}" for key, item in value.items()) or "–"
    if isinstance(value, list):
        return _list(name, value)
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return short(value)
    return str(value)


def _list(name: str, value: list[object]) -> str:
    if len(value) > 4 and not isinstance(value[0], str | dict):
        return f"[{', '.join(_text(name, item) for item in value[:3])}, … {len(value)} in all]"
    return ", ".join(_text(name, item) for item in value) or "–"
