"""`amber audit`: who did what to what is stored, when and why."""

from typing import Annotated, Any

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def audit(
    action: Annotated[
        str | None,
        typer.Option(
            "--action", metavar="ACTION", help="Only `invalidate`, `undo`, `forget`, `retain` or `heal`."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only the latest N.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List what was disowned, taken back, taken down, dropped, and healed with other bytes: who, when and why.

    Example: `amber audit --action heal`
    """
    from amber.cli.session import opened

    with opened() as amber:
        notes = [note for note in amber.audits() if action in (None, note.action)]
    notes = notes[-limit:] if limit else notes
    if json:
        emit(
            [
                {
                    "id": note.id,
                    "action": note.action,
                    "who": note.who,
                    "at": note.at,
                    "detail": dict(note.detail),
                }
                for note in notes
            ]
        )
        return
    if not notes:
        say("nothing of that kind was done yet")
        return
    from amber.cli.tables import print_table

    rows = [
        [f"{note.at:%Y-%m-%d %H:%M:%S}" if note.at else "", note.action, note.who, _told(note.detail)]
        for note in notes
    ]
    print_table(["when (UTC)", "action", "who", "what"], rows)


def _told(detail: Any) -> str:
    """What was done to what, in one line."""
    words = []
    for name, value in detail.items():
        shown = value[:12] if isinstance(value, str) and len(value) == 64 else value
        if isinstance(shown, list):
            shown = ", ".join(entry["what"] if isinstance(entry, dict) else str(entry) for entry in shown)
        words.append(f"{name} {shown}" if name != "reason" else f"because: {shown}")
    return "; ".join(words)
