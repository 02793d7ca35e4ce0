"""Backfills and standing orders behind a service: the same calls as embedded, over HTTP."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from amber.engine.backfill import CONCURRENCY, Forecast
from amber.errors import BackfillNotFoundError, SubscriptionNotFoundError
from amber.http import Link
from amber.store.backfills import ITEM_STATES, Backfill, Item, Wish
from amber.store.subscriptions import Standing, Subscription

#: Between two looks at a backfill that is waited for.
LOOK_SECONDS = 0.5
_PAGE = 1000
_BACKFILLS, _SUBSCRIPTIONS = "/v1/backfills", "/v1/subscriptions"


class RemoteBackfills:
    """`Amber.backfills` behind a service.

    Args:
        link: To the service.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def plan(self, wish: Wish, assets: Sequence[str] | None = None) -> Forecast:
        """What a backfill would do; raises as embedded."""
        answer = self._link.send(
            "POST", _BACKFILLS, json={**_body(wish), "assets": _listed(assets), "dry_run": True}
        )
        return Forecast(
            answer["to_compute"],
            answer["hits"],
            answer["seconds"],
            answer["bytes"],
            answer["unmeasured_steps"],
        )

    def start(
        self,
        wish: Wish,
        assets: Sequence[str] | None = None,
        *,
        canary: int = 0,
        concurrency: int = CONCURRENCY,
        rate: float = 0.0,
        who: str | None = None,
    ) -> Backfill:
        """Begin a backfill, which the service's workers do; raises as embedded. Who asks is whose token it is."""
        more = {"canary": canary, "concurrency": concurrency, "rate": float(rate)}
        return _backfill(
            self._link.send("POST", _BACKFILLS, json={**_body(wish), "assets": _listed(assets), **more})
        )

    def all(self) -> list[Backfill]:
        """All backfills, oldest first."""
        return [_backfill(one) for one in self._link.get(_BACKFILLS)["backfills"]]

    def find(self, name: str) -> Backfill:
        """The backfill whose id is, or begins with, `name` (four digits or more).

        Raises:
            BackfillNotFoundError: There is none, or there are several.
        """
        found = [one for one in self.all() if len(name) >= 4 and one.id.startswith(name.lower())]
        if len(found) != 1:
            raise BackfillNotFoundError(
                f"{'several backfills begin with' if found else 'there is no backfill'} {name!r}"
            )
        return found[0]

    def failures(self, backfill: str) -> Sequence[Item]:
        """The items that failed, with reasons."""
        path = f"{_BACKFILLS}/{backfill}/items"
        return [_item(one) for one in self._link.pages(path, {"states": "failed"}, "items", _PAGE)]

    def pause(self, backfill: str) -> Backfill:
        """Ask for no more; what was asked for goes on."""
        return self._moved(backfill, "pause")

    def resume(self, backfill: str) -> Backfill:
        """Go on, past a canary that failed too."""
        return self._moved(backfill, "resume")

    def cancel(self, backfill: str) -> Backfill:
        """Ask for no more, and withdraw what was asked for."""
        return self._moved(backfill, "cancel")

    def finish(self, backfill: str, told: Callable[[Backfill], None] = lambda _: None) -> Backfill:
        """Wait until it is done, cancelled or paused."""
        waiting, before = threading.Event(), None
        while True:
            now = _backfill(self._link.get(f"{_BACKFILLS}/{backfill}"))
            if now != before:
                told(now)
            if now.state != "running":
                return now
            before = now
            waiting.wait(LOOK_SECONDS)

    def _moved(self, backfill: str, how: str) -> Backfill:
        return _backfill(self._link.send("POST", f"{_BACKFILLS}/{backfill}/{how}"))


class RemoteSubscriptions:
    """`Amber.subscriptions` behind a service.

    Args:
        link: To the service.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def add(self, wish: Wish, *, webhook: str = "", who: str | None = None) -> Subscription:
        """Order a feature of every asset with the labels of the wish; raises as embedded. Who asks is whose token it is."""
        body = {**_body(wish), "webhook": webhook or None}
        return _subscription(self._link.send("POST", _SUBSCRIPTIONS, json=body))

    def all(self) -> list[Subscription]:
        """All orders, oldest first; without their secrets."""
        return [_subscription(one) for one in self._link.get(_SUBSCRIPTIONS)["subscriptions"]]

    def find(self, name: str) -> Subscription:
        """The order whose id is, or begins with, `name` (four digits or more).

        Raises:
            SubscriptionNotFoundError: There is none, or there are several.
        """
        found = [one for one in self.all() if len(name) >= 4 and one.id.startswith(name.lower())]
        if len(found) != 1:
            raise SubscriptionNotFoundError(
                f"{'several subscriptions begin with' if found else 'there is no subscription'} {name!r}"
            )
        return found[0]

    def remove(self, subscription: str) -> bool:
        """Take an order back; whether there was one."""
        try:
            self._link.send("DELETE", f"{_SUBSCRIPTIONS}/{subscription}")
        except SubscriptionNotFoundError:
            return False
        return True

    def reconcile(self) -> list[Subscription]:
        """The orders as they stand; the service's workers hold them against the catalogue."""
        return self.all()


def _body(wish: Wish) -> dict[str, Any]:
    return {
        "algorithm": wish.algorithm,
        "version": wish.version,
        "settings": dict(wish.settings),
        "use": dict(wish.use),
        "where": dict(wish.where),
    }


def _listed(assets: Sequence[str] | None) -> list[str] | None:
    return None if assets is None else list(assets)


def _wish(one: Mapping[str, Any]) -> Wish:
    return Wish(one["algorithm"], one["version"], one["settings"], one["use"], one["where"])


def _backfill(one: Mapping[str, Any]) -> Backfill:
    return Backfill(
        id=one["backfill"],
        wish=_wish(one),
        reason=one["reason"] or "",
        made_at=_seconds(one["made_at"]),
        ended_at=_seconds(one["ended_at"]) or None,
        counts={state: one[state] for state in ITEM_STATES if one[state]},
        **{
            name: one[name]
            for name in (
                *("who", "state", "canary", "concurrency", "rate"),
                *("expected_seconds", "elapsed_seconds", "hits"),
            )
        },
    )


def _item(one: Mapping[str, Any]) -> Item:
    problem = one["problem"] or {"error": "", "detail": ""}
    return Item(
        one["position"],
        one["asset"],
        one["state"],
        one["job"] or "",
        one["hit"],
        problem["error"],
        problem["detail"],
    )


def _subscription(one: Mapping[str, Any]) -> Subscription:
    counts = {name: one[name] for name in ("wanted", "ready", "open", "failed", "lag_seconds")}
    return Subscription(
        one["subscription"],
        _wish(one),
        one["who"],
        one["webhook"] or "",
        one.get("secret") or "",
        _seconds(one["made_at"]),
        Standing(**counts, checked_at=_seconds(one["checked_at"])),
    )


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
