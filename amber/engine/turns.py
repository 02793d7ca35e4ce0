"""In one process, one run at a time cares for a recipe; the others wait for it, and ask the store nothing meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager


class Turns:
    """Who cares for which recipe."""

    def __init__(self) -> None:
        self._over: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, recipe: str) -> Iterator[Future[None] | None]:
        """The turn for a recipe, until the end of the block; where somebody else has it, what is done when it is over."""
        with self._lock:
            others = self._over.get(recipe)
            if others is None:
                self._over[recipe] = Future()
        try:
            yield others
        finally:
            if others is None:
                with self._lock:
                    over = self._over.pop(recipe)
                over.set_result(None)
