"""`amber verify`: check every row and blob."""

import typer

from amber.cli.exits import FAILED
from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown")


@app.command(rich_help_panel="Deployment")
def verify(json: JsonOption = False) -> None:
    """Check every row and every blob of the store; fails if anything is missing or corrupt.

    Example: `amber verify`
    """
    from amber.cli.session import opened

    with opened() as amber:
        report = amber.verify()
    emit(report)
    say("x")
    raise typer.Exit(FAILED)
