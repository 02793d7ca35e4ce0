"""`amber costs`: what was spent and what was saved."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def costs(
    algorithm: Annotated[
        str | None, typer.Argument(metavar="[ALGORITHM]", help="Of this one; of all, unless given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what computing took and what stored features saved, by algorithm, version, requester and kind of machine.

    Saved is what the found steps took once, without what lies below them, so it is the least that was saved.

    Example: `amber costs shots`
    """
    from amber.cli.session import opened
    from amber.engine.savings import costs_document

    with opened() as amber:
        found = [one for one in amber.costs() if algorithm in (None, one.algorithm)]
    document = costs_document(found)
    if json:
        emit(document)
        return
    from amber.cli.tables import print_table
    from amber.wording import size

    headers = [
        "algorithm",
        "version",
        "requester",
        "machine",
        "computed",
        "seconds",
        "CPU s",
        "most memory",
        "read",
    ]
    rows = [
        [
            one.algorithm,
            one.version,
            one.requester,
            one.machine,
            one.computed,
            f"{one.seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
            size(one.peak_memory_bytes),
            size(one.bytes_read),
            one.hits,
            f"{one.saved_seconds:.1f}",
            size(one.saved_bytes),
        ]
        for one in found
    ]
    print_table([*headers, "found", "saved s", "saved"], rows)
    saved = size(sum(one.saved_bytes for one in found))
    say(f"{document['seconds']:.1f} s spent; {document['saved_seconds']:.1f} s and {saved} of values saved")
