"""Bodies about backfills and standing orders, as the OpenAPI document describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from amber.service.models import Hash, JobProblem, Name

ItemState = Literal["waiting", "asked", "ready", "failed", "cancelled"]
DeliveryState = Literal["open", "due", "sent", "refused"]


class WishBody(BaseModel):
    """What is asked for of each of many assets, alone."""

    model_config = ConfigDict(extra="forbid", strict=True)

    algorithm: Name
    version: Name | None = None
    #: `algorithm.name` or a bare name → value.
    settings: dict[str, str | int | float | bool] = {}
    #: Result type → algorithm that shall produce it.
    use: dict[str, str] = {}
    #: Labels that an asset must have.
    where: dict[Name, Annotated[str, Field(max_length=1000)]] = {}


class BackfillBody(WishBody):
    """A feature of the assets that there are, or of some."""

    #: Only these; all that have the labels, unless said.
    assets: Annotated[list[Hash], Field(min_length=1, max_length=10_000)] | None = None
    dry_run: bool = False
    #: So many first; the rest waits if one of them fails.
    canary: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    #: So many jobs at once, at most.
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 8
    #: So many jobs a second, at most; 0: any number.
    rate: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0


class SubscriptionBody(WishBody):
    """A feature of every asset, whenever it comes."""

    #: A URL that is told of each feature.
    webhook: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class Forecast(BaseModel):
    """What a backfill would do."""

    to_compute: int
    hits: int
    seconds: float
    bytes: int
    unmeasured_steps: int


class Wished(BaseModel):
    """What is asked for of each asset."""

    algorithm: str
    version: str | None
    settings: dict[str, Any]
    use: dict[str, str]
    where: dict[str, str]


class Backfill(Wished):
    """A feature of many assets, and how far it is."""

    backfill: str
    state: Literal["running", "paused", "done", "cancelled"]
    reason: str | None
    total: int
    waiting: int
    asked: int
    ready: int
    failed: int
    cancelled: int
    hits: int
    canary: int
    concurrency: int
    rate: float
    expected_seconds: float
    elapsed_seconds: float
    eta_seconds: float | None
    who: str
    made_at: str | None
    ended_at: str | None


class Backfills(BaseModel):
    """All backfills."""

    backfills: list[Backfill]


class BackfillItem(BaseModel):
    """An asset of a backfill."""

    position: int
    asset: Hash
    state: ItemState
    hit: bool
    job: Hash | None
    problem: JobProblem | None


class BackfillItems(BaseModel):
    """A page of the assets of a backfill."""

    items: list[BackfillItem]
    next_after: int | None


class Subscription(Wished):
    """A standing order, and how it stands."""

    subscription: str
    webhook: str | None
    wanted: int
    ready: int
    open: int
    failed: int
    lag_seconds: float
    who: str
    made_at: str | None
    checked_at: str | None


class NewSubscription(Subscription):
    """A standing order, with what its calls are signed with."""

    secret: str | None


class Subscriptions(BaseModel):
    """All standing orders."""

    subscriptions: list[Subscription]


class Delivery(BaseModel):
    """What a webhook is told of a feature."""

    key: Hash
    asset: Hash
    state: DeliveryState
    attempts: int
    next_at: str | None
    problem: str | None


class Deliveries(BaseModel):
    """What a webhook is told."""

    deliveries: list[Delivery]
