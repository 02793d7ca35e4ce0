"""Who may compute now on a machine: decided from what waits, what runs, and what the machine has. No I/O."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from amber.store.jobs import WAITED

#: What somebody computed counts half as much after so many seconds.
HALF_LIFE_SECONDS = 600.0
#: Who waits and has not looked for so long stands still, and nobody waits behind it.
STILL_SECONDS = 5.0


@dataclass(frozen=True)
class Requester:
    """On whose behalf a step is computed."""

    #: A person, or the name of an access token.
    name: str = ""
    #: See amber.store.jobs: who waits goes before a backfill.
    priority: int = WAITED


@dataclass(frozen=True)
class Resources:
    """What one step takes."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.cpus + other.cpus, self.gpus + other.gpus, self.memory_bytes + other.memory_bytes
        )

    def fits(self, within: "Resources") -> bool:
        """Whether there is as much of everything; sums of fractions may miss by a little."""
        return (
            self.cpus <= within.cpus + 1e-9
            and self.gpus <= within.gpus + 1e-9
            and self.memory_bytes <= within.memory_bytes
        )


@dataclass(frozen=True)
class Capacity:
    """What steps may take together on a machine, and how many of an algorithm at once."""

    resources: Resources
    #: Algorithm → how many of its steps may be computed at once.
    concurrency: Mapping[str, int] = field(default_factory=dict)

    def bounded(self, wanted: Resources) -> Resources:
        """What a step takes here: who wants more processors or accelerators than there are takes all of them."""
        there = self.resources
        return Resources(min(wanted.cpus, there.cpus), min(wanted.gpus, there.gpus), wanted.memory_bytes)


@dataclass(frozen=True)
class Ticket:
    """A step that waits to be computed, or is computed."""

    id: str
    #: The process, as owners of leases are written.
    owner: str
    algorithm: str
    recipe: str
    wants: Resources
    requester: Requester
    #: Seconds of the machine's clock: when it came, when it last looked, and when it began (0: it waits).
    came: float
    looked: float
    began: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether it is computed."""
        return self.began > 0


@dataclass(frozen=True)
class Used:
    """What a requester has used of a machine lately, in processor seconds that count less as time goes by."""

    cpu_seconds: float = 0.0
    at: float = 0.0

    def by(self, now: float) -> float:
        """What still counts of it."""
        return float(self.cpu_seconds * 0.5 ** (max(0.0, now - self.at) / HALF_LIFE_SECONDS))

    def after(self, ticket: Ticket, now: float) -> "Used":
        """With a step that ends now."""
        return Used(self.by(now) + _spent(ticket, now), now)


def _spent(ticket: Ticket, now: float) -> float:
    return max(ticket.wants.cpus, 0.01) * max(0.0, now - ticket.began)


def total(tickets: Iterable[Ticket]) -> Resources:
    """What these take together."""
    taken = Resources(0.0, 0.0, 0)
    for ticket in tickets:
        taken = taken + ticket.wants
    return taken


def ranked(tickets: Sequence[Ticket], used: Mapping[str, Used], now: float) -> list[Ticket]:
    """Those that wait, in the order in which they may begin.

    The more urgent first; of equally urgent ones those of whoever used the least lately; of those the longest waiting.
    """
    load = {name: one.by(now) for name, one in used.items()}
    for ticket in tickets:
        if ticket.runs:
            name = ticket.requester.name
            load[name] = load.get(name, 0.0) + _spent(ticket, now)
    waiting = [ticket for ticket in tickets if not ticket.runs and now - ticket.looked < STILL_SECONDS]
    return sorted(
        waiting, key=lambda t: (-t.requester.priority, load.get(t.requester.name, 0.0), t.came, t.id)
    )


def admitted(
    tickets: Sequence[Ticket], capacity: Capacity, used: Mapping[str, Used], now: float
) -> Collection[str]:
    """The ids of those that wait and may begin now.

    Nobody overtakes a step for which there is no room yet, so large steps are not starved by small ones.
    A step whose algorithm is computed as often as is allowed lets others pass.
    A step that runs alone always may: that it is not too large for the machine is seen to before.
    """
    running = [ticket for ticket in tickets if ticket.runs]
    taken = total(running)
    counts = _counts(running)
    begin: set[str] = set()
    for ticket in ranked(tickets, used, now):
        most = capacity.concurrency.get(ticket.algorithm)
        if most is not None and counts.get(ticket.algorithm, 0) >= most:
            continue
        if not (taken + ticket.wants).fits(capacity.resources) and (running or begin):
            break
        begin.add(ticket.id)
        taken = taken + ticket.wants
        counts[ticket.algorithm] = counts.get(ticket.algorithm, 0) + 1
    return begin


def _counts(tickets: Iterable[Ticket]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for ticket in tickets:
        counts[ticket.algorithm] = counts.get(ticket.algorithm, 0) + 1
    return counts


def promoted(tickets: Iterable[Ticket], recipe: str, priority: int) -> Iterator[Ticket]:
    """The tickets, those that wait to compute a recipe as urgent as whoever now waits for it."""
    for ticket in tickets:
        if ticket.recipe == recipe and not ticket.runs and ticket.requester.priority < priority:
            yield replace(ticket, requester=Requester(ticket.requester.name, priority))
        else:
            yield ticket
