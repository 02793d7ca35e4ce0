"""Asks in flight, in memory."""

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from amber.store.jobs import Finish, Job, Progress
from amber.store.memory_upkeep import MemoryUpkeep


class JobsInMemory(MemoryUpkeep):
    """The part of a catalogue in memory that knows of jobs; every method holds one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._askers: dict[str, set[str]] = {}

    def ask_job(self, job: Job, asker: str) -> Job:
        """See the protocol."""
        with self._lock:
            self._check_none_forgotten(job.assets)
            there = self._jobs.get(job.key)
            if there is None or there.is_ended:
                now = time.time()
                new = job.as_asked()
                fence, revision = (0, 1) if there is None else (there.fence + 1, there.revision + 1)
                there = replace(new, fence=fence, revision=revision, created_at=now, changed_at=now)
                self._jobs[job.key] = there
                self._askers[job.key] = set()
            elif there.priority < job.priority:
                there = self._jobs[job.key] = replace(there, priority=job.priority)
            self._askers[job.key].add(asker)
            return there

    def ask_jobs(self, jobs: Sequence[Job], asker: str) -> list[Job]:
        """See the protocol."""
        return [self.ask_job(job, asker) for job in jobs]

    def job(self, key: str) -> Job | None:
        """See the protocol."""
        with self._lock:
            return self._jobs.get(key)

    def find_jobs(self, keys: Collection[str]) -> dict[str, Job]:
        """See the protocol."""
        with self._lock:
            return {key: self._jobs[key] for key in keys if key in self._jobs}

    def jobs(self, *, after: str = "", limit: int | None = None, ended: bool = True) -> list[Job]:
        """See the protocol."""
        with self._lock:
            found = [self._jobs[key] for key in sorted(self._jobs) if key > after]
        return [job for job in found if ended or not job.is_ended][:limit]

    def count_jobs(self) -> dict[str, int]:
        """See the protocol."""
        counts: dict[str, int] = {}
        for job in self.jobs():
            counts[job.state] = counts.get(job.state, 0) + 1
        return counts

    def askers(self, key: str) -> set[str]:
        """See the protocol."""
        with self._lock:
            return set(self._askers.get(key, ()))

    def withdraw_job(self, key: str, asker: str | None) -> Job | None:
        """See the protocol."""
        with self._lock:
            there = self._jobs.get(key)
            if there is None or there.is_ended:
                return there
            self._askers[key] -= set(self._askers[key]) if asker is None else {asker}
            if self._askers[key]:
                return there
            return self._changed(there, state="cancelled", owner="", fence=there.fence + 1)

    def end_job(self, key: str) -> None:
        """See the protocol."""
        with self._lock:
            self._jobs.pop(key, None)
            self._askers.pop(key, None)

    def prune_jobs(self, seconds: float) -> int:
        """See the protocol."""
        with self._lock:
            since = time.time() - seconds
            old = [job.key for job in self._jobs.values() if job.is_ended and job.changed_at <= since]
            for key in old:
                self.end_job(key)
            return len(old)

    def most_urgent(self, closures: Collection[str]) -> int | None:
        """See the protocol."""
        queued = [job for job in self.jobs() if job.state == "queued" and job.closure in closures]
        return max((job.priority for job in queued), default=None)

    def job_owners(self) -> set[str]:
        """See the protocol."""
        return {job.owner for job in self.jobs() if job.state == "running"}

    def open_jobs(self, dead: Collection[str] = ()) -> list[Job]:
        """See the protocol."""
        first: dict[str, Job] = {}
        for job in self._waiting(dead):
            if job.closure:
                first.setdefault(job.closure, job)
        return list(first.values())

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
        claimed: list[Job] = []
        with self._lock:
            while len(claimed) < most:
                for job in self._ranked(dead):
                    if job.key == key or (key is None and job.closure in closures):
                        now = time.time()
                        claim = {"owner": owner, "expires_at": now + seconds, "started_at": now}
                        begun = self._changed(job, state="running", fence=job.fence + 1, **claim)
                        claimed.append(replace(begun, taken_over=job.state == "running"))
                        break
                else:
                    break
        return claimed

    def renew_jobs(self, claims: Sequence[Job], seconds: float) -> set[str]:
        """See the protocol."""
        with self._lock:
            held = [claim.key for claim in claims if self._standing(claim)]
            for key in held:
                self._jobs[key] = replace(self._jobs[key], expires_at=time.time() + seconds)
            return set(held)

    def tell_job(self, claim: Job, progress: Progress) -> bool:
        """See the protocol."""
        with self._lock:
            there = self._standing(claim)
            return there is not None and bool(self._changed(there, progress=progress))

    def finish_jobs(self, finished: Sequence[Finish]) -> list[bool]:
        """See the protocol."""
        with self._lock:
            return [self._finished(one) for one in finished]

    def _finished(self, one: Finish) -> bool:
        there = self._standing(one.claim)
        if there is None:
            return False
        self._changed(there, owner="", progress=one.told or there.progress, **vars(one.ending))
        if one.asker:
            self._askers[there.key].discard(one.asker)
            if one.ending.state == "ready" and not self._askers[there.key]:
                self.end_job(there.key)
        return True

    def hand_back_job(self, claim: Job) -> bool:
        """See the protocol."""
        with self._lock:
            there = self._standing(claim)
            if there is None:
                return False
            self._changed(there, state="queued", owner="", fence=there.fence + 1)
            return True

    def _clear_failed_jobs(self, asset: str | None) -> None:
        for job in self.jobs():
            if job.state == "failed" and (asset is None or asset in job.assets):
                self.end_job(job.key)

    def _end_jobs_of(self, asset: str) -> None:
        """End the jobs of an asset."""
        for job in self.jobs():
            if asset in job.assets:
                self.end_job(job.key)

    def _waiting(self, dead: Collection[str]) -> list[Job]:
        """What can be claimed, the longest waiting first."""
        now = time.time()
        found = [
            job
            for job in self.jobs()
            if job.state == "queued"
            or (job.state == "running" and (job.expires_at <= now or job.owner in dead))
        ]
        return sorted(found, key=lambda job: (job.created_at, job.key))

    def _ranked(self, dead: Collection[str]) -> list[Job]:
        """What can be claimed, in the order in which it is."""
        running = [job.requester for job in self.jobs() if job.state == "running"]
        return sorted(
            self._waiting(dead), key=lambda job: (-job.priority, running.count(job.requester), job.created_at)
        )

    def _standing(self, claim: Job) -> Job | None:
        there = self._jobs.get(claim.key)
        return there if there and (there.fence, there.state) == (claim.fence, "running") else None

    def _changed(self, job: Job, **changes: Any) -> Job:
        now = replace(job, revision=job.revision + 1, changed_at=time.time(), **changes)
        self._jobs[job.key] = now
        return now
