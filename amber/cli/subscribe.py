"""`amber subscribe`: standing orders."""

from typing import TYPE_CHECKING, Annotated

import typer

from amber.cli.options import JsonOption, SetOption, UseOption, VersionOption, WhereOption
from amber.cli.output import emit, put, say

if TYPE_CHECKING:
    from amber.store.subscriptions import Subscription

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


@app.command(rich_help_panel="Features")
def subscribe(
    algorithm: Annotated[
        str | None, typer.Argument(metavar="ALGORITHM", help="Of which; without it, orders are listed.")
    ] = None,
    where: WhereOption = None,
    version: VersionOption = None,
    settings: SetOption = None,
    use: UseOption = None,
    webhook: Annotated[
        str, typer.Option("--webhook", metavar="URL", help="Is told of each feature, signed, at least once.")
    ] = "",
    remove: Annotated[str | None, typer.Option("--remove", metavar="ID", help="Take an order back.")] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Hold all orders against the catalogue now.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Order a feature of every asset, those that are there and those to come; with labels, of those that have them.

    Jobs are asked for at once; a worker (`amber worker`, `amber serve`) does them, and finds whatever was missed.
    With a webhook, the key that signs its calls is printed, this once.

    Example: `amber subscribe match_pairs --where show=one`
    """
    from amber.cli.session import opened, pairs
    from amber.engine.standing_documents import subscription_document
    from amber.store.backfills import Wish

    with opened() as amber:
        if remove is not None:
            found = amber.subscriptions.find(remove)
            amber.subscriptions.remove(found.id)
            _tell({"removed": found.id}, f"order {found.id} of {found.wish.algorithm} is taken back", json)
        elif algorithm is not None:
            wish = Wish(
                algorithm, version, pairs("--set", settings), pairs("--use", use), pairs("--where", where)
            )
            is_new = not any((one.wish, one.webhook) == (wish, webhook) for one in amber.subscriptions.all())
            made = amber.subscriptions.add(wish, webhook=webhook)
            document = subscription_document(made)
            if made.secret and is_new:
                document["secret"] = made.secret
                if not json:
                    put(made.secret)
            _tell(document, _told(made), json)
        else:
            orders = amber.subscriptions.reconcile() if reconcile else amber.subscriptions.all()
            if json:
                emit([subscription_document(one) for one in orders])
            else:
                _print(orders)


def _tell(document: object, sentence: str, as_json: bool) -> None:
    if as_json:
        emit(document)
    else:
        say(sentence)


def _told(order: "Subscription") -> str:
    standing = order.standing
    return (
        f"order {order.id}: {order.wish.algorithm} of {standing.wanted} assets now; "
        f"{standing.ready} ready, {standing.open} asked for, {standing.failed} failed"
    )


def _print(orders: "list[Subscription]") -> None:
    if not orders:
        say("no standing orders; `amber subscribe ALGORITHM` makes one")
        return
    from amber.cli.tables import print_table
    from amber.wording import duration

    rows = [
        [
            one.id,
            one.wish.algorithm,
            ", ".join(f"{name}={value}" for name, value in one.wish.where.items()),
            *(str(getattr(one.standing, name)) for name in ("wanted", "ready", "open", "failed")),
            duration(one.standing.lag_seconds) if one.standing.lag_seconds else "",
        ]
        for one in orders
    ]
    print_table(["order", "algorithm", "where", "wanted", "ready", "open", "failed", "lag"], rows)
