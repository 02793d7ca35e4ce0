"""`amber cancel`: jobs that nobody shall go on with."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def cancel(
    jobs: Annotated[
        list[str], typer.Argument(metavar="JOB…", help="Ids, or six digits or more of them; `amber jobs`.")
    ],
    json: JsonOption = False,
) -> None:
    """Cancel jobs for everybody who asked for them; a worker stops at its next chance.

    Example: `amber cancel 3f6c1b`
    """
    from amber.cli.session import opened
    from amber.engine.documents import job_document
    from amber.wording import short

    with opened() as amber:
        found = [amber.cancel(job) for job in jobs]
    if json:
        emit([job_document(job) for job in found])
        return
    for job in found:
        say(f"{short(job.key)} ({job.algorithm}) is {job.state}")
