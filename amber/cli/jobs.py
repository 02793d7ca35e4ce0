"""`amber jobs`: what is asked for and how far it is."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def jobs(
    ended: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    json: JsonOption = False,
) -> None:
    """List the jobs that wait or run, the oldest first.

    Example: `amber jobs --all`
    """
    from amber.cli.session import opened
    from amber.engine.documents import job_document

    with opened() as amber:
        found = sorted(amber.jobs(ended=ended), key=lambda job: (job.created_at, job.key))
    documents = [job_document(job) for job in found]
    if json:
        emit(documents)
        return
    if not documents:
        say("no jobs" if ended else "no jobs wait or run; `amber jobs --all` lists those that have ended")
        return
    from amber.cli.tables import print_table
    from amber.wording import counted, short

    rows = [
        [
            short(one["job"]),
            one["algorithm"],
            ", ".join(short(asset) for asset in one["assets"]),
            one["state"],
            one["step"] or "",
            f"{one['done']}/{one['total']} {one['unit']}" if one["total"] else "",
            one["problem"]["detail"] if one["problem"] else "",
        ]
        for one in documents
    ]
    print_table(["job", "algorithm", "assets", "state", "step", "progress", "problem"], rows)
    say(counted(len(rows), "job"))
