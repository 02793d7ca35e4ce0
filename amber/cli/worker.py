"""`amber worker`: runs jobs that others asked for."""

import os
import sys
from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

JobsOption = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Jobs that are run at once.")]
GraceOption = Annotated[
    float,
    typer.Option(
        "--grace", metavar="SECONDS", min=0, help="How long jobs at hand may go on after SIGTERM or Ctrl-C."
    ),
]
MetricsOption = Annotated[
    int | None,
    typer.Option("--metrics-port", metavar="PORT", help="Serve Prometheus metrics there, on loopback."),
]


@app.command(rich_help_panel="Deployment")
def worker(
    jobs: JobsOption = 2,
    grace: GraceOption = 10.0,
    metrics_port: MetricsOption = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="Stop as well when standard input ends.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run jobs that a service accepted, until it is told to stop; any number of workers may run.

    SIGTERM and Ctrl-C let the jobs at hand go on for a while, and hand them back to other workers then;
    a second one hands them back at once. A job whose algorithms are not loaded here is left alone.
    It also takes new media from the folders of `AMBER_WATCH`, lets backfills go on, and holds standing orders against
    the catalogue.
    `--json` prints its process, once it works; what happens later goes to stderr, as JSON lines.

    Example: `amber worker --jobs 4`
    """
    from amber.cli.session import opened
    from amber.service.work import work
    from amber.settings import Settings

    with opened() as amber:
        if json:
            emit({"pid": os.getpid(), "jobs": jobs})
            sys.stdout.flush()
        work(
            amber,
            jobs=jobs,
            grace_seconds=grace,
            metrics_port=metrics_port,
            until_eof=until_eof,
            watch=Settings.read().watch,
        )
