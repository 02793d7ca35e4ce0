"""`amber forget`: take an asset down."""

from typing import Annotated

import typer

from amber.cli.exits import PLANNED
from amber.cli.options import ApplyOption, JsonOption, ReasonOption

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Library")
def forget(
    asset: Annotated[
        str | None,
        typer.Argument(metavar="ASSET", help="A hash, six digits or more of one, or a title."),
    ] = None,
    reason: ReasonOption = None,
    apply: ApplyOption = None,
    json: JsonOption = False,
) -> None:
    """Take an asset down: its encode, its features, those it shares with other titles, and its name go.

    First a plan is printed and kept (exit code 4); `--apply` does it, unless what it covers has changed since.
    It cannot be undone; ingesting the content again starts anew. A line in the audit stays.

    Example: `amber forget "Big Buck Bunny" --reason "rights ended"`
    """
    from amber.cli.planned import one_of, show_applied, show_plan
    from amber.cli.session import opened
    from amber.engine.invalidate import apply_plan

    one_of(**{"ASSET": asset, "--apply": apply})
    with opened() as amber:
        if apply is not None:
            show_applied(apply_plan(amber.store, apply, action="forget"), as_json=json)
        else:
            assert asset is not None, "one of the two was typed"
            show_plan(amber.plan_forget(asset, reason=reason or ""), "amber forget", as_json=json)
            raise typer.Exit(PLANNED)
