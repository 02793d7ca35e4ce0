"""The match cuts of titles: pairs from the store, cut to what an editor asks for, with what was said of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Literal

from amber.editing.cuts import SIDE_SECONDS, Cut, Side, first_frames, last_frames, verdict_on
from amber.editing.flavours import DEFAULT, algorithm_of, depth_of, with_filters
from amber.editing.lit import BLACK_RUNS, Run, lit, runs_of
from amber.engine.ask import Ask, Feature
from amber.engine.engine import Engine
from amber.engine.events import Listener, silent
from amber.errors import CutNotFoundError, UsageError
from amber.store.protocol import AssetRecord
from amber.store.verdicts import FrameRange, Verdict

#: Cuts that are shown unless told otherwise.
TOP = 20
#: Which cuts are listed: all but the rejected ones, all, or those of one state.
Shown = Literal["wanted", "all", "kept", "rejected", "open"]
#: Side of a cut, and its shot → the frames that are shown of it, half-open.
_Part = Callable[[str, FrameRange], tuple[int, int]]
#: Told how many of how many are done.
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class MatchAsk:
    """What an editor asks for."""

    #: Asset hashes; several titles are matched with each other and within.
    assets: tuple[str, ...]
    flavour: str = DEFAULT
    top: int = TOP
    #: Of the flavour's algorithm and of what it is made from, as `get` takes them.
    settings: Mapping[str, object] = field(default_factory=dict)
    #: Result type's name → algorithm that shall produce it.
    use: Mapping[str, str] = field(default_factory=dict)
    #: Name → value of settings that say which pairs are listed (`min_seconds`), wherever the flavour has them.
    filters: Mapping[str, object] = field(default_factory=dict)
    shown: Shown = "wanted"
    #: How long either side of a cut is shown.
    side_seconds: float = SIDE_SECONDS


@dataclass(frozen=True)
class Title:
    """A title of the match: what is recorded of it, and its standard form."""

    record: AssetRecord
    #: The value of `standard`: opens the encode, and knows the time of every frame.
    standard: Any
    #: Where it is black, as far as that is known: black at the ends of shots is not shown.
    black: tuple[Run, ...] = ()

    @cached_property
    def times(self) -> Any:
        """The exact time of every frame."""
        return self.standard.times()


@dataclass(frozen=True)
class MatchCuts:
    """The best cuts, in order, with the titles they are from."""

    ask: MatchAsk
    #: The stored pairs that these cuts are a part of.
    feature: Feature
    titles: Mapping[str, Title]
    cuts: tuple[Cut, ...]

    def __len__(self) -> int:
        return len(self.cuts)

    def find(self, name: str) -> Cut:
        """The cut of that id, or of that rank.

        Raises:
            CutNotFoundError: None of these is called so.
        """
        for cut in self.cuts:
            if cut.id == name or str(cut.rank) == name:
                return cut
        there = ", ".join(cut.id for cut in self.cuts[:5])
        raise CutNotFoundError(
            f"no cut {name!r} among the {len(self.cuts)} listed"
            + (f"; the first are {there}" if there else "; the list is empty")
        )


def match(engine: Engine, ask: MatchAsk, listener: Listener = silent) -> MatchCuts:
    """The best cuts that are asked for; pairs that are missing are computed, and nothing twice.

    `depth` of the algorithm is raised only where more cuts are wanted than it lists.

    Raises:
        UsageError: What is asked for cannot be meant.
        AlgorithmNotFoundError: The flavour is not there.
        ComputeError: The pairs, or one of their inputs, cannot be computed.
    """
    pairs, depth = pairs_ask(engine, ask)
    said = engine.store.catalog.verdicts(ask.assets)
    wanted = max(depth, ask.top)
    while True:
        if wanted > depth:
            pairs = _deeper(engine, pairs, wanted)
        feature = engine.get(pairs, listener)
        chosen = _chosen(feature, ask, said)
        # Those that were rejected take places in the list; only as many more are looked at as there can be.
        most = ask.top + len(said)
        if (
            len(chosen) >= ask.top
            or feature.table.num_rows < wanted
            or wanted >= most
            or ask.shown != "wanted"
        ):
            break
        wanted = most
    titles = _titles(engine, ask.assets, listener)
    parts = _parts(titles, ask.side_seconds)
    cuts = tuple(
        _cut(rank, row, verdict, titles, parts) for rank, (row, verdict) in enumerate(chosen, start=1)
    )
    return MatchCuts(ask, feature, titles, cuts)


def pairs_ask(engine: Engine, ask: MatchAsk) -> tuple[Ask, int]:
    """The ask for the stored list of pairs that the cuts are a part of, and how many pairs that lists at most.

    Raises:
        UsageError: What is asked for cannot be meant.
        AlgorithmNotFoundError: The flavour is not there.
    """
    _check(ask)
    algorithm = algorithm_of(engine.registry, ask.flavour)
    settings = with_filters(engine.registry, algorithm, ask.filters, ask.settings, ask.use)
    depth = depth_of(engine.registry, algorithm, settings, ask.use)
    return Ask(algorithm, ask.assets, None, settings, ask.use), depth


def cuts_in(
    feature: Feature, ask: MatchAsk, said: Sequence[Verdict], titles: Mapping[str, Title], *, after: int = 0
) -> tuple[Cut, ...]:
    """The cuts of a list of pairs that is there: those behind the first `after` of them, as many as are asked for."""
    wider = replace(ask, top=after + ask.top)
    chosen = _chosen(feature, wider, said)[after:]
    numbered, parts = enumerate(chosen, start=after + 1), _parts(titles, ask.side_seconds)
    return tuple(_cut(rank, row, verdict, titles, parts) for rank, (row, verdict) in numbered)


def _deeper(engine: Engine, pairs: Ask, depth: int) -> Ask:
    """The ask for a list of so many pairs."""
    settings = {name: value for name, value in pairs.settings.items() if name != "depth"}
    deep = with_filters(engine.registry, pairs.algorithm, {"depth": depth}, settings, pairs.use)
    return Ask(pairs.algorithm, pairs.assets, None, deep, pairs.use)


def _check(ask: MatchAsk) -> None:
    if ask.top < 1:
        raise UsageError(f"the number of cuts must be 1 or more; found {ask.top}")
    if not 0 < ask.side_seconds < float("inf"):
        raise UsageError(f"a side of a cut must last more than 0 seconds; found {ask.side_seconds}")
    if not ask.assets:
        raise UsageError("say of which titles the cuts are wanted")


def _chosen(
    feature: Feature, ask: MatchAsk, said: Sequence[Verdict]
) -> list[tuple[Mapping[str, Any], Verdict | None]]:
    """The best rows of the state that is asked for, each with what was said of it."""
    found: list[tuple[Mapping[str, Any], Verdict | None]] = []
    for row in _rows(feature):
        one, other = (FrameRange(row[f"asset_{s}"], row[f"start_{s}"], row[f"end_{s}"]) for s in "ab")
        verdict = verdict_on(one, other, said) if said else None
        if _is_shown(verdict, ask.shown):
            found.append((row, verdict))
        if len(found) == ask.top:
            break
    return found


def _rows(feature: Feature) -> Any:
    """The pairs, row by row, a few at a time: an ask for ten does not unpack a million."""
    for batch in feature.table.to_batches(max_chunksize=256):
        yield from batch.to_pylist()


def _is_shown(verdict: Verdict | None, shown: Shown) -> bool:
    if shown == "all":
        return True
    if shown == "wanted":
        return verdict is None or verdict.is_kept
    if shown == "open":
        return verdict is None
    return verdict is not None and verdict.is_kept == (shown == "kept")


def _titles(engine: Engine, assets: Sequence[str], listener: Listener) -> dict[str, Title]:
    titles = {}
    for asset in dict.fromkeys(assets):
        record = engine.store.catalog.asset(asset)
        assert record is not None, "pairs were computed of assets that are recorded"
        titles[asset] = title_of(engine, record, listener)
    return titles


def title_of(engine: Engine, record: AssetRecord, listener: Listener = silent) -> Title:
    """A title with its standard form, and where it is black, if an algorithm is loaded that says so.

    Raises:
        ComputeError: One of them cannot be computed.
    """
    standard = engine.get(Ask("standard", (record.asset,)), listener).value
    if BLACK_RUNS not in engine.registry.names():
        return Title(record, standard)
    return Title(record, standard, runs_of(engine.get(Ask(BLACK_RUNS, (record.asset,)), listener).value))


def _parts(titles: Mapping[str, Title], seconds: float) -> _Part:
    """Which frames of a shot are shown at a cut; a shot stands in many pairs, and is looked at once."""

    @cache
    def part(side: str, shot: FrameRange) -> tuple[int, int]:
        chosen = last_frames if side == "a" else first_frames
        title = titles[shot.asset]
        return chosen(title.times, lit(shot, title.black), seconds)

    return part


def _cut(
    rank: int, row: Mapping[str, Any], verdict: Verdict | None, titles: Mapping[str, Title], part: _Part
) -> Cut:
    """The cut of a row: from its first shot to its second."""
    sides = []
    for side in "ab":
        title = titles[row[f"asset_{side}"]]
        shot = FrameRange(row[f"asset_{side}"], row[f"start_{side}"], row[f"end_{side}"])
        start, end = part(side, shot)
        sides.append(
            Side(shot.asset, title.record.title, row[f"shot_{side}"], shot.start, shot.end, start, end)
        )
    return Cut(rank, float(row["score"]), sides[0], sides[1], verdict)
