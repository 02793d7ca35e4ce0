"""`amber gc`: collect what nothing needs, and drop what newer versions superseded."""

from typing import TYPE_CHECKING, Annotated

import typer

from amber.cli.exits import PLANNED
from amber.cli.options import ApplyOption, JsonOption, QuietOption
from amber.cli.output import emit, say
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.store.collect import Collected

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def gc(
    grace: Annotated[
        float, typer.Option("--grace", metavar="SECONDS", min=0.0, help="How long a blob stays marked.")
    ] = 3600.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what nothing needs.")] = False,
    keep_versions: Annotated[
        int | None,
        typer.Option(
            "--keep-versions",
            metavar="N",
            min=1,
            help="Plan to drop features whose assets have features of N later versions.",
        ),
    ] = None,
    undo_days: Annotated[
        float,
        typer.Option(
            "--undo-days", metavar="DAYS", min=0.0, help="For so long what was disowned stays in any case."
        ),
    ] = 30.0,
    apply: ApplyOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Collect blobs that no feature needs: what interrupted work left, and what was dropped or healed.

    A blob is marked first, and deleted by a later run, when nothing has needed it for the grace.
    Uploads in parts go when nobody has gone on with them for a day; a service that runs does that by itself.
    `--keep-versions` prints and keeps a plan (exit code 4) that `--apply` carries out; pinned features stay, and so does
    what a feature that stays was made from.

    Example: `amber gc --keep-versions 2`
    """
    from amber.cli.planned import show_applied, show_plan
    from amber.cli.session import opened
    from amber.cli.watching import watching
    from amber.engine.invalidate import apply_plan
    from amber.engine.uploads import Uploads
    from amber.store.collect import collect

    if (keep_versions is not None) + (apply is not None) + dry_run > 1:
        raise UsageError("say one of --dry-run, --keep-versions and --apply: they are steps of their own")
    with opened() as amber:
        if apply is not None:
            show_applied(apply_plan(amber.store, apply, action="retain"), as_json=json)
            return
        if keep_versions is not None:
            plan = amber.plan_retention(keep_versions, undo_seconds=undo_days * 24 * 3600.0)
            show_plan(plan, "amber gc", as_json=json)
            raise typer.Exit(PLANNED)
        with watching(quiet=quiet, as_json=json) as watcher, watcher.task("collect", "blobs") as progress:
            done = collect(amber.store, grace, dry_run=dry_run, heard=progress)
        uploads = 0 if dry_run else Uploads(amber.store).sweep()
    _show(done, uploads, grace, dry_run=dry_run, as_json=json)


def _show(done: "Collected", uploads: int, grace: float, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        deleted, waiting = (
            [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in blobs]
            for blobs in (done.blobs, done.waiting)
        )
        emit(
            {
                "deleted": deleted,
                "waiting": waiting,
                "bytes": done.size_bytes,
                "leftovers": done.leftovers,
                "uploads": uploads,
            }
        )
        return
    from amber.wording import counted, duration, size

    spare = size(sum(blob.size_bytes for blob in done.waiting))
    if dry_run:
        say(f"{counted(len(done.waiting), 'blob')} that no feature needs ({spare}); nothing was done")
        return
    say(f"{counted(len(done.blobs), 'blob')} deleted ({size(done.size_bytes)})")
    if done.leftovers:
        say(f"{counted(done.leftovers, 'half-written file')} of killed writers removed")
    if uploads:
        say(f"{counted(uploads, 'upload')} removed that nobody went on with")
    if done.waiting:
        say(
            f"{counted(len(done.waiting), 'blob')} marked ({spare}); a run in {duration(grace)} deletes what nothing needs until then"
        )
