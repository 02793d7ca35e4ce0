"""Backfills and standing orders as documents."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amber.engine.backfill import eta_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amber.engine.backfill import Forecast
    from amber.store.backfills import Backfill, Item, Wish
    from amber.store.subscriptions import Delivery, Subscription


def forecast_document(forecast: "Forecast") -> dict[str, Any]:
    """What a backfill would do."""
    return {
        "to_compute": forecast.to_compute,
        "hits": forecast.hits,
        "seconds": forecast.seconds,
        "bytes": round(forecast.size_bytes),
        "unmeasured_steps": forecast.unmeasured,
    }


def backfill_document(backfill: "Backfill", failures: "Iterable[Item] | None" = None) -> dict[str, Any]:
    """A backfill and how far it is; with its failures, if they are given."""
    counts = {
        name: backfill.counts.get(name, 0) for name in ("waiting", "asked", "ready", "failed", "cancelled")
    }
    document = {
        "backfill": backfill.id,
        **_wish(backfill.wish),
        "state": backfill.state,
        "reason": backfill.reason or None,
        "total": backfill.total,
        **counts,
        "hits": backfill.hits,
        "canary": backfill.canary,
        "concurrency": backfill.concurrency,
        "rate": backfill.rate,
        "expected_seconds": backfill.expected_seconds,
        "elapsed_seconds": backfill.elapsed_seconds,
        "eta_seconds": eta_seconds(backfill),
        "who": backfill.who,
        "made_at": _moment(backfill.made_at),
        "ended_at": _moment(backfill.ended_at),
    }
    if failures is not None:
        document["failures"] = [failure_document(item) for item in failures]
    return document


def failure_document(item: "Item") -> dict[str, Any]:
    """An asset of a backfill that failed, and why."""
    return {"asset": item.asset, "error": item.error, "detail": item.message}


def item_document(item: "Item") -> dict[str, Any]:
    """An asset of a backfill."""
    problem = {"error": item.error, "detail": item.message} if item.error else None
    return {
        "position": item.position,
        "asset": item.asset,
        "state": item.state,
        "hit": item.hit,
        "job": item.key or None,
        "problem": problem,
    }


def subscription_document(order: "Subscription") -> dict[str, Any]:
    """A standing order and how it stands; without its secret."""
    standing = order.standing
    return {
        "subscription": order.id,
        **_wish(order.wish),
        "webhook": order.webhook or None,
        "wanted": standing.wanted,
        "ready": standing.ready,
        "open": standing.open,
        "failed": standing.failed,
        "lag_seconds": standing.lag_seconds,
        "who": order.who,
        "made_at": _moment(order.made_at),
        "checked_at": _moment(standing.checked_at),
    }


def delivery_document(delivery: "Delivery") -> dict[str, Any]:
    """What a webhook is told of a feature."""
    return {
        "key": delivery.key,
        "asset": delivery.asset,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": _moment(delivery.next_at),
        "problem": delivery.problem or None,
    }


def _wish(wish: "Wish") -> dict[str, Any]:
    return {
        "algorithm": wish.algorithm,
        "version": wish.version,
        "settings": dict(wish.settings),
        "use": dict(wish.use),
        "where": dict(wish.where),
    }


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
