"""Standard error while a library writes there that cannot be asked not to."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2
_lock = threading.Lock()


@contextmanager
def without_line(unwanted: bytes) -> Iterator[None]:
    """Leave out a line that is written to standard error meanwhile, by whatever language; all other lines are passed on.

    A program that is started meanwhile by another thread, and inherits standard error, loses what it writes there.
    """
    with _lock, tempfile.TemporaryFile() as written:
        try:
            kept = os.dup(_STANDARD_ERROR)
        except OSError:  # it is closed, so there is nothing to keep clean
            yield
            return
        os.dup2(written.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)
            written.seek(0)
            for line in written:
                if line.strip() != unwanted:
                    os.write(_STANDARD_ERROR, line)
