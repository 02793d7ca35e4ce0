"""How a command ends: its exit code, and the sentence or document for what went wrong."""

import typer

from amber.cli.output import emit, say
from amber.errors import AmberError, DeclarationError, NotFoundError, UsageError

DONE, FAILED, WRONG_USAGE, NOT_FOUND, INTERRUPTED = 0, 1, 2, 3, 130

_INTERRUPTED = "interrupted; nothing is half-written, and the same command goes on from what is stored"


def exit_code(error: BaseException) -> int:
    """The exit code for an error that ended a command."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    if isinstance(error, UsageError | DeclarationError):
        return WRONG_USAGE
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def sentence(error: BaseException) -> str:
    """What went wrong, for people."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, typer.TyperException):
        return error.format_message()
    if isinstance(error, AmberError | OSError) or _is_of_media(error):
        return str(error)
    return f"{type(error).__name__}: {error} (set AMBER_DEBUG=1 for the traceback)"


def error_document(error: BaseException) -> dict[str, str]:
    """What went wrong, for programs: the error's class and its sentence."""
    return {"type": type(error).__name__, "message": sentence(error)}


def report_error(error: BaseException, *, as_json: bool) -> None:
    """Say what went wrong on stderr, and with `as_json` as a document on stdout too."""
    say(f"amber: {sentence(error)}")
    context = getattr(error, "ctx", None)
    if isinstance(error, typer.TyperException) and context is not None:
        say(f"`{context.command_path} --help` shows how it is used.")
    if as_json:
        emit({"error": error_document(error)})


def _is_of_media(error: BaseException) -> bool:
    return any(
        kind.__module__ == "jasper.errors" and kind.__name__ == "MediaError" for kind in type(error).__mro__
    )
