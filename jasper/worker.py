"""The worker process: takes one request after the other, and reads files that nobody trusts.

`jasper.child` starts it; it speaks lines of JSON (`jasper.wire`).
"""

import errno
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from jasper import confine
from jasper.errors import (
    DecoderCrashedError,
    DecodingLimitError,
    DecodingMemoryError,
    MediaError,
    OutputTooLargeError,
)
from jasper.frames import FrameTimes
from jasper.identity import identify
from jasper.profile import Profile
from jasper.results import ProgressCallback
from jasper.standard_form import standardize
from jasper.wire import MOST_BYTES_OF_A_LINE, from_line, from_plain, to_line, to_plain

#: Address space beyond what may be resident: libraries, stacks, and buffers that are never filled.
_ADDRESS_SPACE_BYTES = 4_000_000_000


def main(lifeline: int, arrays_file: int) -> None:
    """Answer requests until there are no more.

    Args:
        lifeline: The reading end of a pipe whose other end the parent holds while it lives.
        arrays_file: A file that frame times are written to and read from.
    """
    confine.die_with(lifeline)
    replies = os.fdopen(os.dup(1), "wb")
    # Whatever a library may print must not pass for a reply.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    confine.give_up_privileges()

    def say(line: bytes) -> None:
        replies.write(line)
        replies.flush()

    with os.fdopen(arrays_file, "r+b", buffering=0) as arrays:
        for line in sys.stdin.buffer:
            say(_answer(from_line(line), arrays, say))
    # Nothing is left to be tidied up, and taking libraries down takes time.
    os._exit(0)


def _answer(request: Mapping[str, Any], arrays: BinaryIO, say: Callable[[bytes], None]) -> bytes:
    """The last line for a request: what came of it, or what was wrong."""
    confine.lower(resource.RLIMIT_FSIZE, request["output_bytes"])
    confine.lower(resource.RLIMIT_AS, request["memory_bytes"] + _ADDRESS_SPACE_BYTES)
    shown = repr(request["path"])
    try:
        made = _done(request, arrays, lambda done, total: say(to_line({"progress": [done, total]})))
        line = to_line({"result": to_plain(made, arrays)})
        if len(line) <= MOST_BYTES_OF_A_LINE:
            return line
        error: MediaError = DecodingLimitError(
            f"{shown} has {len(line):,} bytes of tags; write it again without them"
        )
    except MediaError as raised:
        error = raised
        cause, most = raised.__cause__, request["output_bytes"]
        if (
            getattr(cause, "errno", None) == errno.EFBIG
            and resource.getrlimit(resource.RLIMIT_FSIZE)[0] == most
        ):
            error = OutputTooLargeError(
                f"the standard form of {shown} would have a file of more than {most:,} bytes, which is more than a "
                "source of its size may yield; cut it into parts"
            )
    except MemoryError:
        error = DecodingMemoryError(
            f"{shown} wants more memory at once than there may be; check that it is whole"
        )
    except Exception as raised:  # noqa: BLE001 - the parent is told, and replaces this process
        error = DecoderCrashedError(
            f"{shown} cannot be read: {type(raised).__name__} in the decoder ({str(raised)[:500]}); "
            "copy or download the file again"
        )
    return to_line({"error": {"type": type(error).__name__, "message": str(error)}})


def _done(request: Mapping[str, Any], arrays: BinaryIO, progress: ProgressCallback) -> object:
    path = Path(request["path"])
    os.chdir(request["folder"] or "/")
    if request["ask"] == "identify":
        return identify(path, progress=progress)
    return standardize(
        path,
        Path(request["into"]),
        asset=request["asset"],
        profile=from_plain(Profile, request["profile"], arrays),
        times=from_plain(FrameTimes, request["times"], arrays) if request["times"] else None,
        progress=progress,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
