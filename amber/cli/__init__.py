"""The command line: `amber`."""

from amber.cli.app import main

__all__ = ["main"]
