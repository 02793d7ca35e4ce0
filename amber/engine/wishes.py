"""What is wished for of many assets: what of it is there, and asking for the rest, in sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amber.engine.ask import Ask
from amber.engine.claims import JOBS
from amber.engine.executors.admission import Requester
from amber.engine.orders import job_of
from amber.keys import Closure, Snapshot, Step
from amber.store.backfills import Wish
from amber.store.jobs import BACKGROUND, Job

if TYPE_CHECKING:
    from amber.engine.engine import Engine


@dataclass(frozen=True)
class Look:
    """How assets stand to a wish, under one snapshot."""

    closure: Closure
    snapshot: Snapshot
    #: Asset → the step that is wished for, and its resolved key.
    steps: dict[str, Step]
    keys: dict[str, str]
    #: Resolved key → digest of the value that is there.
    ready: dict[str, str]
    #: Resolved key → the job of what is not there.
    jobs: dict[str, Job]


def closure_of(engine: "Engine", wish: Wish) -> Closure:
    """The wish's algorithms.

    Raises:
        NotFoundError, UsageError: They are not loaded here, or cannot be meant.
    """
    return engine.closure(Ask(wish.algorithm, (), wish.version, wish.settings, wish.use))


def look(engine: "Engine", wish: Wish, assets: Iterable[str]) -> Look:
    """How each of the assets, alone, stands to a wish: a few set queries, whatever their number; raises as `closure_of`."""
    closure, catalog = closure_of(engine, wish), engine.store.catalog
    snapshot = catalog.snapshot()
    steps = {asset: closure.step((asset,)) for asset in assets}
    keys = {asset: closure.resolved_key(step, snapshot) for asset, step in steps.items()}
    ready = catalog.linked_values(list(keys.values()))
    jobs = catalog.find_jobs([key for key in keys.values() if key not in ready])
    return Look(closure, snapshot, steps, keys, ready, jobs)


def ask_for(engine: "Engine", seen: Look, assets: Sequence[str], asker: str, who: str) -> None:
    """Make jobs of what is wished for of these assets, for which nobody waits, and tell the workers."""
    if not assets:
        return
    whose = Requester(who, BACKGROUND)
    jobs = [job_of(seen.closure, seen.steps[asset], seen.snapshot, whose) for asset in assets]
    engine.store.catalog.ask_jobs(jobs, asker)
    engine.store.wakeups.publish(JOBS)
