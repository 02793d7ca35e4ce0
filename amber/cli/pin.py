"""`amber pin`: keep something from being superseded."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption, ReasonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def pin(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A feature's id or its first digits, or ALGORITHM@VERSION; without one, pins are listed.",
        ),
    ] = None,
    reason: ReasonOption = None,
    json: JsonOption = False,
) -> None:
    """Keep a feature, or all that a version of an algorithm made, when `gc --keep-versions` drops what is superseded.

    Example: `amber pin shots@1 --reason "the paper's figures"`
    """
    from amber.cli.session import opened
    from amber.wording import age

    with opened() as amber:
        if name is not None:
            amber.pin(name, reason=reason or "")
        pins = amber.store.catalog.pins()
    if json:
        emit([{"name": one.name, "reason": one.reason, "who": one.who, "at": one.at} for one in pins])
    elif not pins:
        say("nothing is pinned")
    else:
        from amber.cli.tables import print_table

        rows = [[one.name, one.reason, one.who, age(one.at)] for one in pins]
        print_table(["pin", "reason", "who", "since"], rows)
