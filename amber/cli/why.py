"""`amber why`: where a feature comes from, and what came of it."""

from json import loads
from typing import TYPE_CHECKING, Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit

if TYPE_CHECKING:
    from rich.tree import Tree

    from amber.client import Amber
    from amber.engine.lineage import Lineage
    from amber.store.protocol import Trace

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

#: Branches shown below one feature; the JSON document has them all.
_MOST_BRANCHES = 20


@app.command(rich_help_panel="Features")
def why(
    feature: Annotated[
        str,
        typer.Argument(
            metavar="FEATURE", help="The id that `get` and `show` tell, or six digits or more of it."
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Show what a feature was made from, what was made from it, and why it was computed.

    Example: `amber why 3f2a9c41d0b7`
    """
    from amber.cli.session import opened
    from amber.engine.documents import lineage_document

    with opened() as amber:
        lineage = amber.why(feature)
        if json:
            emit(lineage_document(lineage))
        else:
            _print(amber, lineage)


def _print(amber: "Amber", lineage: "Lineage") -> None:
    from rich.tree import Tree

    from amber.cli.tables import console, print_record
    from amber.wording import age, assignments, duration, size

    trace, cost = lineage.trace, lineage.cost
    titles = {record.asset: record.title for record in amber.assets()}
    print_record(
        [
            ("feature", trace.recipe),
            ("of", " + ".join(titles.get(asset, asset[:12]) for asset in trace.assets)),
            ("computed", f"{age(trace.created_at)}, because: {lineage.reason or 'not recorded'}"),
            ("took", duration(trace.seconds) + (f", {duration(cost.cpu_seconds)} of CPU" if cost else "")),
            ("settings", assignments(loads(trace.settings)) or "none of its own"),
            ("value", f"{trace.value.sha256} ({size(trace.value.size_bytes)})"),
        ]
    )
    console().print()
    below = Tree(f"{trace.algorithm} {trace.version} was made from")
    _add_sources(amber, below, lineage, {trace.recipe})
    console().print(below)
    console().print()
    above = Tree(
        f"{trace.algorithm} {trace.version} was used by" + ("" if lineage.used_by else " nothing yet")
    )
    _add_users(amber, above, lineage, {trace.recipe})
    console().print(above)


def _line(trace: "Trace", parameter: str = "") -> str:
    from amber.wording import age, duration, short

    name = f"{parameter}: " if parameter else ""
    several = f" of {len(trace.assets)} titles" if len(trace.assets) > 1 else ""
    return (
        f"{name}{trace.algorithm} {trace.version}{several} ({short(trace.recipe)}), "
        f"took {duration(trace.seconds)}, {age(trace.created_at)}"
    )


def _add_sources(amber: "Amber", tree: "Tree", lineage: "Lineage", seen: set[str]) -> None:
    """Everything below, each feature unfolded once."""
    for entry in lineage.made_from[:_MOST_BRANCHES]:
        source = lineage.sources.get(entry.recipe) if entry.recipe else None
        if source is None:
            tree.add(f"{entry.parameter}: the asset {entry.label[:12]} itself")
            continue
        if source.recipe in seen:
            tree.add(f"{_line(source, entry.parameter)} (above)")
            continue
        seen.add(source.recipe)
        _add_sources(amber, tree.add(_line(source, entry.parameter)), amber.why(source.recipe), seen)
    _add_rest(tree, len(lineage.made_from))


def _add_users(amber: "Amber", tree: "Tree", lineage: "Lineage", seen: set[str]) -> None:
    """Everything above, each feature unfolded once."""
    for user in lineage.used_by[:_MOST_BRANCHES]:
        if user.recipe in seen:
            tree.add(f"{_line(user)} (above)")
            continue
        seen.add(user.recipe)
        _add_users(amber, tree.add(_line(user)), amber.why(user.recipe), seen)
    _add_rest(tree, len(lineage.used_by))


def _add_rest(tree: "Tree", number: int) -> None:
    if number > _MOST_BRANCHES:
        tree.add(f"… {number - _MOST_BRANCHES} more; --json lists all")
