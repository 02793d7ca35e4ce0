"""Computes steps in threads of this process, as far as the machine has room."""

from collections.abc import Callable

from amber.engine.compute import Computed, Task, compute
from amber.engine.executors.admission import Capacity, Requester, Resources
from amber.engine.executors.gate import Gate, Place
from amber.engine.executors.protocol import StepPlace
from amber.engine.values import Values
from amber.errors import StepTooLargeError
from amber.keys import Node, Step
from amber.progress import Reporter
from amber.store.protocol import Catalog, Store


class LocalExecutor:
    """Steps of this process, beside those of all others on the machine.

    A step is computed by the thread that asks for it.

    Args:
        store: Where inputs come from and results go.
        values: Reads values.
        capacity: What steps may take together on this machine; what it has, unless given.
    """

    def __init__(self, store: Store, values: Values, capacity: Capacity | None = None) -> None:
        self._store = store
        self._values = values
        #: The queue of the machine.
        self.gate = Gate(store.scratch.parent / "admission", capacity)

    takes_many = False

    def check(self, node: Node, step: Step) -> None:
        """See that a step is not too large for this machine, however long it waits.

        Raises:
            StepTooLargeError: It is.
        """
        most = self.gate.capacity.resources.memory_bytes
        wanted = resources(node, step, self._store.catalog).memory_bytes
        if wanted > most:
            shown = ", ".join(asset[:12] for asset in step.assets[:3])
            raise StepTooLargeError(
                f"{node.name} of {shown} takes {wanted / 1e9:.2f} GB of memory, and the steps of this machine may take "
                f"{most / 1e9:.2f} GB together; raise AMBER_MEMORY_BYTES, or ask on a larger machine"
            )

    def place(self, node: Node, step: Step, recipe: str) -> Place:
        """A place in the queue for a step.

        Raises:
            StepTooLargeError: It will never have room.
        """
        self.check(node, step)
        return Place(self.gate, node.name, recipe, resources(node, step, self._store.catalog))

    def promote(self, recipe: str, requester: Requester) -> None:
        """Make a step that waits as urgent as whoever now waits for it."""
        self.gate.promote(recipe, requester)

    async def run(
        self, task: Task, place: StepPlace, report: Reporter, check: Callable[[], None]
    ) -> Computed:
        """Compute a step that has begun; raises as `compute`. Who computes hears of an end by telling how far it is."""
        assert place.has_begun, "a step is computed when there is room for it"
        with place.within():
            return compute(task, self._store, self._values, report)

    def close(self) -> None:
        """Nothing is held."""


def resources(node: Node, step: Step, catalog: Catalog) -> Resources:
    """What a step takes, as its algorithm declares it; memory may grow with the pictures and their number."""
    algorithm = node.algorithm
    memory = algorithm.memory_bytes
    if algorithm.memory_bytes_a_pixel or algorithm.memory_bytes_a_frame:
        films = [film for asset in step.assets if (film := catalog.asset(asset)) is not None]
        memory += algorithm.memory_bytes_a_pixel * max(
            (film.width * film.height for film in films), default=0
        )
        memory += algorithm.memory_bytes_a_frame * sum(film.frame_count for film in films)
    return Resources(algorithm.cpus, algorithm.gpus_with(node.settings), memory)
