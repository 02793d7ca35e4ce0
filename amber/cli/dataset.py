"""`amber dataset`: features as training data."""

from pathlib import Path
from typing import Annotated

import typer

from amber.cli.options import (
    AlgorithmArgument,
    AssetsArgument,
    JsonOption,
    QuietOption,
    SetOption,
    UseOption,
    VersionOption,
    WhereOption,
)
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def dataset(
    algorithm: AlgorithmArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="Write there; the folder is made, or holds this dataset in part."
        ),
    ],
    assets: AssetsArgument = None,
    where: WhereOption = None,
    version: VersionOption = None,
    settings: SetOption = None,
    use: UseOption = None,
    rows_a_shard: Annotated[
        int, typer.Option("--rows-a-shard", metavar="N", min=1, help="Rows of every file but the last.")
    ] = 65_536,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Write the rows of a feature of many assets as Arrow files with a manifest, for training; what is missing is computed.

    The same features give the same bytes. Interrupted and called again, it goes on behind the last whole file.
    `amber.datasets.Rows` reads them in PyTorch, each row once an epoch over all ranks and workers.

    Example: `amber dataset shot_embeddings --where split=train --out train`
    """
    from amber.cli.session import Wanted, opened
    from amber.cli.watching import watching
    from amber.datasets.writing import write_dataset

    wanted = Wanted(algorithm, assets or (), where, version, settings, use)
    with opened() as amber, watching(quiet=quiet, as_json=json) as watcher:
        asks = wanted.asks(amber, watcher)
        with watcher.task(f"write {out}", "shards") as progress:
            written = write_dataset(
                amber.engine,
                asks,
                out,
                rows_a_shard=rows_a_shard,
                listener=watcher.step,
                told=lambda shards, rows: progress(shards, 0),
            )
    made = written.manifest
    if json:
        emit(
            {
                "folder": str(out),
                "algorithm": made.algorithm,
                "version": made.version,
                "rows": made.rows,
                "shards": len(made.shards),
                "shards_written": written.shards_written,
                "bytes": sum(shard.size_bytes for shard in made.shards),
            }
        )
        return
    if not quiet:
        say(f"{made.rows} rows of {made.algorithm} {made.version} in {len(made.shards)} files in {out}")
