"""`amber assets`: the library."""

import typer

from amber.cli.options import JsonOption, WhereOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Library")
def assets(where: WhereOption = None, json: JsonOption = False) -> None:
    """List the assets that were ingested.

    Example: `amber assets --where genre=animation`
    """
    from amber.cli.session import opened, pairs
    from amber.engine.documents import asset_document

    with opened() as amber:
        records = amber.assets(pairs("--where", where))
    if json:
        emit([asset_document(record) for record in records])
        return
    if not records:
        say(
            "no assets with these labels"
            if where
            else "no assets yet; `amber ingest PATH` takes files and folders"
        )
        return
    from amber.cli.tables import print_table
    from amber.wording import counted, duration, short

    rows = [
        [
            short(record.asset),
            record.title,
            duration(record.duration_seconds),
            record.frame_count,
            f"{record.width}×{record.height}",
            dict(record.labels),
        ]
        for record in records
    ]
    print_table(["asset", "title", "duration", "frames", "size", "labels"], rows)
    say(counted(len(records), "asset"))
