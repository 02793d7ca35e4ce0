"""`amber invalidate`: disown what a version of an algorithm made."""

from typing import Annotated

import typer

from amber.cli.exits import PLANNED
from amber.cli.options import ApplyOption, JsonOption, ReasonOption, WhereOption

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def invalidate(
    target: Annotated[
        str | None,
        typer.Argument(metavar="ALGORITHM@VERSION", help="Whose features shall not count any more."),
    ] = None,
    asset: Annotated[
        list[str] | None,
        typer.Option(
            "--asset", metavar="ASSET", help="Only of this asset; may be given often. Of all, unless said."
        ),
    ] = None,
    where: WhereOption = None,
    with_dependants: Annotated[
        bool,
        typer.Option("--with-dependants", help="Disown what the algorithms that depend on it made, too."),
    ] = False,
    reason: ReasonOption = None,
    apply: ApplyOption = None,
    undo: Annotated[
        str | None, typer.Option("--undo", metavar="PLAN_ID", help="Take back what this plan disowned.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Disown what a version of an algorithm made, so that the next ask computes it again.

    First a plan is printed and kept (exit code 4): how many features, what depends on them, their bytes, and the seconds
    that they took. `--apply` does it, unless what it covers has changed since; `--undo` brings everything back without
    computing.

    Example: `amber invalidate shots@1 --reason "cuts missed in the dark"`
    """
    from amber.cli.output import emit, say
    from amber.cli.planned import one_of, show_applied, show_plan
    from amber.cli.session import opened, pairs
    from amber.engine.invalidate import apply_plan, undo_plan
    from amber.engine.kept_plans import plan_document

    one_of(**{"ALGORITHM@VERSION": target, "--apply": apply, "--undo": undo})
    with opened() as amber:
        if apply is not None:
            show_applied(apply_plan(amber.store, apply, action="invalidate"), as_json=json)
        elif undo is not None:
            undone = undo_plan(amber.store, undo)
            if json:
                emit(plan_document(undone))
            else:
                say(f"plan {undone.id} is undone: what it disowned counts again")
        else:
            assert target is not None, "one of the three was typed"
            plan = amber.plan_invalidation(
                target,
                *(asset or ()),
                where=pairs("--where", where) or None,
                with_dependants=with_dependants,
                reason=reason or "",
            )
            show_plan(plan, "amber invalidate", as_json=json)
            raise typer.Exit(PLANNED)
