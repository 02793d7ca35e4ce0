"""`amber plan`: what `get` would do."""

from typing import TYPE_CHECKING

import typer

from amber.cli.options import (
    AlgorithmArgument,
    AssetsArgument,
    JsonOption,
    SetOption,
    UseOption,
    VersionOption,
    WhereOption,
)
from amber.cli.output import emit, say

if TYPE_CHECKING:
    from amber.plan import Plan, PlannedStep

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

_STYLES = {"hit": "green", "miss": "yellow", "depends": "cyan"}


@app.command(rich_help_panel="Features")
def plan(
    algorithm: AlgorithmArgument,
    assets: AssetsArgument = None,
    where: WhereOption = None,
    version: VersionOption = None,
    settings: SetOption = None,
    use: UseOption = None,
    json: JsonOption = False,
) -> None:
    """Say what `get` would do, step for step, and do nothing.

    A step is a *hit* (stored), a *miss* (will be computed), or it *depends* (computed only if its inputs come out new).

    Example: `amber plan match_pairs bbb --set duplicate_groups.min_cosine=0.9`
    """
    from amber.cli.session import Wanted, opened
    from amber.cli.watching import watching
    from amber.engine.documents import plan_document

    wanted = Wanted(algorithm, assets or (), where, version, settings, use)
    with opened() as amber:
        with watching(as_json=json) as watcher:
            asks = wanted.asks(amber, watcher)
        planned = amber.engine.plan(asks)
        titles = {record.asset: record.title for record in amber.assets()} if not json else {}
    if json:
        emit(plan_document(planned))
    else:
        _print(planned, titles)


def _print(planned: "Plan", titles: dict[str, str]) -> None:
    from rich.text import Text

    from amber.cli.tables import print_table

    is_for_several = len({asset for step in planned.steps for asset in step.step.assets}) > 1
    headers = ["step", *(["of"] if is_for_several else []), "mark", "reason", "expected"]
    print_table(
        headers,
        [
            [
                step.step.algorithm,
                *(
                    [" + ".join(titles.get(asset, asset[:12]) for asset in step.step.assets)]
                    if is_for_several
                    else []
                ),
                Text(step.mark, style=_STYLES[step.mark]),
                step.reason,
                _expected(step),
            ]
            for step in planned.steps
        ],
    )
    say(_summary(planned))


def _expected(step: "PlannedStep") -> str:
    from amber.wording import duration

    if step.mark == "hit":
        return "–"
    return duration(step.seconds) if step.seconds is not None else "never measured"


def _summary(planned: "Plan") -> str:
    from amber.wording import counted, duration

    counts = {mark: len(planned.marked(mark)) for mark in ("hit", "miss", "depends")}
    if counts["hit"] == len(planned.steps):
        return "nothing to compute"
    parts = [f"{counted(counts['miss'], 'step')} to compute"]
    if counts["depends"]:
        parts.append(f"{counts['depends']} that depend{'s' if counts['depends'] == 1 else ''}")
    if counts["hit"]:
        parts.append(f"{counts['hit']} stored")
    unmeasured = sum(step.seconds is None for step in planned.steps)
    known = f"about {duration(planned.seconds)}" if planned.seconds else ""
    unknown = f"{counted(unmeasured, 'step')} never measured" if unmeasured else ""
    return f"{', '.join(parts)}; {' and '.join(filter(None, (known, unknown))) or 'no time at all'}"
