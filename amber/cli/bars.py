"""A live line for each step: bar, count, rate and time left, drawn with Rich on stderr."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from amber.cli.progress import SAID, Told
from amber.wording import duration

if TYPE_CHECKING:
    from amber.engine.events import StepEvent
    from amber.keys import Step

#: Seconds between updates of one line; algorithms may report every frame.
_UPDATE_SECONDS = 0.1


@dataclass
class _Line:
    """One line: all steps of an algorithm, or the reading of a file."""

    task: TaskID
    began: float
    #: Steps of the algorithm that are ready, and how they came.
    ready: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    updated: float = 0.0
    #: What the step that ran last did, and of what.
    done: int = 0
    unit: str = ""


class _TimeLeft(TimeRemainingColumn):
    """The time left, while there is some."""

    def render(self, task: Task) -> Text:
        """See Rich."""
        return Text("") if task.finished or task.total is None else super().render(task)


class Bars:
    """A line for each algorithm; use it as a context manager.

    Args:
        console: Where to draw; stderr, unless given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[detail]}", style="dim"),
            _TimeLeft(compact=True),
            console=console or Console(stderr=True, highlight=False),
            refresh_per_second=8,
        )
        self._lines: dict[str, _Line] = {}
        self._expected: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, steps: "Iterable[Step]") -> None:
        """Say which steps an ask may need, so that bars know their length."""
        self._expected.update(step.algorithm for step in set(steps))

    def step(self, event: "StepEvent") -> None:
        """Something happened to a step; the listener of an ask."""
        name = event.step.algorithm
        line = self._line(name)
        if event.state == "running":
            self._run(name, line, event)
        elif event.state in ("computed", "hit", "linked", "joined"):
            line.ready[event.state] += 1
            line.seconds += event.seconds
            self._count(name, line)
        elif event.state == "waiting":
            self._progress.update(line.task, detail=SAID["waiting"])
        elif event.state == "failed":
            self._progress.update(line.task, detail="[red]failed[/red]", total=1.0)
        elif event.state == "started":
            line.began = time.monotonic()

    @contextmanager
    def task(self, name: str, unit: str) -> Iterator[Told]:
        """Within, other work may go on, which is shown once something is told of it."""
        line: _Line | None = None

        def progress(done: int, total: int) -> None:
            nonlocal line
            line = line or self._line(name)
            now = time.monotonic()
            if done < total and now - line.updated < _UPDATE_SECONDS:
                return
            line.updated = now
            of = f" of {total:,}" if total else ""
            self._progress.update(
                line.task, completed=done, total=total or None, detail=f"{done:,}{of} {unit}"
            )

        yield progress
        if line is not None:
            self._progress.update(
                line.task, completed=1, total=1, detail=duration(time.monotonic() - line.began)
            )

    def _line(self, name: str) -> _Line:
        if name not in self._lines:
            task = self._progress.add_task(name, total=None, detail="")
            self._lines[name] = _Line(task, time.monotonic())
        return self._lines[name]

    def _run(self, name: str, line: _Line, event: "StepEvent") -> None:
        now = time.monotonic()
        line.done, line.unit = event.done, event.unit
        if now - line.updated < _UPDATE_SECONDS and event.done < event.total:
            return
        line.updated = now
        expected = max(self._expected[name], 1)
        before = sum(line.ready.values())
        if event.total:
            completed = before + event.done / event.total
            self._progress.update(line.task, completed=completed, total=float(expected))
        elapsed = now - line.began
        rate = f", {event.done / elapsed:,.0f}/s" if elapsed > 0.5 else ""
        of = f" of {event.total:,}" if event.total else ""
        detail = f"{event.done:,}{of} {event.unit}{rate}"
        self._progress.update(
            line.task, detail=f"{before + 1} of {expected}: {detail}" if expected > 1 else detail
        )

    def _count(self, name: str, line: _Line) -> None:
        ready, expected = sum(line.ready.values()), max(self._expected[name], 1)
        self._progress.update(
            line.task, completed=ready, total=max(ready, expected), detail=_told(line, ready, expected)
        )


def _told(line: _Line, ready: int, expected: int) -> str:
    computed = line.ready["computed"]
    if expected == 1:
        (how,) = line.ready
        if not computed:
            return SAID[how]
        rate = f", {line.done / line.seconds:,.0f} {line.unit}/s" if line.done and line.seconds > 0 else ""
        return f"{duration(line.seconds)}{rate}"
    parts = [f"{ready} of {expected}"]
    if computed < ready:
        parts.append(f"{ready - computed} stored")
    if computed:
        parts.append(duration(line.seconds))
    return ", ".join(parts)
