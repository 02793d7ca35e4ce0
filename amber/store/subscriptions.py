"""Standing orders, and what their webhooks are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from amber.store.backfills import Wish

#: `open`: the feature is not there yet; `refused`: it was sent often enough.
DeliveryState = Literal["open", "due", "sent", "refused"]


@dataclass(frozen=True)
class Standing:
    """How an order stands: what shall exist, and what does."""

    wanted: int = 0
    ready: int = 0
    open: int = 0
    #: Failed or cancelled.
    failed: int = 0
    #: How long the longest waiting one has waited.
    lag_seconds: float = 0.0
    #: Seconds since 1970; 0: it was never looked at.
    checked_at: float = 0.0

    @property
    def missing(self) -> int:
        """How many are neither there nor given up."""
        return self.wanted - self.ready - self.failed


@dataclass(frozen=True)
class Subscription:
    """A wish for every asset, whenever it comes."""

    #: Twelve hexadecimal digits.
    id: str
    wish: Wish
    who: str
    #: The URL that is told of each feature; empty: nobody is.
    webhook: str = ""
    #: What calls of the webhook are signed with.
    secret: str = ""
    #: Seconds since 1970.
    made_at: float = 0.0
    standing: Standing = Standing()


@dataclass(frozen=True)
class Delivery:
    """What a webhook shall be told of one feature."""

    subscription: str
    #: The resolved key.
    key: str
    asset: str
    state: DeliveryState = "open"
    #: JSON; empty while there is nothing to tell.
    body: str = ""
    attempts: int = 0
    #: Seconds since 1970.
    next_at: float = 0.0
    problem: str = ""


class SubscriptionCatalog(Protocol):
    """Rows about standing orders. Every method is one transaction."""

    def put_subscription(self, subscription: Subscription) -> Subscription:
        """Record an order."""

    def subscriptions(self) -> list[Subscription]:
        """All orders, oldest first."""

    def drop_subscription(self, subscription: str) -> bool:
        """Remove an order, and what its webhook was to be told; whether there was one."""

    def tell_subscription(self, subscription: str, standing: Standing) -> None:
        """Record how an order stands."""

    def put_deliveries(self, deliveries: Sequence[Delivery]) -> int:
        """Record what is to be told, without what is recorded already; how many were new."""

    def deliveries(
        self, *, subscription: str | None = None, state: DeliveryState | None = None, limit: int | None = None
    ) -> list[Delivery]:
        """What is told, the one that is due first in front."""

    def tell_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Record what became of them, as far as they are still there."""
