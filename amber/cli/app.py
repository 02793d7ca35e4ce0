"""All commands, each loaded when it is asked for."""

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from amber.cli.output import put

#: Command → the module that holds it. A module is imported when its command is asked for, so that each starts quickly.
COMMANDS: dict[str, str] = {
    "ingest": "amber.cli.ingest",
    "assets": "amber.cli.assets",
    "show": "amber.cli.show",
    "label": "amber.cli.label",
    "get": "amber.cli.get",
    "plan": "amber.cli.plan",
    "match": "amber.cli.match",
    "search": "amber.cli.search",
    "eval": "amber.cli.eval_",
    "dataset": "amber.cli.dataset",
    "why": "amber.cli.why",
    "retry": "amber.cli.retry",
    "invalidate": "amber.cli.invalidate",
    "forget": "amber.cli.forget",
    "plans": "amber.cli.plans",
    "audit": "amber.cli.audit",
    "jobs": "amber.cli.jobs",
    "cancel": "amber.cli.cancel",
    "backfill": "amber.cli.backfill",
    "subscribe": "amber.cli.subscribe",
    "algorithms": "amber.cli.algorithms",
    "try": "amber.cli.try_",
    "weights": "amber.cli.weights",
    "verify": "amber.cli.verify",
    "gc": "amber.cli.gc",
    "du": "amber.cli.du",
    "costs": "amber.cli.costs",
    "pin": "amber.cli.pin",
    "unpin": "amber.cli.unpin",
    "serve": "amber.cli.serve",
    "worker": "amber.cli.worker",
    "token": "amber.cli.token",
    "doctor": "amber.cli.doctor",
    "migrate": "amber.cli.migrate",
}


class Commands(TyperGroup):
    """The commands, each loaded when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            command = typer.main.get_command(importlib.import_module(COMMANDS[cmd_name]).app)
            command.name = cmd_name
            self.commands[cmd_name] = command
        return self.commands[cmd_name]


app = typer.Typer(
    cls=Commands,
    name="amber",
    help="Features of media, computed once.",
    epilog="Every command takes `--json`. ASSET is a hash, six digits or more of one, a title, or a path.",
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        put(f"amber {importlib.metadata.version('amber')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Features of media, computed once."""
