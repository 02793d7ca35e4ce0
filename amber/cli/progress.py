"""What a command says while it works: bars on a terminal, a line for each finished step elsewhere, or nothing."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from amber.cli.output import say
from amber.wording import duration

if TYPE_CHECKING:
    from amber.engine.events import StepEvent
    from amber.keys import Step

#: Told how much is done, and of how much.
Told = Callable[[int, int], None]


class Watcher(Protocol):
    """Tells people how far a command is."""

    def expect(self, steps: Iterable["Step"]) -> None:
        """Say which steps an ask may need, so that bars know their length."""

    def step(self, event: "StepEvent") -> None:
        """Something happened to a step; the listener of an ask."""

    def task(self, name: str, unit: str) -> AbstractContextManager[Told]:
        """Within, other work may go on, which is shown once something is told of it."""


class Silent:
    """Says nothing."""

    def expect(self, steps: Iterable["Step"]) -> None:
        """As `Watcher`."""

    def step(self, event: "StepEvent") -> None:
        """As `Watcher`."""

    @contextmanager
    def task(self, name: str, unit: str) -> Iterator[Told]:
        """As `Watcher`."""
        yield lambda done, total: None


class Lines:
    """A line for each step that was computed, waited for or failed."""

    def __init__(self) -> None:
        self._frames: dict[Step, tuple[int, str]] = {}

    def expect(self, steps: Iterable["Step"]) -> None:
        """As `Watcher`."""

    def step(self, event: "StepEvent") -> None:
        """As `Watcher`."""
        name = event.step.algorithm
        if event.state == "running":
            self._frames[event.step] = (event.done, event.unit)
        elif event.state == "computed":
            done, unit = self._frames.pop(event.step, (0, ""))
            rate = f", {done / event.seconds:,.0f} {unit}/s" if done and unit and event.seconds > 0 else ""
            say(f"{name}: computed in {duration(event.seconds)}{rate}")
        elif event.state in SAID:
            say(f"{name}: {SAID[event.state]}")

    @contextmanager
    def task(self, name: str, unit: str) -> Iterator[Told]:
        """As `Watcher`."""
        began = time.monotonic()
        total_seen = 0

        def progress(done: int, total: int) -> None:
            nonlocal total_seen
            total_seen = total

        yield progress
        if total_seen:
            say(f"{name}: {duration(time.monotonic() - began)}")


#: What is said of a step that this ask did not compute.
SAID = {
    "hit": "stored already",
    "linked": "made from the same inputs before, only linked",
    "waiting": "another process computes it, waiting",
    "joined": "computed by another process meanwhile",
    "failed": "failed",
}
