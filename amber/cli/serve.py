"""`amber serve`: the service, and a worker beside it."""

import os
import sys
from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit
from amber.cli.worker import GraceOption, JobsOption

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 takes one that is free.")
    ] = 8000,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Leave the jobs to `amber worker` elsewhere.")
    ] = False,
    jobs: JobsOption = 2,
    grace: GraceOption = 10.0,
    json: JsonOption = False,
) -> None:
    """Serve features over HTTP, with a worker in a process of its own unless told otherwise.

    With nothing set it serves this machine alone, and lets everybody on it in; beyond it wants `AMBER_AUTH=token`.
    SIGTERM and Ctrl-C finish the requests at hand, and hand back the jobs.
    `--json` prints where it serves, once it does; what happens later goes to stderr, as JSON lines.

    Example: `amber serve --port 8000`
    """
    from amber.client import Amber
    from amber.engine.scratch import scratch_folder
    from amber.service.auth import check_host
    from amber.settings import Settings

    settings = Settings.read()
    check_host(host, settings)
    with Amber.open(settings=settings) as amber, scratch_folder(amber.store.scratch) as folder:
        # Read when prometheus_client is imported: through this folder the service and its worker add up what they count.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder))
        from amber.service.serve import Serving
        from amber.service.serve import serve as run

        run(
            amber,
            settings,
            Serving(host, port, 0 if no_worker else jobs, grace),
            told=_emit if json else None,
        )


def _emit(url: str) -> None:
    emit({"url": url, "pid": os.getpid()})
    sys.stdout.flush()
