"""What is computed on this machine and what waits for it, in a file that all processes of a home share.

A process that dies leaves its tickets behind; whoever looks next strikes them out.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amber.engine.executors.admission import Requester, Resources, Ticket, Used
from amber.engine.leases import host_name, is_dead


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

    @contextmanager
    def open(self) -> Iterator[Page]:
        """What the file says, without the dead; what is changed within is written, and nobody else writes meanwhile."""
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._read()
            page = _page(before)
            yield page
            after = _text(page)
            if after != before:
                self._write(after)
        finally:
            os.close(lock)

    def tickets(self) -> list[Ticket]:
        """What is computed and what waits."""
        with self.open() as page:
            return list(page.tickets.values())

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
    dead = {owner for owner in {ticket.owner for ticket in tickets} if is_dead(owner)}
    return Page({ticket.id: ticket for ticket in tickets if ticket.owner not in dead}, used)


def _ticket(row: dict[str, Any]) -> Ticket:
    return Ticket(**{**row, "wants": Resources(**row["wants"]), "requester": Requester(**row["requester"])})


def _text(page: Page) -> str:
    used = {name: [one.cpu_seconds, one.at] for name, one in page.used.items()}
    return json.dumps({"tickets": [asdict(ticket) for ticket in page.tickets.values()], "used": used})
