"""Running what is measured, and what came out of it."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Unit = Literal["s", "ms", "µs", "MB", "×", "passes", "frames", "B", "/s"]
_FACTORS = {"ms": 1e3, "µs": 1e6, "MB": 1e-6}


@dataclass(frozen=True)
class Spent:
    """What one process took, with the children that it waited for."""

    wall_seconds: float
    cpu_seconds: float
    out: str = ""


@dataclass(frozen=True)
class Row:
    """One measured thing: a figure for each of the alternated runs, in seconds or bytes or as they are."""

    what: str
    unit: Unit
    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure in the middle."""
        return statistics.median(self.figures)

    def told(self) -> str:
        """The row of a table: median, least and most."""
        shown = [_shown(value, self.unit) for value in (self.median, min(self.figures), max(self.figures))]
        return f"| {self.what} | {shown[0]} | {shown[1]} | {shown[2]} | {self.unit} |"


@dataclass(frozen=True)
class Wanted:
    """A figure that the design asks for, and what was found."""

    what: str
    unit: Unit
    at_most: float
    found: float

    def told(self) -> str:
        """A sentence: wanted, found, and by how much it is missed."""
        wanted, found = _shown(self.at_most, self.unit), _shown(self.found, self.unit)
        if self.found <= self.at_most:
            return f"- {self.what}: wanted ≤ {wanted} {self.unit}, found {found} {self.unit}."
        missed = self.found / self.at_most - 1
        return f"- {self.what}: wanted ≤ {wanted} {self.unit}, found {found} {self.unit}: **missed by {missed:.0%}**."


@dataclass(frozen=True)
class Answer:
    """What a benchmark found."""

    #: Its file's name; names its part of RESULTS.md.
    name: str
    question: str
    command: str
    rows: tuple[Row, ...]
    wanted: tuple[Wanted, ...] = ()
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The part of RESULTS.md that is made anew by each run."""
        lines = [self.question, "", f"`{self.command}`", ""]
        lines += ["| what | median | least | most | unit |", "|---|---:|---:|---:|---|"]
        lines += [row.told() for row in self.rows]
        lines += ["", *(wanted.told() for wanted in self.wanted), *(f"- {note}" for note in self.notes)]
        return "\n".join(lines).rstrip()


def _shown(value: float, unit: Unit) -> str:
    scaled = value * _FACTORS.get(unit, 1)
    return f"{scaled:.0f}" if unit in ("frames",) else f"{scaled:.3g}" if scaled < 100 else f"{scaled:,.0f}"


def spend(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Spent:
    """Run a process to its end and measure it.

    Raises:
        RuntimeError: It failed; says what it said.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AMBER_")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if sys.flags.quiet else None,
        env={**variables, **(environment or {})},
        text=True,
    )
    assert process.stdout is not None, "stdout is a pipe"
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}: {out}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, out)


def per_call(function: Callable[[], object], *, seconds: float = 0.3) -> float:
    """Seconds that one call takes, over as many calls as fit in a while."""
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        for _ in range(10):
            function()
        calls += 10
    return taken / calls


@dataclass
class Runs:
    """Figures of alternated runs, by what was measured."""

    figures: dict[tuple[str, Unit], list[float]] = field(default_factory=dict)

    def note(self, what: str, unit: Unit, figure: float) -> None:
        """Add a figure."""
        self.figures.setdefault((what, unit), []).append(figure)

    def note_spent(self, what: str, spent: Spent) -> None:
        """Add the wall and CPU seconds of a process."""
        self.note(f"{what}, wall", "s", spent.wall_seconds)
        self.note(f"{what}, CPU", "s", spent.cpu_seconds)

    def rows(self) -> tuple[Row, ...]:
        """A row for each thing measured, in the order in which they were first."""
        return tuple(Row(what, unit, tuple(found)) for (what, unit), found in self.figures.items())

    def median(self, what: str) -> float:
        """The median of what was measured."""
        return next(row.median for row in self.rows() if row.what == what)

    def ratio(self, what: str, beside: str) -> float:
        """The median over the runs of one figure over another of the same run."""
        by_name = {row.what: row.figures for row in self.rows()}
        return statistics.median(
            ours / theirs for ours, theirs in zip(by_name[what], by_name[beside], strict=True)
        )


def machine() -> list[str]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    load = os.getloadavg()[0]
    return [
        f"{os.cpu_count()} × {model}, {int(memory) / 2**20:.0f} GiB memory, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}; load average when it began: {load:.2f}",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
