"""How many assets stand to a feature at once: in a few set queries, whatever their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amber.engine.engine import State, job_state
from amber.engine.wishes import look
from amber.store.backfills import Wish
from amber.store.jobs import Job

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: Which state says most of an asset, where several features of it are looked at.
_TELLING: tuple[State, ...] = ("absent", "failed", "queued", "running")


@dataclass(frozen=True)
class Standing:
    """How an asset stands to what is looked for."""

    #: Of the first of the algorithms if it is ready, else of the one that says most.
    state: State = "absent"
    #: The job that is in flight, or failed.
    job: Job | None = None


@dataclass(frozen=True)
class Overview:
    """How assets stand to some algorithms."""

    #: Algorithm → the assets whose feature is stored.
    ready: dict[str, set[str]]
    #: Asset → how it stands to the first of the algorithms.
    standings: dict[str, Standing]

    def standing(self, asset: str) -> Standing:
        """How an asset stands; absent, if nothing is known of it."""
        return self.standings.get(asset, Standing())


def overview(engine: "Engine", algorithms: Sequence[str], assets: Sequence[str]) -> Overview:
    """How each of the assets, alone, stands to algorithms with their default settings.

    Bytes of values are not looked at, as a list of all films does not wait for them.

    Args:
        engine: Knows the algorithms.
        algorithms: The one that matters most first.
        assets: Hashes.

    Raises:
        NotFoundError: One of the algorithms is not loaded.
    """
    ready: dict[str, set[str]] = {}
    standings: dict[str, Standing] = {}
    for algorithm in algorithms:
        seen = look(engine, Wish(algorithm), assets)
        ready[algorithm] = {asset for asset, key in seen.keys.items() if key in seen.ready}
        for asset, key in seen.keys.items():
            job = seen.jobs.get(key)
            if job is not None:
                told = Standing(job_state(job), job)
                known = standings.get(asset, Standing())
                standings[asset] = max(known, told, key=lambda one: _TELLING.index(one.state))
    first = ready[algorithms[0]] if algorithms else set()
    for asset in first:
        standings[asset] = Standing("ready")
    return Overview(ready, standings)
