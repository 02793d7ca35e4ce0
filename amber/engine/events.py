"""What an ask says while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from amber.engine.compute import Computed
from amber.keys import Step

#: `waiting`: another worker computes it; `linked`: stored already, found by what it is made from.
StepState = Literal["hit", "linked", "waiting", "started", "running", "computed", "joined", "failed"]


@dataclass(frozen=True)
class StepEvent:
    """Something happened to a step."""

    step: Step
    state: StepState
    #: For `running`: how far it is; a total of 0 is unknown.
    done: int = 0
    total: int = 0
    unit: str = ""
    #: For `computed`: wall seconds.
    seconds: float = 0.0
    #: For `started`: whether a worker that died or stood still was at it before.
    taken_over: bool = False
    #: For `hit` and `linked`: what computing it took once, and the bytes that are not made again.
    saved_seconds: float = 0.0
    saved_bytes: int = 0
    #: For `computed`: what came of it.
    made: Computed | None = None


Listener = Callable[[StepEvent], None]


def silent(event: StepEvent) -> None:
    """Listens to nothing."""
