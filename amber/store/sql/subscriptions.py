"""Standing orders and what their webhooks are told, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select, update

from amber.store.schema import delivery as deliveries
from amber.store.schema import subscription as subscriptions
from amber.store.sql.backfills import wish_of, wish_row
from amber.store.sql.session import Session, chunks, clock, upsert_many
from amber.store.subscriptions import Delivery, DeliveryState, Standing, Subscription

_STANDING = tuple(asdict(Standing()))


class SubscriptionRows(Session):
    """The rows about standing orders."""

    def put_subscription(self, subscription: Subscription) -> Subscription:
        """See the protocol."""
        with self._writing() as connection:
            made_at = subscription.made_at or connection.execute(select(clock(connection))).scalar_one()
            row = {**wish_row(subscription.wish), **asdict(subscription.standing), "made_at": made_at}
            row |= {name: getattr(subscription, name) for name in ("id", "who", "webhook", "secret")}
            connection.execute(insert(subscriptions).values(row))
            wanted = select(subscriptions).where(subscriptions.c.id == subscription.id)
            return _subscription(connection.execute(wanted).one())

    def subscriptions(self) -> list[Subscription]:
        """See the protocol."""
        query = select(subscriptions).order_by(subscriptions.c.made_at, subscriptions.c.id)
        with self._reading() as connection:
            return [_subscription(row) for row in connection.execute(query)]

    def drop_subscription(self, subscription: str) -> bool:
        """See the protocol."""
        with self._writing() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.subscription == subscription))
            theirs = delete(subscriptions).where(subscriptions.c.id == subscription)
            return connection.execute(theirs).rowcount > 0

    def tell_subscription(self, subscription: str, standing: Standing) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            theirs = update(subscriptions).where(subscriptions.c.id == subscription)
            connection.execute(theirs.values(asdict(standing)))

    def put_deliveries(self, deliveries_: Sequence[Delivery]) -> int:
        """See the protocol."""
        with self._writing() as connection:
            ids = {one.subscription for one in deliveries_}
            there = select(subscriptions.c.id).where(subscriptions.c.id.in_(ids))
            known = set(connection.execute(there.with_for_update(read=True)).scalars())
            told = [_row(one) for one in deliveries_ if one.subscription in known]
            return sum(upsert_many(connection, deliveries, some) for some in chunks(told))

    def deliveries(
        self,
        *,
        subscription: str | None = None,
        state: DeliveryState | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        """See the protocol."""
        query = select(deliveries)
        if subscription is not None:
            query = query.where(deliveries.c.subscription == subscription)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        query = query.order_by(deliveries.c.next_at, deliveries.c.subscription, deliveries.c.key)
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(query.limit(limit))]

    def tell_deliveries(self, deliveries_: Sequence[Delivery]) -> None:
        """See the protocol."""
        with self._writing() as connection:
            if deliveries_:
                rows = [_row(one) for one in deliveries_]
                places = [{"order": row["subscription"], "its_key": row["key"]} for row in rows]
                place = and_(
                    deliveries.c.subscription == bindparam("order"), deliveries.c.key == bindparam("its_key")
                )
                told = [{**row, **where} for row, where in zip(rows, places, strict=True)]
                connection.execute(update(deliveries).where(place), told)


def _row(one: Delivery) -> dict[str, Any]:
    return {**asdict(one), "key": bytes.fromhex(one.key), "asset": bytes.fromhex(one.asset)}


def _delivery(row: Any) -> Delivery:
    return Delivery(**{**row._mapping, "key": row.key.hex(), "asset": row.asset.hex()})


def _subscription(row: Any) -> Subscription:
    standing = Standing(**{name: getattr(row, name) for name in _STANDING})
    return Subscription(row.id, wish_of(row), row.who, row.webhook, row.secret, row.made_at, standing)
