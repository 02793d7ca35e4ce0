"""`amber label`: titles and labels, which are in no key."""

from typing import Annotated

import typer

from amber.cli.options import AssetArgument, JsonOption
from amber.cli.output import emit, say
from amber.errors import UsageError

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Library")
def label(
    asset: AssetArgument,
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="LABEL=VALUE…", help="LABEL= removes a label.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Call the asset so.")] = None,
    json: JsonOption = False,
) -> None:
    """Set labels and the title of an asset; nothing is computed again for it.

    Example: `amber label bbb genre=animation year=2008 --title "Big Buck Bunny"`
    """
    from amber.cli.session import find_assets, opened, pairs
    from amber.cli.watching import watching
    from amber.engine.documents import asset_document

    given = {name: value or None for name, value in pairs("a label", labels).items()}
    if not given and title is None:
        raise UsageError("say a label as LABEL=VALUE, or a title with --title TEXT")
    with opened() as amber:
        with watching(as_json=json) as watcher:
            (found,) = find_assets(amber, [asset], None, watcher)
        record = amber.label(found, given, title=title)
    if json:
        emit(asset_document(record))
        return
    listed = ", ".join(f"{name}={value}" for name, value in sorted(record.labels.items())) or "no labels"
    say(f"{record.title} ({record.asset[:12]}): {listed}")
