"""`amber verify`: check every row and blob."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from amber.cli.exits import FAILED
from amber.cli.options import JsonOption, QuietOption
from amber.cli.output import emit, say
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.store.verify import Damage, Report

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def verify(
    sample: Annotated[
        float,
        typer.Option(
            "--sample",
            metavar="PART",
            min=0.0,
            max=1.0,
            help="Read only this part of the blobs, chosen at random: 0.05.",
        ),
    ] = 1.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a check was interrupted.")] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Check every row and every blob of the store; fails if something is missing or corrupt.

    Nothing is changed: the next ask for what is missing or corrupt makes it again.

    Example: `amber verify --sample 0.05`
    """
    from amber.cli.session import opened
    from amber.cli.watching import watching
    from amber.store.verify import verify as check

    if resume and sample < 1.0:
        raise UsageError("a sample is chosen anew each time: --resume goes on with a check of everything")
    with (
        opened() as amber,
        watching(quiet=quiet, as_json=json) as watcher,
        watcher.task("verify", "blobs") as progress,
    ):
        notes = amber.store.scratch.parent / "verify.json"
        if not resume and sample >= 1.0:
            notes.unlink(missing_ok=True)
        report = check(amber.store, progress, sample=sample, notes=notes if sample >= 1.0 else None)
    if json:
        emit(_document(report))
    else:
        _say(report)
    if not report.is_clean:
        raise typer.Exit(FAILED)


def _document(report: "Report") -> dict[str, Any]:
    return {
        "ok": report.is_clean,
        "blobs": report.blobs,
        "needed": report.needed,
        "size_bytes": report.size_bytes,
        "missing": [_damage(damage) for damage in report.missing],
        "corrupt": [_damage(damage) for damage in report.corrupt],
        "contradictions": list(report.contradictions),
        "orphans": [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in report.orphans],
    }


def _damage(damage: "Damage") -> dict[str, str]:
    return {"sha256": damage.sha256, "feature": damage.feature, "problem": damage.problem}


def _say(report: "Report") -> None:
    from amber.wording import counted, size

    for kind, damages in (("missing", report.missing), ("corrupt", report.corrupt)):
        for damage in damages:
            say(
                f"{kind}: {damage.problem}; feature {damage.feature[:12]} needs it, and asking for it makes it again"
            )
    for contradiction in report.contradictions:
        say(f"contradiction: {contradiction}")
    if report.orphans:
        spare = size(sum(blob.size_bytes for blob in report.orphans))
        say(
            f"{counted(len(report.orphans), 'blob')} that no feature needs ({spare}); harmless, and `amber gc` collects them"
        )
    part = f" of {report.needed:,}" if report.blobs < report.needed else ""
    verdict = "everything is whole" if report.is_clean else "not everything is whole"
    say(f"{counted(report.blobs, 'blob')}{part} read through ({size(report.size_bytes)}): {verdict}")
