"""`amber token`: access tokens of the service."""

from typing import Annotated

import typer

from amber.cli.options import JsonOption
from amber.cli.output import emit, put, say

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.callback(invoke_without_command=True, rich_help_panel="Deployment")
def tokens(context: typer.Context, json: JsonOption = False) -> None:
    """List the access tokens of the service, without their secrets.

    Example: `amber token`
    """
    if context.invoked_subcommand is not None:
        return
    from amber.cli.session import opened
    from amber.cli.tables import print_table

    with opened() as amber:
        found = amber.store.catalog.tokens()
    documents = [
        {"id": one.id, "name": one.name, "scope": one.scope, "revoked": one.revoked_at is not None}
        for one in found
    ]
    if json:
        emit(documents)
    elif documents:
        print_table(["id", "name", "scope", "revoked"], [list(one.values()) for one in documents])
    else:
        say("no tokens; `amber token create NAME` makes one")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for people.")],
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="`read`, `write` (ask and upload) or `admin` (disown and forget).",
        ),
    ] = "read",
    json: JsonOption = False,
) -> None:
    """Make a token and print it, this once; only its digest is kept.

    Example: `amber token create pipeline --scope write`
    """
    from amber.cli.session import opened
    from amber.store.tokens import new_token

    token, text = new_token(name, scope)  # type: ignore[arg-type]
    with opened() as amber:
        amber.store.catalog.put_token(token)
    if json:
        emit({"id": token.id, "name": name, "scope": scope, "token": text})
        return
    put(text)
    say(f"token {token.id} of {name}, scope {scope}; it is shown this once")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="`amber token` shows it.")],  # noqa: A002
    json: JsonOption = False,
) -> None:
    """Revoke a token: a service lets it in no longer, a second from now at the latest.

    Example: `amber token revoke 3f6c1b2a9d04`
    """
    from amber.cli.session import opened
    from amber.errors import TokenNotFoundError

    with opened() as amber:
        found = amber.store.catalog.revoke_token(id)
    if found is None:
        raise TokenNotFoundError(f"there is no token {id!r}; `amber token` lists them")
    if json:
        emit({"id": found.id, "name": found.name, "scope": found.scope, "revoked": True})
    else:
        say(f"token {found.id} of {found.name} is revoked")
