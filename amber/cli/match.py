"""`amber match`: match cuts that an editor can use."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.options import AssetsArgument, JsonOption, QuietOption, SetOption, UseOption, WhereOption
from amber.cli.output import emit, say, write_bytes
from amber.errors import CutNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.editing.cuts import Cut, Side
    from amber.editing.matching import MatchCuts
    from amber.editing.originals import Original

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

#: The producer whose groups leave out shots without people.
_PEOPLE = {"DuplicateGroups": "people_groups"}

FlavourOption = Annotated[
    str, typer.Option("--flavour", metavar="NAME", help="frame, motion, embedding or combined.")
]
TopOption = Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many cuts.")]
ShowOption = Annotated[
    str,
    typer.Option("--show", metavar="WHICH", help="wanted (all but rejected), all, kept, rejected or open."),
]
MinOption = Annotated[
    float | None, typer.Option("--min-seconds", metavar="SECONDS", help="Only shots that last so long.")
]
MaxOption = Annotated[
    float | None, typer.Option("--max-seconds", metavar="SECONDS", help="Only shots that last no longer.")
]
ApartOption = Annotated[
    float | None,
    typer.Option("--apart-seconds", metavar="SECONDS", help="Only shots of a title that are so far apart."),
]
OtherTitleOption = Annotated[bool, typer.Option("--other-title", help="Only pairs of shots from two titles.")]
PeopleOption = Annotated[bool, typer.Option("--people", help="Only shots with people.")]
SideOption = Annotated[
    float, typer.Option("--side-seconds", metavar="SECONDS", help="How long either side of a cut is shown.")
]
ExportOption = Annotated[
    list[Path] | None,
    typer.Option("--export", metavar="FILE", help="Write the cuts as .otio, .edl or .csv; may be repeated."),
]
PreviewsOption = Annotated[
    Path | None, typer.Option("--previews", metavar="DIR", help="Write one mp4 a cut there.")
]
SheetOption = Annotated[
    Path | None, typer.Option("--sheet", metavar="FILE", help="Draw the cuts side by side as a PNG.")
]
KeepOption = Annotated[
    list[str] | None, typer.Option("--keep", metavar="CUT", help="Keep a cut, by id or rank.")
]
RejectOption = Annotated[
    list[str] | None, typer.Option("--reject", metavar="CUT", help="Show a cut no more, by id or rank.")
]
ReopenOption = Annotated[
    list[str] | None, typer.Option("--reopen", metavar="CUT", help="Take back what was said of a cut.")
]


@app.command(rich_help_panel="Match cuts")
def match(
    assets: AssetsArgument = None,
    where: WhereOption = None,
    flavour: FlavourOption = "embedding",
    top: TopOption = 20,
    show: ShowOption = "wanted",
    min_seconds: MinOption = None,
    max_seconds: MaxOption = None,
    apart_seconds: ApartOption = None,
    other_title: OtherTitleOption = False,
    people: PeopleOption = False,
    settings: SetOption = None,
    use: UseOption = None,
    side_seconds: SideOption = 2.0,
    exports: ExportOption = None,
    previews: PreviewsOption = None,
    sheet: SheetOption = None,
    keep: KeepOption = None,
    reject: RejectOption = None,
    reopen: ReopenOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """List match cuts of one or several titles, best first; what is missing is computed, and nothing twice.

    What a person keeps or rejects is remembered by source frames, so computing again does not lose it.
    Exports refer to the original by location, reel and source time code.

    Example: `amber match sintel --top 10 --export cuts.edl --previews previews --sheet cuts.png`
    """
    from amber.cli.session import pairs

    words = {
        "flavour": flavour,
        "top": top,
        "shown": _shown(show),
        "settings": pairs("--set", settings),
        "use": pairs("--use", use) | (_PEOPLE if people else {}),
        "filters": _given(
            min_seconds=min_seconds,
            max_seconds=max_seconds,
            apart_seconds=apart_seconds,
            other_title_only=other_title or None,
        ),
        "side_seconds": side_seconds,
    }
    files = _Files(exports or (), previews, sheet)
    files.check()
    _answer(words, (assets or (), where), (keep, reject, reopen), files, quiet, json)


def _answer(
    words: dict[str, Any],
    chosen: "tuple[Sequence[str], list[str] | None]",
    said: "tuple[list[str] | None, ...]",
    files: "_Files",
    quiet: bool,
    as_json: bool,
) -> None:
    from amber.cli.session import find_assets, opened
    from amber.cli.watching import watching

    with opened() as amber, watching(quiet=quiet, as_json=as_json) as watcher:
        listed = _Listing(amber, watcher, words)
        listed.check()
        listed.assets = [record.asset for record in find_assets(amber, *chosen, watcher)]
        matches = listed.again()
        judges: tuple[Callable[[Cut], object], ...] = (amber.keep, amber.reject, amber.reopen)
        for names, judge in zip(said, judges, strict=True):
            listed.judge(matches, names or (), judge)
        if any(said):
            matches = listed.again()
        written = files.write(amber, watcher, matches)
    if as_json:
        emit(_document(matches, written))
        return
    _print(matches)
    if not quiet:
        _say(matches, written)


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


class _Listing:
    """A list of cuts that can be made again after something was said of one."""

    def __init__(self, amber: "Amber", watcher: "Watcher", words: dict[str, Any]) -> None:
        self._amber, self._watcher, self._words = amber, watcher, words
        self.assets: list[str] = []

    def check(self) -> None:
        """See that the flavour and its settings are there, before a film is read for them."""
        from amber.editing.flavours import algorithm_of, with_filters

        registry, words = self._amber.registry, self._words
        algorithm = algorithm_of(registry, words["flavour"])
        settings = with_filters(registry, algorithm, words["filters"], words["settings"], words["use"])
        registry.closure(algorithm, settings=settings, use=words["use"])

    def again(self, **other: Any) -> "MatchCuts":
        """The list as it is now."""
        return self._amber.match(*self.assets, **{**self._words, **other}, listener=self._watcher.step)

    def judge(self, matches: "MatchCuts", names: "Sequence[str]", judge: "Callable[[Cut], object]") -> None:
        """Say something of the cuts that are called so in a list, or that are hidden from it."""
        for name in names:
            try:
                cut = matches.find(name)
            except CutNotFoundError:
                everything = self.again(shown="all", top=2 * self._words["top"])
                cut = next((one for one in everything.cuts if one.id == name), None) or matches.find(name)
            judge(cut)


def _shown(word: str) -> Any:
    from typing import get_args

    from amber.editing.matching import Shown

    if word not in get_args(Shown):
        raise UsageError(f"--show takes {', '.join(get_args(Shown))}; found {word!r}")
    return word


@dataclass(frozen=True)
class _Files:
    """The files that are wanted of a list."""

    exports: "Sequence[Path]"
    previews: Path | None
    sheet: Path | None

    def check(self) -> None:
        """See that they can be written, before anything is computed for them.

        Raises:
            UsageError: One cannot.
        """
        from amber.editing.exports import check_export

        for path in self.exports:
            check_export(path)
        if self.previews is not None and self.previews.exists() and not self.previews.is_dir():
            raise UsageError(f"--previews {self.previews}: that is a file; name a folder")
        if self.sheet is not None and self.sheet.suffix.lower() != ".png":
            raise UsageError(f"--sheet {self.sheet}: a sheet is a PNG; name a file that ends in .png")
        if self.sheet is not None and not self.sheet.absolute().parent.is_dir():
            raise UsageError(f"--sheet {self.sheet}: there is no folder {self.sheet.absolute().parent}")

    def write(self, amber: "Amber", watcher: "Watcher", matches: "MatchCuts") -> dict[str, Any]:
        """Write them, each whole or not at all; what was written, and which originals it refers to."""
        written: dict[str, Any] = {"exports": [], "previews": [], "sheet": None}
        originals: dict[str, Original] = {}
        for path in self.exports:
            text, sources = amber.export(matches, path)
            write_bytes(text.encode(), path)
            written["exports"].append(str(path))
            originals.update({source.asset: source for source in sources})
        if self.previews is not None:
            with watcher.task("previews", "cuts") as told:
                done = amber.previews(matches, self.previews, progress=told)
            written["previews"] = [str(path) for path in done]
        if self.sheet is not None and len(matches):
            with watcher.task("sheet", "pictures") as told:
                written["sheet"] = str(amber.sheet(matches, self.sheet, progress=told))
        written["originals"] = list(originals.values())
        return written


def _document(matches: "MatchCuts", written: dict[str, Any]) -> dict[str, Any]:
    return {
        "flavour": matches.ask.flavour,
        "feature": matches.feature.id,
        "state": "ready",
        "pairs": matches.feature.table.num_rows,
        "hit": matches.feature.hit,
        "cuts": [
            {
                "rank": cut.rank,
                "id": cut.id,
                "score": cut.score,
                "state": cut.state,
                "before": _side_document(matches, cut.before),
                "after": _side_document(matches, cut.after),
            }
            for cut in matches.cuts
        ],
        **{name: written[name] for name in ("exports", "previews", "sheet")},
        "originals": [
            {
                "asset": source.asset,
                "location": source.uri,
                "reel": source.reel,
                "rate": str(source.counting.rate) if source.counting else None,
                "start_timecode": source.code(0) if source.counting else None,
                "has_timecode": source.has_timecode,
            }
            for source in written["originals"]
        ],
    }


def _side_document(matches: "MatchCuts", side: "Side") -> dict[str, Any]:
    times = matches.titles[side.asset].times
    return {
        "asset": side.asset,
        "title": side.title,
        "shot": side.shot,
        "shot_start": side.start,
        "shot_end": side.end,
        "start": side.cut_start,
        "end": side.cut_end,
        "start_seconds": times.seconds_at(side.cut_start),
    }


def _print(matches: "MatchCuts") -> None:
    from amber.cli.tables import print_table
    from amber.editing.originals import clock

    if not len(matches):
        return
    several = len(matches.titles) > 1
    title = ["title"] if several else []
    rows = []
    for cut in matches.cuts:
        row: list[object] = [cut.rank, cut.id, f"{cut.score:.3f}", cut.state]
        for side in (cut.before, cut.after):
            about = matches.titles[side.asset]
            codes = [clock(about.times, about.record.rate, frame) for frame in (side.start, side.end - 1)]
            row += [*([side.title] if several else []), side.shot, *codes]
        rows.append(row)
    columns = [*title, "shot", "first frame", "last frame"]
    print_table(["", "cut", "score", "state", *columns, *columns], rows)


def _say(matches: "MatchCuts", written: dict[str, Any]) -> None:
    from amber.wording import counted

    if not matches.feature.table.num_rows:
        say(
            f"no pairs: nothing in {_titles(matches)} can make a match cut by {matches.ask.flavour}; the empty answer is "
            "stored"
        )
    elif not len(matches):
        say(f"none of the {counted(matches.feature.table.num_rows, 'pair')} is {matches.ask.shown}")
    for path in written["exports"]:
        say(f"wrote {path}")
    for source in written["originals"]:
        if not source.has_timecode and source.counting is not None:
            say(f"{source.uri} says no start time code; its codes count from 00:00:00:00")
    if written["previews"]:
        say(f"wrote {counted(len(written['previews']), 'preview')}")
    if written["sheet"]:
        say(f"wrote {written['sheet']}")


def _titles(matches: "MatchCuts") -> str:
    return ", ".join(title.record.title for title in matches.titles.values())
