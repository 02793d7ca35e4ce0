"""Chooses how a command tells people how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from amber.cli.progress import Lines, Silent, Watcher


@contextmanager
def watching(*, quiet: bool = False, as_json: bool = False) -> Iterator[Watcher]:
    """The watcher that fits: bars where stderr is a terminal; lines elsewhere, unless a program listens."""
    if quiet or (as_json and not sys.stderr.isatty()):
        yield Silent()
    elif sys.stderr.isatty():
        from amber.cli.bars import Bars

        with Bars() as bars:
            yield bars
    else:
        yield Lines()
