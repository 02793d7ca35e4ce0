"""Tells requests what becomes of jobs: one reader of the catalogue for all that wait, however many there are."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from amber.errors import StoreError
from amber.store.jobs import Job, JobCatalog

#: Between two looks at the jobs that somebody waits for.
LOOK_SECONDS = 0.05


@dataclass(eq=False)
class Watched:
    """A job as one request follows it; only the latest news is kept, however slowly the client reads."""

    key: str
    #: None: there is no such job, or none any more.
    job: Job | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    #: Whether the catalogue was read at all.
    is_known: bool = False

    def tell(self, job: Job | None) -> None:
        """Take the news, if it is some."""
        if not self.is_known or job != self.job:
            self.job, self.is_known = job, True
            self.news.set()

    async def next(self, seconds: float) -> bool:
        """Wait for news for so long at most; whether there is some."""
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return False
        self.news.clear()
        return True


class JobHub:
    """Follows jobs for requests.

    Args:
        catalog: Where jobs are.
        in_thread: Runs a plain function in a thread.
    """

    def __init__(
        self,
        catalog: JobCatalog,
        in_thread: Callable[[Callable[[], dict[str, Job]]], Awaitable[dict[str, Job]]],
    ) -> None:
        self._catalog = catalog
        self._in_thread = in_thread
        self._watched: dict[str, set[Watched]] = {}
        self._task: asyncio.Task[None] | None = None
        #: Whether the service stops, so that nobody waits any longer.
        self.is_over = False

    def watch(self, key: str) -> Watched:
        """Follow a job from now on; end it with `leave`."""
        watched = Watched(key)
        self._watched.setdefault(key, set()).add(watched)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return watched

    def leave(self, watched: Watched) -> None:
        """Follow it no longer."""
        others = self._watched.get(watched.key, set())
        others.discard(watched)
        if not others:
            self._watched.pop(watched.key, None)

    async def until_ended(self, key: str, seconds: float) -> Job | None:
        """The job when it has ended, or as it is after so many seconds; None if it is gone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        watched = self.watch(key)
        try:
            while await watched.next(max(0.0, end - loop.time())):
                if self.is_over or watched.job is None or watched.job.is_ended:
                    break
            return watched.job
        finally:
            self.leave(watched)

    def stop(self) -> None:
        """Let all that wait go, as the service stops."""
        self.is_over = True
        for those in self._watched.values():
            for watched in those:
                watched.news.set()

    @property
    def waiting(self) -> int:
        """How many requests follow jobs."""
        return sum(map(len, self._watched.values()))

    async def _look(self) -> None:
        while self._watched and not self.is_over:
            keys = list(self._watched)
            try:
                found = await self._in_thread(lambda keys=keys: self._catalog.find_jobs(keys))  # type: ignore[misc]
            except StoreError:
                found = None  # it is looked at again
            if found is not None:
                for key in keys:
                    for watched in self._watched.get(key, ()):
                        watched.tell(found.get(key))
            await asyncio.sleep(LOOK_SECONDS)
