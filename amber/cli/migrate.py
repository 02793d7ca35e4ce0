"""`amber migrate`: bring the catalogue to this release's schema."""

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Deployment")
def migrate(json: JsonOption = False) -> None:
    """Bring the catalogue to the schema of this release, making it if need be.

    Example: `AMBER_HOME=/srv/amber amber migrate`
    """
    from amber.settings import Settings
    from amber.store.migrate import current_revision
    from amber.store.migrate import migrate as bring_up_to_date
    from amber.store.open import CATALOG_NAME

    path = Settings.read().home / CATALOG_NAME
    before = current_revision(path)
    is_changed = bring_up_to_date(path)
    after = current_revision(path)
    if json:
        emit({"catalogue": str(path), "before": before, "after": after, "changed": is_changed})
    elif not is_changed:
        say(f"{path} has schema {after} already")
    else:
        say(f"{path}: schema {before or 'none'} → {after}")
