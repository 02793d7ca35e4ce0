"""The real `amber` command in processes of its own: forked ones, or the installed script in fresh ones."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance import forked
from tests.faults.forking import forking

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
        """Run a command to its end; in a forked process, if nothing but its answer is asked for."""
        if self._may_be_forked:
            return self._run_forked([str(argument) for argument in arguments])
        return self.run_afresh(*arguments)

    def run_afresh(self, *arguments: str | Path) -> Done:
        """Run a command to its end, as a user does: in a process that starts from nothing."""
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

    @property
    def _may_be_forked(self) -> bool:
        return tuple(self.program) == (AMBER,) and not any(
            name.startswith("PYTHON") for name in self.environment
        )

    def _run_forked(self, arguments: list[str]) -> Done:
        with tempfile.TemporaryDirectory() as spoken:
            given = (arguments, self._variables(), self.folder or self.home.parent, Path(spoken))
            process = forking().Process(target=forked.run, args=given)
            process.start()
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
                raise TimeoutError(f"amber {' '.join(arguments)} hangs")
            out, err = (Path(spoken, name) for name in (forked.OUT, forked.ERR))
            assert process.exitcode is not None, "it has ended"
            return Done(process.exitcode, out.read_text(), err.read_text())

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AMBER_")}
        return {**kept, "AMBER_HOME": str(self.home), **self.environment}


def names(computed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The algorithms of a `computed` list or of a plan's steps, in order."""
    return [step["algorithm"] for step in computed]
