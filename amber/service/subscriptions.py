"""Standing orders: what shall exist for every asset that comes."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from amber.engine.standing_documents import delivery_document, subscription_document
from amber.errors import SubscriptionNotFoundError
from amber.service import models_standing as models
from amber.service.answers import described, in_json
from amber.service.context import Admin, Reader, Service, TheService, body_of, json_body
from amber.service.problems import problems
from amber.store.backfills import Wish
from amber.store.subscriptions import Subscription

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


@router.post(
    "",
    responses={
        200: described("There is such an order.", "Subscription"),
        201: described(
            "It stands from now on; `secret` signs the calls of its webhook, and is told this once.",
            "NewSubscription",
        ),
        **problems(404, 409, 413, 415, 422),
    },
    openapi_extra=json_body(models.SubscriptionBody),
    summary="Order a feature of every asset",
)
async def post_subscription(request: Request, service: TheService, caller: Admin) -> Response:
    """Of the assets that are there and of those to come; with `where`, of those with all these labels."""
    body = await body_of(request, models.SubscriptionBody)
    wish = Wish(body.algorithm, body.version, body.settings, body.use, body.where)

    def added() -> tuple[Subscription, bool]:
        before = {one.id for one in service.amber.subscriptions.all()}
        made = service.amber.subscriptions.add(wish, webhook=body.webhook or "", who=caller.name)
        return made, made.id not in before

    made, is_new = await service.run(added)
    document = subscription_document(made)
    if is_new:
        document["secret"] = made.secret or None
    return in_json(document, 201 if is_new else 200, Location=f"/v1/subscriptions/{made.id}")


@router.get(
    "",
    responses={200: described("All that there are.", "Subscriptions"), **problems()},
    summary="Standing orders, oldest first",
)
async def list_subscriptions(service: TheService, caller: Reader) -> Response:
    """How each stands: how many assets it is about, of how many the feature is there, and how long the others have waited."""
    found = await service.run(service.amber.subscriptions.all)
    return in_json({"subscriptions": [subscription_document(one) for one in found]})


@router.get(
    "/{subscription}",
    responses={200: described("The order.", "Subscription"), **problems(404, 422)},
    summary="How a standing order stands",
)
async def get_subscription(service: TheService, caller: Reader, subscription: str) -> Response:
    """As it was when it was last held against the catalogue."""
    return in_json(subscription_document(await service.run(lambda: _known(service, subscription))))


@router.delete(
    "/{subscription}",
    responses={200: described("The order that stood until now.", "Subscription"), **problems(404, 422)},
    summary="Take a standing order back",
)
async def delete_subscription(service: TheService, caller: Admin, subscription: str) -> Response:
    """What it asked for goes on."""

    def removed() -> Subscription:
        found = _known(service, subscription)
        service.amber.subscriptions.remove(found.id)
        return found

    return in_json(subscription_document(await service.run(removed)))


@router.get(
    "/{subscription}/deliveries",
    responses={
        200: described("What is told, the one that is due first in front.", "Deliveries"),
        **problems(404, 422),
    },
    summary="What a webhook is told",
)
async def list_deliveries(
    service: TheService,
    caller: Reader,
    subscription: str,
    state: Annotated[models.DeliveryState | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
) -> Response:
    """Each feature that the order wants, and whether its webhook was told of it."""

    def listed() -> Any:
        known = _known(service, subscription)
        return service.amber.store.catalog.deliveries(subscription=known.id, state=state, limit=limit)

    return in_json({"deliveries": [delivery_document(one) for one in await service.run(listed)]})


def _known(service: Service, subscription: str) -> Subscription:
    for one in service.amber.subscriptions.all():
        if one.id == subscription:
            return one
    raise SubscriptionNotFoundError(
        f"there is no subscription {subscription[:70]!r}; GET /v1/subscriptions lists them"
    )
