"""What a worker does beside jobs: it lets backfills go on, and holds standing orders against the catalogue."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from amber.engine.backfill import DRIVE_SECONDS, LOOK_SECONDS, WORKING, Driver, dead_owners
from amber.engine.leases import owner_name
from amber.engine.triggers import reconcile
from amber.errors import StoreError

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: Between two looks at all standing orders.
RECONCILE_SECONDS = 30.0
#: After something went wrong, most often because the store is away, so long until it is tried again.
_AWAY_SECONDS = 1.0
#: Between two looks for something to do, while there is nothing.
_IDLE_SECONDS = 1.0


class Steward:
    """Does what is to be done for all, as long as it is let; several may run, each duty is one's at a time.

    Args:
        engine: Knows the algorithms.
        told: Called with what goes wrong.
        reconcile_seconds: Between two looks at all standing orders.
    """

    def __init__(
        self,
        engine: "Engine",
        told: Callable[[Exception], None] = lambda _: None,
        *,
        reconcile_seconds: float = RECONCILE_SECONDS,
    ) -> None:
        self._engine = engine
        self._catalog = engine.store.catalog
        self._told = told
        self._every = reconcile_seconds
        self._driver = Driver(engine)
        self._stopping = threading.Event()
        self._next_reconcile = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="amber-steward", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Do it until `stop` is called."""
        while not self._stopping.is_set():
            try:
                pause = self.turn()
            except Exception as error:  # noqa: BLE001 - told, and tried again: whoever holds a duty must go on
                self._told(error)
                pause = _AWAY_SECONDS
            self._stopping.wait(pause)
        with suppress(StoreError):
            self._catalog.leave_duty(WORKING + owner_name(), owner_name())

    def stop(self) -> None:
        """Do no more, and wait until what is at hand is done."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def turn(self) -> float:
        """One turn of everything; how long until the next one, in seconds.

        Raises:
            StoreError: The store cannot be reached.
        """
        self._catalog.take_duty(WORKING + owner_name(), owner_name(), DRIVE_SECONDS)
        is_busy = self._driver.drive_all()
        self._reconcile()
        return LOOK_SECONDS if is_busy else _IDLE_SECONDS

    def _reconcile(self) -> None:
        """Every process may, and one does: whoever holds the duty until the next time is due."""
        now = time.monotonic()
        if now < self._next_reconcile:
            return
        self._next_reconcile = now + self._every
        dead = dead_owners(self._engine)
        if self._catalog.take_duty("reconcile", owner_name(), 2 * self._every, dead=dead):
            reconcile(self._engine)
