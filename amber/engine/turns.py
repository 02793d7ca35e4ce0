"""In one process, one thread at a time cares for a recipe; the others wait for it, and ask the store nothing meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Who cares for which recipe."""

    def __init__(self) -> None:
        self._over: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, recipe: str) -> Iterator[threading.Event | None]:
        """The turn for a recipe, until the end of the block; where another thread has it, what tells that it is over."""
        with self._lock:
            others = self._over.get(recipe)
            if others is None:
                self._over[recipe] = threading.Event()
        try:
            yield others
        finally:
            if others is None:
                with self._lock:
                    self._over.pop(recipe).set()
