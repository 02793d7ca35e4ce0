"""What computes steps, on this machine or on many."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from amber.engine.compute import Computed, Task
from amber.engine.executors.admission import Requester
from amber.keys import Node, Step
from amber.progress import Reporter


class StepPlace(Protocol):
    """A step's place among those that wait to be computed, from when it is first wanted to when its value is stored."""

    @property
    def has_begun(self) -> bool:
        """Whether it may be computed now."""

    def try_begin(self, requester: Callable[[], Requester]) -> bool:
        """Begin, if there is room and nobody goes before; on whose behalf, as it stands now."""

    def wait(self, requester: Callable[[], Requester], tick: Callable[[], None]) -> None:
        """Wait until there is room, and begin.

        Args:
            requester: On whose behalf, as it stands now.
            tick: Called now and then; what it raises ends the wait.
        """

    def within(self) -> AbstractContextManager[None]:
        """While this thread computes the step."""

    def leave(self) -> None:
        """Give the place up."""


class Executor(Protocol):
    """Computes steps and stores their values; the caller holds the lease on the recipe, and commits."""

    @property
    def takes_many(self) -> bool:
        """Whether a thread may have it compute many steps at once; else each waits until the one before it is done."""

    def check(self, node: Node, step: Step) -> None:
        """See that a step can be computed at all, however long it waits.

        Raises:
            StepTooLargeError: It takes more memory than there is.
            ClusterUnavailableError: The machines that would compute it cannot be reached.
        """

    def place(self, node: Node, step: Step, recipe: str) -> StepPlace:
        """A place for a step; raises as `check`."""

    def promote(self, recipe: str, requester: Requester) -> None:
        """Make a step that waits as urgent as whoever now waits for it."""

    async def run(
        self, task: Task, place: StepPlace, report: Reporter, check: Callable[[], None]
    ) -> Computed:
        """Compute a step that has begun; nothing is visible until the caller commits.

        Where it does not take many, it computes in the thread that calls.

        Args:
            task: Which.
            place: Its place, which has begun.
            report: Told how far it is; what it raises ends the computation.
            check: Called now and then where there is no progress to tell; what it raises ends the computation.

        Raises:
            InputLostError: A value that should be stored cannot be read.
            Exception: Whatever the algorithm raises.
        """

    def close(self) -> None:
        """Let go of what is used to compute."""
