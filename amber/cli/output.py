"""Where output goes: one JSON document or a view on stdout, all else on stderr."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from amber.engine.texts import json_text


def say(text: str) -> None:
    """A message to people, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """A line of a command's answer, on stdout."""
    sys.stdout.write(f"{text}\n")


def emit(document: Any) -> None:
    """The one JSON document of a command, on stdout."""
    put(json_text(document, indent=2 if sys.stdout.isatty() else None))


def write_bytes(data: bytes, out: Path | None) -> None:
    """Write to a file, which appears whole or not at all, or to stdout."""
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    descriptor, temporary = tempfile.mkstemp(dir=out.absolute().parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, out)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
