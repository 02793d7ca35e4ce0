"""The real `amber` command in processes of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The console script that was installed beside this Python.
AMBER = Path(sys.executable).with_name("amber")
#: Seconds after which a command hangs; a busy machine of two cores takes a tenth of it.
PATIENCE = 150.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed on stdout, as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """`amber` on one home."""

    home: Path
    #: Set for it, beside `AMBER_HOME`.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Where it runs; has no `amber.toml` unless a test writes one.
    folder: Path | None = None
    #: What is run; the installed console script unless a test says another.
    program: Sequence[str | Path] = (AMBER,)

    def __call__(self, *arguments: str | Path, code: int = 0) -> Any:
        """The JSON document of a command that ends with this exit code."""
        done = self.run(*arguments, "--json")
        assert done.code == code, (
            f"amber {' '.join(map(str, arguments))} ended with {done.code}: {done.err}{done.out}"
        )
        return done.document

    def run(self, *arguments: str | Path) -> Done:
        """Run a command to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a command."""
        folder = self.folder or self.home.parent
        return subprocess.Popen(
            [*map(str, self.program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=self._variables(),
        )

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AMBER_")}
        return {**kept, "AMBER_HOME": str(self.home), **self.environment}


def names(computed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The algorithms of a `computed` list or of a plan's steps, in order."""
    return [step["algorithm"] for step in computed]
