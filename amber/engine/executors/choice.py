"""Which executor a deployment's settings mean."""

from amber.engine.executors.admission import Capacity
from amber.engine.executors.protocol import Executor
from amber.settings import Settings
from amber.store.protocol import Store


def executor_of(settings: Settings, store: Store, capacity: Capacity | None) -> Executor | None:
    """What computes; None for this machine. Nothing of a cluster is loaded, let alone reached, before it computes."""
    if settings.executor == "local":
        return None
    from amber.engine.executors.ray import RayExecutor
    from amber.engine.executors.wire import Deployment

    return RayExecutor(store, settings.ray_address, Deployment.of(settings), capacity)
