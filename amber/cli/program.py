"""The `amber` program: runs a command line, and turns what goes wrong into a sentence and an exit code."""

import gc
import os
import sys
from collections.abc import Sequence

from amber.cli.exits import DONE, FAILED, INTERRUPTED, exit_code, report_error
from amber.cli.getting import answer
from amber.cli.quick import quick_request


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code.

    Args:
        arguments: Without the program's name.
    """
    try:
        code = _run(arguments, as_json="--json" in arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read stdout has gone (`amber … | head`); what is still buffered must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        code = _dispatch(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends in a sentence and a code
        if os.environ.get("AMBER_DEBUG"):
            import traceback

            traceback.print_exc()
        report_error(error, as_json=as_json)
        return exit_code(error)
    if code == INTERRUPTED:
        report_error(KeyboardInterrupt(), as_json=as_json)
    return code if isinstance(code, int) else DONE


def _dispatch(arguments: Sequence[str]) -> object:
    request = quick_request(arguments)
    if request is not None:
        return answer(request)
    import typer

    from amber.cli.app import app

    command = typer.main.get_command(app)
    return command.main(args=list(arguments) or ["--help"], prog_name="amber", standalone_mode=False)


def main() -> None:
    """The console entry."""
    code = run(sys.argv[1:])
    # The last collection at exit walks every object of every library, a sixth of the time of a warm answer.
    gc.freeze()
    sys.exit(code)
