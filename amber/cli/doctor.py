"""`amber doctor`: is everything that is needed here, and what to do where it is not."""

import typer

from amber.cli.exits import FAILED
from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def doctor(json: JsonOption = False) -> None:
    """Check that everything needed is installed and in order; each line says what to do where it is not.

    Example: `amber doctor`
    """
    from amber.cli.checks import CHECKS, run_check

    results = [run_check(name, check) for name, check in CHECKS.items()]
    if json:
        emit([{"check": r.name, "ok": r.ok, "found": r.found, "advice": r.advice or None} for r in results])
    else:
        from rich.text import Text

        from amber.cli.tables import print_table

        marks = {True: Text("ok", style="green"), False: Text("failed", style="bold red")}
        print_table(
            ["check", "", "found", "what to do"], [[r.name, marks[r.ok], r.found, r.advice] for r in results]
        )
    failed = [result.name for result in results if not result.ok]
    if failed:
        if not json:
            say(f"not in order: {', '.join(failed)}")
        raise typer.Exit(FAILED)
    if not json:
        say("everything is in order")
