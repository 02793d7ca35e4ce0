"""Webhooks: each feature that a standing order wants is told once it is there or has failed, signed, at least once."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from amber.store.subscriptions import Delivery, Subscription

if TYPE_CHECKING:
    from amber.engine.engine import Engine
    from amber.store.arrivals import Arrival
    from amber.store.jobs import Job

#: A delivery that was refused so often is given up.
MOST_ATTEMPTS = 12
#: Before the second attempt; each further one waits twice as long.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 3600.0
#: How long an answer may take.
PATIENCE_SECONDS = 10.0
#: Deliveries that are looked at in one turn.
_BATCH = 500


class Post(Protocol):
    """Sends a body and gives back the status that answered."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Send it.

        Raises:
            OSError: Nobody answered.
        """


class Webhooks:
    """Tells webhooks what is due.

    Args:
        engine: Knows what became of what was asked for.
        post: Sends; over HTTP, unless given.
    """

    name = "webhooks"
    every_seconds = 1.0

    def __init__(self, engine: "Engine", post: Post | None = None) -> None:
        self._catalog = engine.store.catalog
        self._post: Post = post or _post

    def look(self, taken: "Callable[[Arrival], None]" = lambda _: None) -> int:
        """Find out what became of what is open, and send what is due; how many were sent."""
        orders = {one.id: one for one in self._catalog.subscriptions() if one.webhook}
        if not orders:
            return 0
        self._settle(orders, self._catalog.deliveries(state="open", limit=_BATCH))
        sent = 0
        for one in self._catalog.deliveries(state="due", limit=_BATCH):
            if one.next_at > time.time():
                break
            told = self._send(orders[one.subscription], one) if one.subscription in orders else one
            self._catalog.tell_deliveries([told])
            sent += told.state == "sent"
        return sent

    def _settle(self, orders: dict[str, Subscription], found: Sequence[Delivery]) -> None:
        """Make those due whose feature is there or has failed; the others are looked at again after all of the rest."""
        keys = [one.key for one in found]
        linked, jobs = self._catalog.linked_values(keys), self._catalog.find_jobs(keys)
        told = []
        for one in found:
            event = self._event(one, linked.get(one.key), jobs.get(one.key))
            if event is None:
                told.append(replace(one, next_at=time.time()))
                continue
            whose = {"subscription": one.subscription, "algorithm": orders[one.subscription].wish.algorithm}
            body = json.dumps({**event, **whose, "asset": one.asset, "key": one.key}, sort_keys=True)
            told.append(replace(one, state="due", body=body, next_at=time.time()))
        self._catalog.tell_deliveries(told)

    def _event(self, one: Delivery, value: str | None, job: "Job | None") -> dict[str, Any] | None:
        if value is not None:
            trace = self._catalog.lookup(one.key).trace
            return {"event": "feature.ready", "value": value, "feature": trace.recipe if trace else None}
        if job is not None and job.state == "failed":
            return {"event": "feature.failed", "error": job.error, "detail": job.message}
        return None

    def _send(self, order: Subscription, one: Delivery) -> Delivery:
        body, now = one.body.encode(), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "Amber-Delivery": f"{one.subscription}-{one.key[:32]}",
            "Amber-Signature": f"t={now},v1={signature(order.secret, now, body)}",
        }
        try:
            status = self._post(order.webhook, body, headers)
            problem = "" if 200 <= status < 300 else f"the webhook answered {status}"
        except OSError as error:
            problem = f"the webhook cannot be reached: {error}"
        if not problem:
            return replace(one, state="sent", attempts=one.attempts + 1, problem="")
        attempts = one.attempts + 1
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 32), LONGEST_PAUSE_SECONDS)
        state = one.state if attempts < MOST_ATTEMPTS else "refused"
        return replace(one, state=state, attempts=attempts, problem=problem, next_at=time.time() + pause)


def signature(secret: str, seconds: int, body: bytes) -> str:
    """What a call is signed with: HMAC-SHA-256, in hex, of the seconds since 1970, a dot and the body."""
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    import httpx  # which only those with webhooks need

    try:
        return httpx.post(
            url, content=body, headers=headers, timeout=PATIENCE_SECONDS, follow_redirects=False
        ).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
