"""Words to shots: the shots of one title, of several, or of the whole library that fit some words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from amber.engine.ask import Ask, Feature
from amber.engine.engine import Engine
from amber.engine.events import Listener, silent
from amber.errors import AlgorithmNotFoundError, AssetNotFoundError, UsageError
from amber.registry import Registry
from amber.store.protocol import AssetRecord

#: How words are compared with shots → the algorithm that lists shots best first; it has the settings `text` and `depth`.
SEARCHES: Mapping[str, str] = {"labels": "search_labels", "clip": "search_clip"}
DEFAULT = "labels"
#: Shots that are listed unless told otherwise; up to the second number the same feature answers.
TOP, DEPTH = 20, 100


@dataclass(frozen=True)
class SearchAsk:
    """What is looked for, and where."""

    text: str
    assets: tuple[str, ...]
    by: str = DEFAULT
    top: int = TOP
    #: Of the algorithm that searches and of what it is made from.
    settings: Mapping[str, object] = field(default_factory=dict)
    #: Result type's name → algorithm that shall produce it.
    use: Mapping[str, str] = field(default_factory=dict)
    #: Only in titles of which everything is stored already; nothing is computed of the others.
    ready: bool = False


@dataclass(frozen=True)
class FoundShot:
    """A shot that fits."""

    #: Its place, from 1.
    rank: int
    score: float
    asset: str
    title: str
    #: Its index in the list of shots, from 0.
    shot: int
    #: Frame indices, half-open.
    start: int
    end: int
    start_seconds: float
    end_seconds: float
    #: What of it says most for it, in words; None where the search has no words for that.
    label: str | None = None


@dataclass(frozen=True)
class Found:
    """The best shots, in order."""

    text: str
    by: str
    #: The stored list that these are a part of.
    feature: Feature
    #: The titles that were searched.
    titles: Mapping[str, AssetRecord]
    shots: tuple[FoundShot, ...]

    def __len__(self) -> int:
        return len(self.shots)


def algorithm_of(registry: Registry, by: str) -> str:
    """The algorithm that searches so.

    Raises:
        AlgorithmNotFoundError: There is no such search, or its algorithm is not loaded.
    """
    there = [name for name, algorithm in SEARCHES.items() if algorithm in registry.names()]
    if by not in there:
        missing = f" (its algorithm {SEARCHES[by]!r} is not loaded)" if by in SEARCHES else ""
        raise AlgorithmNotFoundError(f"no search by {by!r}{missing}; there are: {', '.join(there) or 'none'}")
    return SEARCHES[by]


def ask_of(engine: Engine, ask: SearchAsk) -> Ask:
    """The ask for the list of shots that a search is a part of: of all titles, or of those that are ready.

    Raises:
        UsageError: It says nothing to look for, or no place among so many.
        AlgorithmNotFoundError: There is no such search.
        AssetNotFoundError: There is no title to search, or none that is ready.
    """
    algorithm = algorithm_of(engine.registry, ask.by)
    if not ask.text.strip():
        raise UsageError("say what to look for; the text is empty")
    if ask.top < 1:
        raise UsageError(f"the number of shots must be 1 or more; found {ask.top}")
    if not ask.assets:
        raise AssetNotFoundError("there is no title to search; `amber ingest` brings some")
    own = {f"{algorithm}.text": ask.text.strip(), f"{algorithm}.depth": max(ask.top, DEPTH)}
    wanted = Ask(algorithm, ask.assets, None, {**own, **ask.settings}, ask.use)
    if not ask.ready:
        return wanted
    steps = [one for one in engine.plan([wanted]).steps if one.step.algorithm != algorithm]
    lacking = {asset for one in steps if one.mark != "hit" for asset in one.step.assets}
    ready = tuple(asset for asset in ask.assets if asset not in lacking)
    if not ready:
        described = ", ".join(sorted({one.step.algorithm for one in steps if one.mark != "hit"}))
        raise AssetNotFoundError(
            f"none of {len(ask.assets)} titles is ready for a search by {ask.by}: they lack {described}; "
            "a search that is not for ready titles alone computes that"
        )
    return Ask(algorithm, ready, None, wanted.settings, ask.use)


def search(engine: Engine, ask: SearchAsk, listener: Listener = silent) -> Found:
    """The best shots for some words; what is missing is computed, and nothing twice.

    Raises:
        UsageError, AlgorithmNotFoundError, AssetNotFoundError: As `ask_of`.
        ComputeError: The list, or what it is made from, cannot be computed for one of the titles.
    """
    wanted = ask_of(engine, ask)
    feature = engine.get(wanted, listener)
    catalog = engine.store.catalog
    records = [record for asset in wanted.assets if (record := catalog.asset(asset)) is not None]
    return found_in(feature, records, ask)


def found_in(feature: Feature, records: Sequence[AssetRecord], ask: SearchAsk) -> Found:
    """The best rows of the list."""
    titles = {record.asset: record for record in records}
    rows = feature.table.slice(0, ask.top).to_pylist()
    shots = tuple(
        FoundShot(rank=rank, title=titles[row["asset"]].title, label=row.pop("label", None), **row)
        for rank, row in enumerate(rows, start=1)
    )
    return Found(ask.text, ask.by, feature, titles, shots)
