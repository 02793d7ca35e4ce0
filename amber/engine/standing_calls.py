"""What `Amber` offers of jobs, backfills and standing orders, loaded when it is used: a warm ask must not wait for it."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amber.engine.backfill import Backfills
    from amber.engine.engine import Engine
    from amber.engine.ingest import Ingested
    from amber.engine.triggers import Subscriptions
    from amber.store.jobs import Job


class StandingCalls:
    """The calls about what shall come to exist."""

    #: Computes.
    engine: "Engine"

    @cached_property
    def backfills(self) -> "Backfills":
        """What is made to exist once for many assets."""
        from amber.engine.backfill import Backfills

        return Backfills(self.engine)

    @cached_property
    def subscriptions(self) -> "Subscriptions":
        """What shall exist for every asset that comes."""
        from amber.engine.triggers import Subscriptions

        return Subscriptions(self.engine)

    def _taken(self, done: "Ingested") -> "Ingested":
        """What became of a path; standing orders are fired for what is new."""
        if done.state == "new" and done.asset is not None:
            self._arrived(done.asset)
        return done

    def _arrived(self, asset: str) -> None:
        """Ask for what standing orders want of an asset."""
        from amber.engine.triggers import arrived

        arrived(self.engine, asset)

    def jobs(self, *, ended: bool = False) -> "list[Job]":
        """The jobs that wait or run; with `ended`, all that are still known."""
        return self.engine.store.catalog.jobs(ended=ended)

    def job(self, name: str) -> "Job":
        """The job whose id is, or begins with, `name` (six digits or more).

        Raises:
            JobNotFoundError: There is none, or there are several.
        """
        from amber.engine.jobs import find_job

        return find_job(self.engine.store.catalog, name)

    def cancel(self, name: str) -> "Job":
        """Cancel a job for everybody who asked for it; one that has ended stays as it is.

        Raises:
            JobNotFoundError: There is none, or there are several.
        """
        job = self.job(name)
        return self.engine.store.catalog.withdraw_job(job.key, None) or job
