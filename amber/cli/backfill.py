"""`amber backfill`: a feature of many assets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from amber.cli.exits import DONE, FAILED, INTERRUPTED
from amber.cli.options import JsonOption, QuietOption, SetOption, UseOption, VersionOption, WhereOption
from amber.cli.output import emit, say

if TYPE_CHECKING:
    from amber.client import Amber
    from amber.engine.backfill import Forecast
    from amber.store.backfills import Backfill, Wish

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)

#: Failures that are told one by one; `--json` has them all.
_TOLD_FAILURES = 10


def _by_id(name: str, does: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, metavar="ID", help=does)
    return option


@app.command(rich_help_panel="Features")
def backfill(
    algorithm: Annotated[
        str | None, typer.Argument(metavar="ALGORITHM", help="Of which; without it, backfills are listed.")
    ] = None,
    assets: Annotated[
        list[str] | None,
        typer.Option(
            "--assets", metavar="ASSET", help="`all` (as without it), or an asset; may be given often."
        ),
    ] = None,
    where: WhereOption = None,
    version: VersionOption = None,
    settings: SetOption = None,
    use: UseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    canary: Annotated[
        int,
        typer.Option("--canary", metavar="N", min=0, help="So many first; it waits if one of them fails."),
    ] = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, help="Jobs at once, at most.")
    ] = 8,
    rate: Annotated[
        float, typer.Option("--rate", metavar="N", min=0, help="Jobs a second, at most; 0: any number.")
    ] = 0.0,
    background: Annotated[
        bool, typer.Option("--background", help="Only begin it; workers do it, now or when they run.")
    ] = False,
    show: Annotated[str | None, _by_id("--show", "How far it is, and what failed.")] = None,
    pause: Annotated[str | None, _by_id("--pause", "Ask for no more; what was asked for goes on.")] = None,
    resume: Annotated[str | None, _by_id("--resume", "Go on, and wait for it.")] = None,
    cancel: Annotated[str | None, _by_id("--cancel", "End it, and withdraw what was asked for.")] = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Compute a feature of many assets, each alone; what fails is collected and stops nothing.

    Where a worker runs, it does the work, and this waits; else it is done here.
    Killed or interrupted, it goes on with the same command.

    Example: `amber backfill shots --where show=one --dry-run`
    """
    from amber.cli.session import opened

    by_id = {"pause": pause, "cancel": cancel, "resume": resume, "show": show}
    with opened() as amber:
        if algorithm is None:
            raise typer.Exit(_by_name(amber, by_id, quiet, json))
        wish, hashes = _wished(amber, algorithm, assets, where, version, settings, use)
        if dry_run:
            _print_forecast(amber.backfills.plan(wish, hashes), as_json=json)
            return
        begun = amber.backfills.start(wish, hashes, canary=canary, concurrency=concurrency, rate=rate)
        raise typer.Exit(_print(amber, begun, json) if background else _finish(amber, begun, quiet, json))


def _wished(
    amber: "Amber",
    algorithm: str,
    assets: list[str] | None,
    where: list[str] | None,
    version: str | None,
    settings: list[str] | None,
    use: list[str] | None,
) -> "tuple[Wish, list[str] | None]":
    """What is asked for, and of which assets; None: of all that have the labels."""
    from amber.cli.session import pairs
    from amber.store.backfills import Wish

    wish = Wish(algorithm, version, pairs("--set", settings), pairs("--use", use), pairs("--where", where))
    if assets is None or assets == ["all"]:
        return wish, None
    labelled = {record.asset for record in amber.assets(wish.where)}
    hashes = [amber.asset(name).asset for name in assets]
    return wish, [asset for asset in hashes if not wish.where or asset in labelled]


def _by_name(amber: "Amber", by_id: "Mapping[str, str | None]", quiet: bool, as_json: bool) -> int:
    """Do to a backfill what an option says, or list all."""
    named = [(does, name) for does, name in by_id.items() if name is not None]
    if not named:
        _print_all(amber.backfills.all(), as_json=as_json)
        return DONE
    does, name = named[0]
    found = amber.backfills.find(name)
    if does == "resume":
        return _finish(amber, amber.backfills.resume(found.id), quiet, as_json)
    if does != "show":
        found = amber.backfills.pause(found.id) if does == "pause" else amber.backfills.cancel(found.id)
    return _print(amber, found, as_json)


def _finish(amber: "Amber", begun: "Backfill", quiet: bool, as_json: bool) -> int:
    """Wait for it, or do it here; interrupted, it is paused."""
    from amber.cli.watching import watching

    if not quiet and not as_json:
        say(f"backfill {begun.id} of {begun.wish.algorithm}: {begun.total} assets")
    try:
        with (
            watching(quiet=quiet, as_json=as_json) as watcher,
            watcher.task(f"backfill {begun.wish.algorithm}", "assets") as told,
        ):
            ended = amber.backfills.finish(begun.id, lambda now: told(now.total - now.left, now.total))
    except KeyboardInterrupt:
        amber.backfills.pause(begun.id)
        say(f"backfill {begun.id} is paused; `amber backfill --resume {begun.id}` goes on")
        return INTERRUPTED
    return _print(amber, ended, as_json)


def _print(amber: "Amber", one: "Backfill", as_json: bool) -> int:
    from amber.engine.standing_documents import backfill_document

    failures = amber.backfills.failures(one.id)
    if as_json:
        emit(backfill_document(one, failures))
    else:
        say(_told(one))
        for item in failures[:_TOLD_FAILURES]:
            say(f"  {amber.asset(item.asset).title} ({item.asset[:12]}): {item.message}")
        if len(failures) > _TOLD_FAILURES:
            say(
                f"  and {len(failures) - _TOLD_FAILURES} more; `amber backfill --show {one.id} --json` has all"
            )
    return FAILED if failures else DONE


def _told(one: "Backfill") -> str:
    from amber.engine.backfill import eta_seconds
    from amber.wording import duration

    counts = ", ".join(f"{count} {state}" for state, count in one.counts.items())
    hits = f" ({one.hits} were there before)" if one.hits else ""
    left = eta_seconds(one) if one.state == "running" else None
    eta = f"; about {duration(left)} left" if left else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"backfill {one.id} of {one.wish.algorithm} is {one.state}{reason}; {counts}{hits}{eta}"


def _print_forecast(forecast: "Forecast", *, as_json: bool) -> None:
    from amber.engine.standing_documents import forecast_document
    from amber.wording import counted, duration, size

    if as_json:
        emit(forecast_document(forecast))
        return
    unmeasured = f"; {counted(forecast.unmeasured, 'step')} never measured" if forecast.unmeasured else ""
    say(
        f"{counted(forecast.to_compute, 'asset')} to compute, {forecast.hits} there already; "
        f"about {duration(forecast.seconds)} of computing and {size(round(forecast.size_bytes))}{unmeasured}"
    )


def _print_all(found: "list[Backfill]", *, as_json: bool) -> None:
    from amber.engine.standing_documents import backfill_document

    if as_json:
        emit([backfill_document(one) for one in found])
        return
    if not found:
        say("no backfills; `amber backfill ALGORITHM` begins one")
        return
    from amber.cli.tables import print_table

    rows = [
        [
            one.id,
            one.wish.algorithm,
            one.state,
            str(one.counts.get("ready", 0)),
            str(one.counts.get("failed", 0)),
            str(one.left),
        ]
        for one in found
    ]
    print_table(["backfill", "algorithm", "state", "ready", "failed", "left"], rows)
