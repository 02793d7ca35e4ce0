"""Lets steps of this process begin when the machine has room for them."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from pathlib import Path

from amber.engine.executors.admission import (
    Capacity,
    Requester,
    Resources,
    Ticket,
    Used,
    admitted,
    promoted,
)
from amber.engine.executors.ledger import HeldError, Ledger, Page, clock
from amber.engine.leases import owner_name
from amber.settings import Settings

#: Seconds between looks at what other processes do; what this one does is noticed at once.
LOOK_SECONDS = 0.05
#: Seconds between looks while a step waits, in which its asker may change its mind.
TICK_SECONDS = 0.5
#: The part of a machine's memory that steps may take, unless it is said.
_PART_OF_MEMORY = 0.8
#: Whether this thread computes already: what it asks for meanwhile needs no place of its own.
_inside: ContextVar[bool] = ContextVar("amber_inside", default=False)


class Place:
    """A step's place in the queue of its machine, from when it is first wanted to when its value is stored."""

    def __init__(self, gate: "Gate", algorithm: str, recipe: str, wants: Resources) -> None:
        self._gate = gate
        self._ticket = Ticket(
            uuid.uuid4().hex,
            owner_name(),
            algorithm,
            recipe,
            gate.capacity.bounded(wants),
            Requester(),
            0.0,
            0.0,
        )
        self._is_known = False
        self.has_begun = False

    def try_begin(self, requester: Callable[[], Requester]) -> bool:
        """Begin, if there is room and nobody goes before; on whose behalf, as it stands now."""
        if not self.has_begun:
            self._is_known = not _inside.get()
            self.has_begun = not self._is_known or self._gate.look(self._ticket, requester())
        return self.has_begun

    def wait(self, requester: Callable[[], Requester], tick: Callable[[], None]) -> None:
        """Wait until there is room, and begin.

        Args:
            requester: On whose behalf, as it stands now.
            tick: Called now and then; what it raises ends the wait.
        """
        tick_at = clock() + TICK_SECONDS
        while not self.try_begin(requester):
            self._gate.pause()
            if clock() >= tick_at:
                tick()
                tick_at = clock() + TICK_SECONDS

    @contextmanager
    def within(self) -> Iterator[None]:
        """While this thread computes the step."""
        token = _inside.set(True)
        try:
            yield
        finally:
            _inside.reset(token)

    def leave(self) -> None:
        """Give the place up."""
        if self._is_known:
            self._gate.leave(self._ticket)
        self._is_known = self.has_begun = False


class Gate:
    """The queue of this machine, as one engine sees it.

    Args:
        folder: Where the machine's ledger is.
        capacity: What steps may take together; what the machine has, unless given.
    """

    def __init__(self, folder: Path, capacity: Capacity | None = None) -> None:
        self._ledger = Ledger(folder)
        self._capacity = capacity
        self._news = threading.Condition()
        #: Ids of steps that ended and are in the ledger still, and when they ended; opened by one thread at a time.
        self._left: list[tuple[str, float]] = []

    @property
    def capacity(self) -> Capacity:
        """What steps may take together."""
        if self._capacity is None:
            self._capacity = Capacity(machine_resources())
        return self._capacity

    def look(self, ticket: Ticket, requester: Requester) -> bool:
        """Whether a step may begin; it then has, else it waits."""
        try:
            with self._open() as page:
                return _take(page, ticket, requester, self.capacity)
        except HeldError:
            return True  # better more than the machine has room for than nothing

    def leave(self, ticket: Ticket) -> None:
        """Forget a step, and count what it took; where the ledger is held, whoever of this process opens it next does."""
        self._left.append((ticket.id, clock()))
        with suppress(HeldError), self._open():
            pass
        with self._news:
            self._news.notify_all()

    @contextmanager
    def _open(self) -> Iterator[Page]:
        with self._ledger.open() as page:
            while self._left:
                name, left_at = self._left.pop()
                gone = page.tickets.pop(name, None)
                if gone is not None and gone.runs:
                    _count(page, gone, left_at)
            yield page

    def promote(self, recipe: str, requester: Requester) -> None:
        """Make a step that waits as urgent as whoever now waits for it."""
        with suppress(HeldError), self._open() as page:
            there = promoted(list(page.tickets.values()), recipe, requester.priority)
            page.tickets = {ticket.id: ticket for ticket in there}

    def tickets(self) -> list[Ticket]:
        """What is computed and what waits, of all processes of the machine; nothing where that cannot be known now."""
        with suppress(HeldError), self._open() as page:
            return list(page.tickets.values())
        return []

    def pause(self) -> None:
        """Wait for news of this process, or a moment."""
        with self._news:
            self._news.wait(LOOK_SECONDS)


def _take(page: Page, ticket: Ticket, requester: Requester, capacity: Capacity) -> bool:
    """Whether a step may begin, by what the ledger says; it then has, else it waits."""
    now, known = clock(), page.tickets.get(ticket.id)
    if known is not None:
        requester = Requester(requester.name, max(known.requester.priority, requester.priority))
    came = known.came if known is not None else now
    mine = replace(ticket, requester=requester, came=came, looked=now)
    page.tickets[ticket.id] = mine
    if ticket.id not in admitted(list(page.tickets.values()), capacity, page.used, now):
        return False
    page.tickets[ticket.id] = replace(mine, began=now)
    return True


def _count(page: Page, gone: Ticket, now: float) -> None:
    name = gone.requester.name
    page.used[name] = page.used.get(name, Used()).after(gone, now)
    page.used = {name: used for name, used in page.used.items() if used.by(now) > 0.01}


@cache
def machine_resources() -> Resources:
    """What this machine, or the container that this process is in, has for steps."""
    return Resources(float(_cpus()), float(_gpus()), int(_memory_bytes() * _PART_OF_MEMORY))


def capacity_of(cpus: int, gpus: int, memory_bytes: int, concurrency: Mapping[str, int]) -> Capacity:
    """The capacity that settings say; 0 stands for what the machine has."""
    there = machine_resources()
    return Capacity(
        Resources(float(cpus) or there.cpus, float(gpus) or there.gpus, memory_bytes or there.memory_bytes),
        concurrency,
    )


def capacity_said(settings: Settings) -> Capacity | None:
    """What the settings say of this machine; None where they say nothing, so that nobody looks before it matters."""
    if not (settings.cpus or settings.gpus or settings.memory_bytes or settings.concurrency):
        return None
    return capacity_of(settings.cpus, settings.gpus, settings.memory_bytes, settings.concurrency)


def _cpus() -> float:
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:
        there = os.cpu_count() or 1
    quota, _, period = _text("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdecimal() and period.strip().isdecimal():
        return max(1.0, min(there, int(quota) / int(period)))
    return float(there)


def _gpus() -> int:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return len([one for one in named.split(",") if one.strip() not in ("", "-1")])
    try:
        return sum(name.startswith("nvidia") and name[6:].isdecimal() for name in os.listdir("/dev"))
    except OSError:
        return 0


def _memory_bytes() -> int:
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _text("/sys/fs/cgroup/memory.max").strip()
    return min(there, int(limit)) if limit.isdecimal() else there


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
