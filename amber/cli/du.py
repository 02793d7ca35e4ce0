"""`amber du`: what takes up how much."""

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def du(json: JsonOption = False) -> None:
    """Say how many bytes features take up, by kind (values, and the files that they name), algorithm and version.

    A blob that several algorithms need is counted with each of them, and once in the total.

    Example: `amber du`
    """
    from amber.cli.session import opened

    with opened() as amber:
        used = amber.store.catalog.usage()
        total = sum(blob.size_bytes for blob, _ in amber.store.catalog.referenced_blobs())
    if json:
        rows = [
            {
                "kind": one.kind,
                "algorithm": one.algorithm,
                "version": one.version,
                "blobs": one.blobs,
                "bytes": one.size_bytes,
            }
            for one in used
        ]
        emit({"bytes": total, "rows": rows})
        return
    from amber.cli.tables import print_table
    from amber.wording import size

    print_table(
        ["kind", "algorithm", "version", "blobs", "size"],
        [[one.kind, one.algorithm, one.version, one.blobs, size(one.size_bytes)] for one in used],
    )
    say(f"{size(total)} in all")
