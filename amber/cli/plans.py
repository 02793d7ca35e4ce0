"""`amber plans`: what somebody means to do, and what became of it."""

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def plans(json: JsonOption = False) -> None:
    """List the plans of `invalidate`, `forget` and `gc --keep-versions`, oldest first.

    Example: `amber plans`
    """
    from amber.cli.session import opened
    from amber.engine.kept_plans import plan_document

    with opened() as amber:
        kept = amber.store.catalog.plans()
    if json:
        emit([plan_document(plan) for plan in kept])
        return
    if not kept:
        say("no plans yet; `amber invalidate` and `amber forget` make them")
        return
    from amber.cli.tables import print_table
    from amber.wording import age

    print_table(
        ["plan", "action", "of", "state", "features", "reason", "who", "made"],
        [
            [
                plan.id,
                plan.action,
                ", ".join(f"{one.algorithm}@{one.version}" for one in plan.doomed[:3]),
                plan.state,
                plan.features,
                plan.reason,
                plan.who,
                age(plan.made_at),
            ]
            for plan in kept
        ],
    )
