"""`amber show`: one asset."""

from json import loads
from typing import TYPE_CHECKING

import typer

from amber.cli.options import AssetArgument, JsonOption
from amber.cli.output import emit

if TYPE_CHECKING:
    from amber.store.protocol import AssetRecord, Location, Trace

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Library")
def show(asset: AssetArgument, json: JsonOption = False) -> None:
    """Show one asset: what it is, where it was seen, its labels, and the features stored for it.

    Example: `amber show bbb`
    """
    from amber.cli.session import find_assets, opened
    from amber.cli.watching import watching
    from amber.engine.documents import shown_document

    with opened() as amber:
        with watching(as_json=json) as watcher:
            (record,) = find_assets(amber, [asset], None, watcher)
        locations = amber.store.catalog.locations(record.asset)
        features = amber.features(record)
    if json:
        emit(shown_document(record, locations, features))
    else:
        _print(record, locations, features)


def _print(record: "AssetRecord", locations: list["Location"], features: list["Trace"]) -> None:
    from amber.cli.tables import console, print_record, print_table
    from amber.wording import age, assignments, duration, short, size

    rate = f"{float(record.rate):.3f} frames/s" if record.rate else "variable rate"
    frames = f"{record.frame_count:,} frames, {rate}" if record.frame_count else "sound alone"
    print_record(
        [
            ("title", record.title),
            ("asset", record.asset[:32] + " " + record.asset[32:]),
            ("duration", f"{duration(record.duration_seconds)}, {frames}"),
            *([("picture", f"{record.width}×{record.height}")] if record.frame_count else []),
            *((name, value) for name, value in record.facts.items() if value not in (None, "", 0)),
            *([("partial", "only a part of it can be read")] if record.partial else []),
            ("labels", dict(record.labels)),
            ("added", age(record.added_at)),
        ]
    )
    console().print()
    print_table(
        ["location", "size", "seen", "metadata"],
        [[at.uri, size(at.size_bytes), age(at.seen_at), dict(at.metadata)] for at in locations],
    )
    if not features:
        console().print("no features are stored for it yet; `amber get ALGORITHM ASSET` computes one")
        return
    console().print()
    print_table(
        ["feature", "algorithm", "version", "settings", "titles", "size", "took", "stored"],
        [
            [
                short(trace.recipe),
                trace.algorithm,
                trace.version,
                assignments(loads(trace.settings)) or "–",
                len(trace.assets),
                size(trace.value.size_bytes),
                duration(trace.seconds),
                age(trace.created_at),
            ]
            for trace in features
        ],
    )
