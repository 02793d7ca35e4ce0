"""How a command ends: its exit code, and the sentence or document for what went wrong."""

from typing import Any

from amber.cli.output import emit, say
from amber.errors import AmberError, DeclarationError, NotFoundError, UsageError

DONE, FAILED, WRONG_USAGE, NOT_FOUND, PLANNED, INTERRUPTED = 0, 1, 2, 3, 4, 130

_INTERRUPTED = "interrupted; nothing is half-written, and the same command goes on from what is stored"


def exit_code(error: BaseException) -> int:
    """The exit code for an error that ended a command."""
    wrong = _of_parser(error)
    if wrong is not None:
        return int(wrong.exit_code)
    if isinstance(error, UsageError | DeclarationError):
        return WRONG_USAGE
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def sentence(error: BaseException) -> str:
    """What went wrong, for people."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    wrong = _of_parser(error)
    if wrong is not None:
        return str(wrong.format_message())
    if isinstance(error, AmberError | OSError) or _is_a(error, "jasper.errors", "MediaError"):
        return str(error)
    return f"{type(error).__name__}: {error} (set AMBER_DEBUG=1 for the traceback)"


def error_document(error: BaseException) -> dict[str, str]:
    """What went wrong, for programs: the error's class and its sentence."""
    return {"type": type(error).__name__, "message": sentence(error)}


def report_error(error: BaseException, *, as_json: bool) -> None:
    """Say what went wrong on stderr, and with `as_json` as a document on stdout too."""
    say(f"amber: {sentence(error)}")
    context = getattr(_of_parser(error), "ctx", None)
    if context is not None:
        say(f"`{context.command_path} --help` shows how it is used.")
    if as_json:
        emit({"error": error_document(error)})


def _of_parser(error: BaseException) -> Any:
    """The error, if the command line was typed wrongly; else None."""
    return error if _is_a(error, "typer.exceptions", "TyperException") else None


def _is_a(error: BaseException, module: str, name: str) -> bool:
    """Whether an error is of a class, told by name so that its library is not loaded for the question."""
    return any((kind.__module__, kind.__name__) == (module, name) for kind in type(error).__mro__)
