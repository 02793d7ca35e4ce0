"""The command line: `amber`."""

from amber.cli.program import main

__all__ = ["main"]
