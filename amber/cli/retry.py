"""`amber retry`: forget remembered failures."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def retry(
    algorithm: Annotated[
        str | None, typer.Argument(metavar="ALGORITHM", help="Only its failures; all, unless said.")
    ] = None,
    asset: Annotated[
        str | None, typer.Option("--asset", metavar="ASSET", help="Only failures on this asset.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Forget remembered failures, so that the next ask tries again.

    Example: `amber retry shots --asset bbb`
    """
    from amber.cli.session import opened
    from amber.wording import counted

    with opened() as amber:
        forgotten = amber.retry(algorithm, asset)
        if algorithm is not None and not forgotten:
            amber.registry.get(algorithm)  # a name nobody knows is an error, not a zero
    if json:
        emit({"forgotten": forgotten})
    else:
        say(f"{counted(forgotten, 'failure')} forgotten; the next ask tries again")
