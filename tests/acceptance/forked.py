"""The command in a process that is forked from one that has imported what it needs, which a fresh one does for a second.

What is imported stands in `tests.faults.forking`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from amber.cli.program import main

#: Where its output goes, in a folder of its own.
OUT, ERR = "out", "err"


def run(arguments: Sequence[str], variables: Mapping[str, str], folder: Path, spoken: Path) -> None:
    """Be the command, whose whole environment is given; its output goes to two files."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, name in ((1, OUT), (2, ERR)):
        file = os.open(spoken / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["amber", *arguments]
    main()
