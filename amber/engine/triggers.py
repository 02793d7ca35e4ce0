"""Standing orders: an arrival fires those that fit it at once, and a look at everything finds what was missed."""

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from amber.engine import invalidate
from amber.engine.wishes import Look, ask_for, closure_of, look
from amber.errors import NotFoundError, StoreError, SubscriptionNotFoundError, UsageError
from amber.store.backfills import Wish
from amber.store.jobs import Job
from amber.store.protocol import AssetRecord
from amber.store.subscriptions import Delivery, Standing, Subscription

if TYPE_CHECKING:
    from amber.engine.engine import Engine

#: A job that failed or was cancelled is asked for again after so long: what was the input's or the algorithm's fault is
#: answered from memory then, what was the machine's gets another attempt.
AGAIN_SECONDS = 3600.0


class Subscriptions:
    """Keeps standing orders.

    Args:
        engine: Knows the algorithms.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._catalog = engine.store.catalog

    def add(self, wish: Wish, *, webhook: str = "", secret: str = "", who: str | None = None) -> Subscription:
        """Order a feature of every asset with the labels of the wish, those that are there and those to come.

        The same order given again is the one that there is.

        Args:
            wish: What is asked for of each asset alone.
            webhook: A URL that is told of each feature.
            secret: What its calls are signed with; a random one, unless given.
            who: Who asks; the user of this process, unless given.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
        """
        closure_of(self._engine, wish)
        if webhook and (urlsplit(webhook).scheme not in ("http", "https") or not urlsplit(webhook).hostname):
            raise UsageError(f"a webhook is an http:// or https:// URL; found {webhook!r}")
        for known in self.all():
            if (known.wish, known.webhook) == (wish, webhook):
                return known
        secret = secret or (secrets.token_urlsafe(32) if webhook else "")
        made = Subscription(secrets.token_hex(6), wish, who or invalidate.person(), webhook, secret)
        made = self._catalog.put_subscription(made)
        return replace(made, standing=check(self._engine, made))

    def all(self) -> list[Subscription]:
        """All orders, oldest first."""
        return self._catalog.subscriptions()

    def find(self, name: str) -> Subscription:
        """The order whose id is, or begins with, `name` (four digits or more).

        Raises:
            SubscriptionNotFoundError: There is none, or there are several.
        """
        found = [one for one in self.all() if len(name) >= 4 and one.id.startswith(name.lower())]
        if len(found) != 1:
            said = "several subscriptions begin with" if found else "there is no subscription"
            raise SubscriptionNotFoundError(f"{said} {name!r}; `amber subscribe` lists them")
        return found[0]

    def remove(self, subscription: str) -> bool:
        """Take an order back; what was asked for goes on. Whether there was one."""
        return self._catalog.drop_subscription(subscription)

    def reconcile(self) -> list[Subscription]:
        """Hold every order against the catalogue, and ask for what is missing; the orders as they stand."""
        return reconcile(self._engine)


def arrived(engine: "Engine", asset: str) -> int:
    """Ask for what standing orders want of an asset that came, or whose labels changed; how many orders fit it.

    It is a short cut: what it misses, because the process or the store dies on the way, `reconcile` finds.
    What failed gets another attempt if the asset lies elsewhere now; else it is answered from memory.
    """
    with suppress(StoreError):
        record = engine.store.catalog.asset(asset)
        if record is None or record.added_at is None:
            return 0
        orders = [one for one in engine.store.catalog.subscriptions() if _fits(one.wish, record)]
        for order in orders:
            with suppress(NotFoundError, UsageError):  # not loaded here: it is left to who has
                _fire(engine, order, {asset: record.added_at.timestamp()}, has_come=True)
        return len(orders)
    return 0


def reconcile(engine: "Engine") -> list[Subscription]:
    """Hold every standing order that is loaded here against the catalogue, and ask for what is missing.

    Set queries over all assets; nothing that happened before, twice, out of order or half, matters to it.
    """
    found = []
    for order in engine.store.catalog.subscriptions():
        with suppress(NotFoundError, UsageError):
            found.append(replace(order, standing=check(engine, order)))
    return found


def check(engine: "Engine", order: Subscription) -> Standing:
    """Hold one order against the catalogue, and ask for what is missing; how it stands then.

    Raises:
        NotFoundError, UsageError: Its algorithms are not loaded here.
    """
    standing = _fire(engine, order, engine.store.catalog.assets_added(order.wish.where))
    engine.store.catalog.tell_subscription(order.id, standing)
    return standing


def _fire(
    engine: "Engine", order: Subscription, added: Mapping[str, float], *, has_come: bool = False
) -> Standing:
    """Ask for what an order wants of these assets (which have just come) and what is not there; how it stands to them."""
    seen = look(engine, order.wish, added)
    now = time.time()
    missing = [asset for asset, key in seen.keys.items() if key not in seen.ready]
    states = {asset: seen.jobs.get(seen.keys[asset]) for asset in missing}
    asked = [
        asset
        for asset, job in states.items()
        if is_to_ask(job, now) or (has_come and job is not None and job.state == "failed")
    ]
    ask_for(engine, seen, asked, f"subscription|{order.id}", order.who)
    if order.webhook:
        _note_deliveries(engine, order, seen)
    given_up = [
        asset for asset, job in states.items() if job is not None and job.state in ("failed", "cancelled")
    ]
    given_up = [asset for asset in given_up if asset not in set(asked)]
    waiting = set(missing) - set(given_up)
    since = [max(added[asset], order.made_at) for asset in waiting]
    return Standing(
        wanted=len(added),
        ready=len(added) - len(missing),
        open=len(waiting),
        failed=len(given_up),
        lag_seconds=max((now - at for at in since), default=0.0),
        checked_at=now,
    )


def is_to_ask(job: Job | None, now: float) -> bool:
    """Whether what is not there is to be asked for, given the job of it that is known."""
    if job is None or job.state == "ready":
        return True
    return job.is_ended and now - job.changed_at > AGAIN_SECONDS


def _note_deliveries(engine: "Engine", order: Subscription, seen: Look) -> None:
    told = [Delivery(order.id, key, asset) for asset, key in seen.keys.items()]
    engine.store.catalog.put_deliveries(told)


def _fits(wish: Wish, record: AssetRecord) -> bool:
    return wish.where.items() <= record.labels.items()
