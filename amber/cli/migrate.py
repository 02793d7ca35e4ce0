"""`amber migrate`: bring the catalogue to this release's schema."""

from contextlib import closing

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
    from amber.store.open import database_of

    settings = Settings.read()
    with closing(database_of(settings.home, settings.database_url)) as database:
        before = database.revision()
        is_changed = database.migrate()
        after = database.revision()
    if json:
        emit({"catalogue": database.where, "before": before, "after": after, "changed": is_changed})
    elif not is_changed:
        say(f"{database.where} has schema {after} already")
    else:
        say(f"{database.where}: schema {before or 'none'} → {after}")
