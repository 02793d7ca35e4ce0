"""`amber search`: words to shots."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.options import JsonOption, QuietOption, SetOption, UseOption, WhereOption
from amber.cli.output import emit, say
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.editing.searching import Found

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What to look for, in English.")]
InOption = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="ASSET", help="Only in this title; may be repeated; in all, unless given."),
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="labels, or clip (needs its weights).")]
TopOption = Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many shots.")]
ReadyOption = Annotated[
    bool,
    typer.Option("--ready", help="Only in titles of which everything is stored; compute nothing of others."),
]
SheetOption = Annotated[
    Path | None, typer.Option("--sheet", metavar="FILE", help="Draw the shots' middle frames as a PNG.")
]
ClipsOption = Annotated[
    Path | None, typer.Option("--clips", metavar="DIR", help="Write one mp4 a shot there.")
]


@app.command(rich_help_panel="Match cuts")
def search(
    text: TextArgument,
    titles: InOption = None,
    where: WhereOption = None,
    by: ByOption = "labels",
    top: TopOption = 20,
    ready: ReadyOption = False,
    settings: SetOption = None,
    use: UseOption = None,
    sheet: SheetOption = None,
    clips: ClipsOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """List the shots of the library that show what the words say, best first; what is missing is computed.

    By default the labels of ImageNet are compared with the words; `--by clip` uses CLIP, whose weights have to be fetched.

    Example: `amber search "a bird on a branch" --top 12 --sheet found.png`
    """
    from amber.cli.session import find_assets, opened, pairs
    from amber.cli.watching import watching
    from amber.editing.searching import algorithm_of

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UsageError(f"--sheet {sheet}: a sheet is a PNG; name a file that ends in .png")
    words: dict[str, Any] = {"settings": pairs("--set", settings), "use": pairs("--use", use)}
    written: dict[str, Any] = {"sheet": None, "clips": []}
    with opened() as amber, watching(quiet=quiet, as_json=json) as watcher:
        algorithm_of(amber.registry, by)  # refused before a film is read for it
        chosen = find_assets(amber, titles or (), where, watcher) if titles or where else []
        found = amber.search(text, *chosen, by=by, top=top, ready=ready, listener=watcher.step, **words)
        if sheet is not None and len(found):
            with watcher.task("sheet", "pictures") as told:
                written["sheet"] = str(amber.shot_sheet(found, sheet, progress=told))
        if clips is not None:
            with watcher.task("clips", "shots") as told:
                written["clips"] = [str(path) for path in amber.clips(found, clips, progress=told)]
    if json:
        emit(_document(found, written))
        return
    _print(found)
    if not quiet:
        _say(found, written)


def _document(found: "Found", written: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": found.text,
        "by": found.by,
        "feature": found.feature.id,
        "state": "ready",
        "hit": found.feature.hit,
        "titles": list(found.titles),
        "shots": [asdict(shot) for shot in found.shots],
        **written,
    }


def _print(found: "Found") -> None:
    from amber.cli.tables import print_table

    if not len(found):
        return
    rows = [
        [
            shot.rank,
            f"{shot.score:.3f}",
            shot.title,
            shot.shot,
            *(f"{seconds:.2f}" for seconds in (shot.start_seconds, shot.end_seconds)),
            shot.label or "–",
        ]
        for shot in found.shots
    ]
    print_table(["", "score", "title", "shot", "start", "end", "says most for it"], rows)


def _say(found: "Found", written: dict[str, Any]) -> None:
    from amber.wording import counted

    searched = counted(len(found.titles), "title")
    if not len(found):
        say(f"nothing in {searched} fits {found.text!r}; the empty answer is stored")
    else:
        say(f"searched {searched} by {found.by}")
    if written["sheet"]:
        say(f"wrote {written['sheet']}")
    if written["clips"]:
        say(f"wrote {counted(len(written['clips']), 'clip')}")
