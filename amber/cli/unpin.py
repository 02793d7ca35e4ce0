"""`amber unpin`: let something be superseded again."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def unpin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `amber pin` lists it.")],
    json: JsonOption = False,
) -> None:
    """Take a pin away.

    Example: `amber unpin shots@1`
    """
    from amber.cli.session import opened

    with opened() as amber:
        was_pinned = amber.unpin(name)
    if json:
        emit({"name": name, "unpinned": was_pinned})
    else:
        say(f"{name} is not pinned any more" if was_pinned else f"{name} was not pinned")
