"""Asks in flight: what a job is, and what a catalogue does with them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

#: `cancelled`: nobody who asked for it wants it any more.
JobState = Literal["queued", "running", "ready", "failed", "cancelled"]
#: Nothing more happens to a job in one of these, unless it is asked for again.
ENDED: tuple[JobState, ...] = ("ready", "failed", "cancelled")
#: How urgent a job is: nobody waits for it (a backfill, a standing order), or somebody does. The larger goes first.
BACKGROUND, WAITED = 0, 1


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    #: Algorithm of the step that is being computed or waited for; empty before the first one.
    step: str = ""
    done: int = 0
    #: 0 is unknown.
    total: int = 0
    #: What is counted.
    unit: str = ""
    #: Steps that are ready, and steps that there are.
    steps_done: int = 0
    steps_total: int = 0
    #: Expected wall seconds until it is ready, from measured history; None if they are not known.
    remaining_seconds: float | None = None


@dataclass(frozen=True)
class Job:
    """One ask in flight, or what became of it; there is one for each resolved key."""

    #: The resolved key; the job's id.
    key: str
    algorithm: str
    assets: tuple[str, ...]
    state: JobState = "queued"
    #: Who works on it, see amber.engine.leases; empty while nobody does.
    owner: str = ""
    #: When the owner's claim ends without a heartbeat.
    expires_at: float = 0.0
    #: Rises with each claim and when it is cancelled; who has an older one is no longer heard.
    fence: int = 0
    #: Digest of the closure that a worker must have loaded; empty for what no worker may take.
    closure: str = ""
    #: That closure, and the generations that the ask sees, as JSON; see amber.engine.orders.
    order: str = ""
    progress: Progress = Progress()
    #: For a ready job: the feature's id, and what was computed for it as a JSON list.
    recipe: str = ""
    made: str = "[]"
    #: For a failed job: name of the error's class and its sentence.
    error: str = ""
    message: str = ""
    #: How urgent it is, and on whose behalf it is done: of several askers the most urgent, and the first.
    priority: int = WAITED
    requester: str = ""
    #: Rises with each change.
    revision: int = 0
    #: Seconds since 1970 when it was asked for, when work on it began (0: not yet), and when it changed last.
    created_at: float = 0.0
    started_at: float = 0.0
    changed_at: float = 0.0
    #: Of a claim: whether somebody had it before, who did not give it back.
    taken_over: bool = field(default=False, compare=False)

    def as_asked(self) -> "Job":
        """What is asked for, without what became of it."""
        asked = (self.key, self.algorithm, self.assets)
        whose = {"priority": self.priority, "requester": self.requester}
        return Job(*asked, closure=self.closure, order=self.order, **whose)  # type: ignore[arg-type]

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED


@dataclass(frozen=True)
class Ending:
    """What became of a job."""

    state: Literal["ready", "failed"]
    recipe: str = ""
    made: str = "[]"
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class Finish:
    """What became of a claimed job."""

    claim: Job
    ending: Ending
    #: Who asked for it and knows already; empty for nobody.
    asker: str = ""
    #: How far it was in the end; as it was told last, unless given.
    told: Progress | None = None


class JobCatalog(Protocol):
    """Rows about asks in flight. Every method is one transaction."""

    def ask_job(self, job: Job, asker: str) -> Job:
        """Ask for a job: it is queued where there is none or the one there has ended, else joined; the job as it stands.

        Args:
            job: What is asked for; its state and progress are not looked at.
            asker: Who asks; asking twice is asking once.

        Raises:
            AssetForgottenError: One of its assets was taken down.
        """

    def ask_jobs(self, jobs: Sequence[Job], asker: str) -> list[Job]:
        """Ask for many at once, in as few transactions as can be; raises as `ask_job`, and then any of them may be asked for."""

    def job(self, key: str) -> Job | None:
        """The job of a resolved key."""

    def find_jobs(self, keys: Collection[str]) -> dict[str, Job]:
        """Those of the keys that have a job."""

    def jobs(self, *, after: str = "", limit: int | None = None, ended: bool = True) -> list[Job]:
        """Jobs in the order of their keys, from behind `after` on; without those that have ended, unless wanted."""

    def count_jobs(self) -> dict[str, int]:
        """How many there are in each state."""

    def askers(self, key: str) -> set[str]:
        """Who wants a job."""

    def withdraw_job(self, key: str, asker: str | None) -> Job | None:
        """Take back an ask (None: everybody's); a job that nobody wants any more is cancelled. The job as it stands.

        One that has ended stays as it is.
        """

    def end_job(self, key: str) -> None:
        """Remove a job, whatever its state."""

    def prune_jobs(self, seconds: float) -> int:
        """Remove the jobs that ended so many seconds ago or longer; how many there were."""

    # work

    def most_urgent(self, closures: Collection[str]) -> int | None:
        """The highest priority of the queued jobs of these closures; None if there are none."""

    def job_owners(self) -> set[str]:
        """Who works on jobs, the dead included."""

    def open_jobs(self, dead: Collection[str] = ()) -> list[Job]:
        """Of each closure the longest waiting job that can be claimed: queued, its claim expired, or its owner among the dead."""

    def claim_job(
        self,
        owner: str,
        seconds: float,
        *,
        key: str | None = None,
        closures: Collection[str] = (),
        dead: Collection[str] = (),
    ) -> Job | None:
        """Begin work on one job; None if none can be claimed."""

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
        """Begin work on the job of a key, or on the next ones of these closures, in one transaction; as many as there are.

        The more urgent go first, then those of whoever has the fewest at work, those claimed before them counted, then the
        longest waiting.

        Two that claim at once get different jobs.
        """

    def renew_jobs(self, claims: Sequence[Job], seconds: float) -> set[str]:
        """Prolong claims; the keys of those that still stand."""

    def tell_job(self, claim: Job, progress: Progress) -> bool:
        """Record how far a job is; whether the claim still stands."""

    def finish_job(self, claim: Job, ending: Ending, *, asker: str = "") -> bool:
        """Record what became of one job; whether the claim still stood."""

    def finish_jobs(self, finished: Sequence[Finish]) -> list[bool]:
        """Record what became of jobs, in one transaction; of each, whether its claim still stood.

        A ready job that nobody wants but its `asker`, who knows, is removed.
        """

    def hand_back_job(self, claim: Job) -> bool:
        """Let others claim the job; whether the claim still stood."""
