"""Processes of tests, forked from one that has imported what they need, so that each costs a moment."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext

#: What the one process imports; it is started by whoever comes first, so all are named here.
IMPORTED = (
    "tests.acceptance.forked",
    "tests.faults.workers",
    "tests.faults.load",
    "tests.faults.standing",
    # What commands import when they need it.
    *("algorithms", "amber.cli.app", "amber.client", "amber.engine.documents", "amber.store.catalog"),
    *("av", "cv2", "onnxruntime"),
)


def forking() -> ForkServerContext:
    """The context in which they are made."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED])
    return context
