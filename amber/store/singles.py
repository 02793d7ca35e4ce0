"""What is done to one row at a time: the set of one."""

from abc import abstractmethod
from collections.abc import Collection, Sequence

from amber.errors import AmberError
from amber.store.jobs import Ending, Finish, Job
from amber.store.records import Commit, Failure, Lease, LeaseAsk, Link, NewTrace, Trace


class Singles:
    """The part of a catalogue that follows from what it does with sets."""

    @abstractmethod
    def link_all(self, links: Sequence[Link]) -> list[bool]:
        """See the protocol."""

    @abstractmethod
    def commit_all(self, commits: Sequence[Commit]) -> list[Trace | AmberError]:
        """See the protocol."""

    @abstractmethod
    def take_leases(
        self, asked: Sequence[LeaseAsk], owner: str, seconds: float
    ) -> list[Lease | AmberError | None]:
        """See the protocol."""

    @abstractmethod
    def failures(self, recipes: Sequence[str]) -> dict[str, Failure]:
        """See the protocol."""

    @abstractmethod
    def claim_jobs(
        self,
        owner: str,
        seconds: float,
        *,
        most: int,
        key: str | None = None,
        closures: Collection[str] = (),
        dead: Collection[str] = (),
    ) -> list[Job]:
        """See the protocol."""

    @abstractmethod
    def finish_jobs(self, finished: Sequence[Finish]) -> list[bool]:
        """See the protocol."""

    def link(self, key: str, recipe: str, epoch: int) -> bool:
        """See the protocol."""
        return self.link_all([Link(key, recipe, epoch)])[0]

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        """See the protocol."""
        [answer] = self.commit_all([Commit(lease, new, key, epoch, lost)])
        if isinstance(answer, AmberError):
            raise answer
        return answer

    def take_lease(
        self,
        recipe: str,
        owner: str,
        seconds: float,
        *,
        assets: Sequence[str] = (),
        despite_fence: int | None = None,
    ) -> Lease | None:
        """See the protocol."""
        [answer] = self.take_leases([LeaseAsk(recipe, tuple(assets), despite_fence)], owner, seconds)
        if isinstance(answer, AmberError):
            raise answer
        return answer

    def failure(self, recipe: str) -> Failure | None:
        """See the protocol."""
        return self.failures([recipe]).get(recipe)

    def claim_job(
        self,
        owner: str,
        seconds: float,
        *,
        key: str | None = None,
        closures: Collection[str] = (),
        dead: Collection[str] = (),
    ) -> Job | None:
        """See the protocol."""
        claimed = self.claim_jobs(owner, seconds, most=1, key=key, closures=closures, dead=dead)
        return claimed[0] if claimed else None

    def finish_job(self, claim: Job, ending: Ending, *, asker: str = "") -> bool:
        """See the protocol."""
        return self.finish_jobs([Finish(claim, ending, asker)])[0]
