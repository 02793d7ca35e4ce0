"""What is computed on this machine and what waits for it, in a file that all processes of a home share.

A process that dies leaves its tickets behind, and so does one that is stopped; whoever looks next strikes them out.
One that is stopped in the middle of writing holds the file, so nobody waits for that long.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amber.engine.executors.admission import Requester, Resources, Ticket, Used
from amber.engine.leases import host_name, is_dead_or_stopped

#: How long one waits for the file, which others hold for less than a millisecond each; and how long, after that was in vain,
#: one only tries.
HELD_SECONDS, TRIED_SECONDS = 2.0, 5.0


class HeldError(Exception):
    """Somebody holds the ledger and does not go on; nothing is known of the machine then."""


@dataclass
class Page:
    """What the file says."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    #: By requester.
    used: dict[str, Used] = field(default_factory=dict)


class Ledger:
    """The file of one machine; processes that cannot see each other (containers) have one each.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        name = hashlib.sha256(host_name().encode()).hexdigest()[:16]
        self._path = folder / f"{name}.json"
        self._lock = folder / f"{name}.lock"
        #: Of the threads of this process, one at a time waits for the file.
        self._turn = threading.Lock()
        self._only_tries_until = 0.0

    @contextmanager
    def open(self) -> Iterator[Page]:
        """What the file says, without the dead; what is changed within is written, and nobody else writes meanwhile.

        Raises:
            HeldError: Somebody stands still with it.
        """
        with self._turn:
            yield from self._opened()

    def _opened(self) -> Iterator[Page]:
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._hold(lock)
            before = self._read()
            page = _page(before)
            yield page
            after = _text(page)
            if after != before:
                self._write(after)
        finally:
            os.close(lock)

    def _hold(self, lock: int) -> None:
        wait, until = 0.0005, clock() + HELD_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                now = clock()
                if now < self._only_tries_until or now > until:
                    self._only_tries_until = max(self._only_tries_until, now + TRIED_SECONDS)
                    raise HeldError from error
            time.sleep(wait)
            wait = min(2 * wait, 0.01)

    def _read(self) -> str:
        try:
            return self._path.read_text()
        except FileNotFoundError:
            return ""

    def _write(self, text: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.replace(self._path)


def clock() -> float:
    """Seconds of the machine's clock, the same in all of its processes; it never goes back."""
    return time.monotonic()


def _page(text: str) -> Page:
    """What a text says; after a loss of power it may say nothing, and then nobody runs."""
    try:
        document = json.loads(text) if text else {}
        tickets = [_ticket(row) for row in document.get("tickets", [])]
        used = {name: Used(*row) for name, row in document.get("used", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return Page()
    gone = {owner for owner in {ticket.owner for ticket in tickets} if is_dead_or_stopped(owner)}
    return Page({ticket.id: ticket for ticket in tickets if ticket.owner not in gone}, used)


def _ticket(row: dict[str, Any]) -> Ticket:
    return Ticket(**{**row, "wants": Resources(**row["wants"]), "requester": Requester(**row["requester"])})


def _text(page: Page) -> str:
    used = {name: [one.cpu_seconds, one.at] for name, one in page.used.items()}
    return json.dumps({"tickets": [asdict(ticket) for ticket in page.tickets.values()], "used": used})
