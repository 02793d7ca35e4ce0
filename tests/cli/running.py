"""Runs command lines, in this process or in one of their own, and keeps what they printed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amber.cli.program import run

TINY = Path(__file__).with_name("tiny.py")


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def ran_here(arguments: Sequence[str], capture: pytest.CaptureFixture[str]) -> Ran:
    """Run a command line in this process."""
    capture.readouterr()
    code = run(arguments)
    out, err = capture.readouterr()
    return Ran(code, out, err)


def ran_apart(arguments: Sequence[object], **environment: str) -> Ran:
    """Run a command line in a process of its own, stdout and stderr apart."""
    done = subprocess.run(
        [sys.executable, "-m", "amber.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
