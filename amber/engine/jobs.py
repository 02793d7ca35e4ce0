"""Jobs by the names that people give them, and those that failed, once more."""

from collections.abc import Sequence

from amber.engine.claims import JOBS
from amber.errors import JobNotFoundError
from amber.store.jobs import Job, JobCatalog
from amber.store.protocol import Store


def find_job(catalog: JobCatalog, name: str) -> Job:
    """The job whose id is, or begins with, `name` (six digits or more).

    Raises:
        JobNotFoundError: There is none, or there are several.
    """
    name = name.lower()
    found: list[Job] = []
    if 6 <= len(name) <= 64 and not name.strip("0123456789abcdef"):
        before = f"{int(name.ljust(64, '0'), 16) - 1:064x}" if name.strip("0") else ""
        found = [job for job in catalog.jobs(after=before, limit=2) if job.key.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise JobNotFoundError(f"several jobs begin with {name!r}; say more digits")
    raise JobNotFoundError(f"there is no job {name!r}; `amber jobs --all` lists those that are known")


def ask_again(store: Store, failed: Sequence[Job], asker: str) -> int:
    """Ask for what failed jobs were asked for, after their failures were forgotten, and tell the workers; how many there were.

    What an embedded ask wanted is not asked for, as no worker may take it.
    """
    wanted = [job.as_asked() for job in failed if job.closure]
    if wanted:
        store.catalog.ask_jobs(wanted, asker)
        store.wakeups.publish(JOBS)
    return len(wanted)
