"""Standing orders, backfills, sources and duties, in memory."""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from amber.errors import AssetNotFoundError, BackfillNotFoundError
from amber.store.arrivals import Arrival, Duty
from amber.store.backfills import ITEM_STATES, Backfill, BackfillState, Item, ItemState
from amber.store.memory_rows import Rows
from amber.store.subscriptions import Delivery, DeliveryState, Standing, Subscription

_OPEN = ("waiting", "asked")


@dataclass
class StandingRows:
    """The rows; dictionaries keep the order in which they were written."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    backfills: dict[str, Backfill] = field(default_factory=dict)
    items: dict[str, dict[int, Item]] = field(default_factory=dict)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    duties: dict[str, Duty] = field(default_factory=dict)


class StandingInMemory:
    """The part of a catalogue in memory that knows what shall come to exist; every method holds one lock."""

    _rows: Rows
    _lock: threading.RLock
    _orders: StandingRows

    # backfills

    def put_backfill(self, backfill: Backfill, assets: Sequence[str] | None = None) -> Backfill:
        """See the protocol."""
        with self._lock:
            for asset in assets or ():
                if asset not in self._rows.assets:
                    raise AssetNotFoundError(f"no asset {asset[:16]}… is recorded")
            wanted = self.assets_added(backfill.wish.where) if assets is None else sorted(set(assets))
            self._orders.items[backfill.id] = {at: Item(at, asset) for at, asset in enumerate(wanted)}
            self._orders.backfills[backfill.id] = replace(backfill, made_at=backfill.made_at or time.time())
            return self.backfill(backfill.id)

    def backfill(self, backfill: str) -> Backfill:
        """See the protocol."""
        with self._lock:
            known = self._orders.backfills.get(backfill)
            if known is None:
                raise BackfillNotFoundError(f"there is no backfill {backfill!r}; `amber backfill` lists them")
            items = self._items_of(backfill)
            states = [item.state for item in items]
            counts: dict[str, int] = {state: states.count(state) for state in ITEM_STATES if state in states}
            return replace(known, counts=counts, hits=sum(item.hit for item in items))

    def backfills(self) -> list[Backfill]:
        """See the protocol."""
        with self._lock:
            found = [self.backfill(backfill) for backfill in self._orders.backfills]
        return sorted(found, key=lambda one: (one.made_at, one.id))

    def move_backfill(
        self,
        backfill: str,
        state: BackfillState,
        *,
        of: Collection[BackfillState],
        reason: str = "",
        canary: int | None = None,
    ) -> bool:
        """See the protocol."""
        with self._lock:
            known = self._orders.backfills.get(backfill)
            if known is None or known.state not in of:
                return False
            ended_at = time.time() if state in ("done", "cancelled") else known.ended_at
            self._orders.backfills[backfill] = replace(
                known,
                state=state,
                reason=reason,
                ended_at=ended_at,
                canary=known.canary if canary is None else canary,
            )
            if state == "cancelled":
                items = self._orders.items[backfill]
                items.update(
                    {at: replace(item, state=state) for at, item in items.items() if item.state in _OPEN}
                )
            return True

    def items(
        self,
        backfill: str,
        *,
        states: Collection[ItemState] = ITEM_STATES,
        after: int = -1,
        limit: int | None = None,
    ) -> list[Item]:
        """See the protocol."""
        with self._lock:
            found = self._items_of(backfill)
        return [item for item in found if item.state in states and item.position > after][:limit]

    def tell_items(
        self,
        backfill: str,
        items: Sequence[Item],
        *,
        elapsed_seconds: float = 0.0,
        next_at: float | None = None,
    ) -> None:
        """See the protocol."""
        with self._lock:
            known = self._orders.backfills[backfill]
            self._orders.backfills[backfill] = replace(
                known,
                elapsed_seconds=known.elapsed_seconds + elapsed_seconds,
                next_at=known.next_at if next_at is None else next_at,
            )
            there = self._orders.items[backfill]
            for item in items:
                before = there.get(item.position)
                if before is not None and before.state in _OPEN:
                    there[item.position] = replace(item, asset=before.asset)

    def assets_added(self, where: Mapping[str, str] | None = None) -> dict[str, float]:
        """See the protocol."""
        wanted = (where or {}).items()
        with self._lock:
            found = [self._rows.assets[asset] for asset in sorted(self._rows.assets)]
        return {
            record.asset: record.added_at.timestamp()
            for record in found
            if record.added_at is not None and wanted <= record.labels.items()
        }

    def mean_bytes(self) -> dict[tuple[str, str], float]:
        """See the protocol."""
        sizes: dict[tuple[str, str], list[int]] = {}
        with self._lock:
            for new in self._rows.commits.values():
                size = new.trace.value.size_bytes + sum(file.size_bytes for file in new.files)
                sizes.setdefault((new.trace.algorithm, new.trace.version), []).append(size)
        return {name: sum(found) / len(found) for name, found in sizes.items()}

    def _items_of(self, backfill: str) -> list[Item]:
        """Those whose assets were not taken down."""
        items = self._orders.items.get(backfill, {})
        return [items[at] for at in sorted(items) if items[at].asset in self._rows.assets]

    # standing orders

    def put_subscription(self, subscription: Subscription) -> Subscription:
        """See the protocol."""
        with self._lock:
            made = replace(subscription, made_at=subscription.made_at or time.time())
            self._orders.subscriptions[made.id] = made
            return made

    def subscriptions(self) -> list[Subscription]:
        """See the protocol."""
        with self._lock:
            found = list(self._orders.subscriptions.values())
        return sorted(found, key=lambda one: (one.made_at, one.id))

    def drop_subscription(self, subscription: str) -> bool:
        """See the protocol."""
        with self._lock:
            for place in [place for place in self._orders.deliveries if place[0] == subscription]:
                del self._orders.deliveries[place]
            return self._orders.subscriptions.pop(subscription, None) is not None

    def tell_subscription(self, subscription: str, standing: Standing) -> None:
        """See the protocol."""
        with self._lock:
            known = self._orders.subscriptions.get(subscription)
            if known is not None:
                self._orders.subscriptions[subscription] = replace(known, standing=standing)

    def put_deliveries(self, deliveries: Sequence[Delivery]) -> int:
        """See the protocol."""
        with self._lock:
            known, orders = self._orders.deliveries, self._orders.subscriptions
            new = {(one.subscription, one.key): one for one in deliveries if one.subscription in orders}
            fresh = {place: one for place, one in new.items() if place not in known}
            known.update(fresh)
            return len(fresh)

    def deliveries(
        self,
        *,
        subscription: str | None = None,
        state: DeliveryState | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        """See the protocol."""
        with self._lock:
            found = sorted(
                self._orders.deliveries.values(), key=lambda one: (one.next_at, one.subscription, one.key)
            )
        return [
            one for one in found if subscription in (None, one.subscription) and state in (None, one.state)
        ][:limit]

    def tell_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """See the protocol."""
        with self._lock:
            for one in deliveries:
                if (one.subscription, one.key) in self._orders.deliveries:
                    self._orders.deliveries[one.subscription, one.key] = one

    # sources and duties

    def put_arrival(self, arrival: Arrival) -> None:
        """See the protocol."""
        with self._lock:
            seen = replace(arrival, seen_at=arrival.seen_at or time.time())
            self._orders.arrivals[arrival.uri] = seen

    def arrivals(self, prefix: str) -> list[Arrival]:
        """See the protocol."""
        with self._lock:
            found = sorted(self._orders.arrivals.items())
        return [arrival for uri, arrival in found if uri.startswith(prefix)]

    def drop_arrivals(self, uris: Sequence[str]) -> None:
        """See the protocol."""
        with self._lock:
            for uri in uris:
                self._orders.arrivals.pop(uri, None)

    def take_duty(self, name: str, owner: str, seconds: float, *, dead: Collection[str] = ()) -> bool:
        """See the protocol."""
        with self._lock:
            now = time.time()
            held = self._orders.duties.get(name)
            if held is not None and held.expires_at > now and held.owner not in (owner, *dead):
                return False
            self._orders.duties[name] = Duty(name, owner, now + seconds)
            return True

    def leave_duty(self, name: str, owner: str) -> None:
        """See the protocol."""
        with self._lock:
            held = self._orders.duties.get(name)
            if held is not None and held.owner == owner:
                del self._orders.duties[name]

    def duties(self) -> list[Duty]:
        """See the protocol."""
        with self._lock:
            now = time.time()
            return [duty for _, duty in sorted(self._orders.duties.items()) if duty.expires_at > now]
