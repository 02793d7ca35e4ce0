"""Bodies as the OpenAPI document describes them; what comes in is checked against these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Hex SHA-256.")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
State = Literal["absent", "queued", "running", "ready", "failed"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AskBody(_Strict):
    """What is asked for: an algorithm for these assets."""

    algorithm: Name
    #: Hashes; several make one joint feature.
    assets: Annotated[list[Hash], Field(min_length=1, max_length=10_000)]
    version: Name | None = None
    #: `algorithm.name` or a bare name → value.
    settings: dict[str, str | int | float | bool] = {}
    #: Result type → algorithm that shall produce it.
    use: dict[str, str] = {}


class SearchBody(_Strict):
    """What is looked for, and where."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]
    #: Hashes; the whole library, unless these or labels are given.
    assets: Annotated[list[Hash], Field(max_length=10_000)] = []
    #: Labels that assets have, beside those named.
    labels: dict[Name, str] = {}
    #: How words are compared with shots: `labels` or `clip`.
    by: Name = "labels"
    #: How many shots are wanted; the list has 100 at least, if there are as many.
    top: Annotated[int, Field(ge=1, le=100_000)] = 20
    #: Only in titles of which everything is stored already.
    ready: bool = True
    #: `algorithm.name` or a bare name → value.
    settings: dict[str, str | int | float | bool] = {}
    #: Result type → algorithm that shall produce it.
    use: dict[str, str] = {}


class LocationBody(_Strict):
    """A file that the service may read, or an upload that has all its bytes; one of both."""

    uri: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    upload: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    title: Annotated[str, Field(max_length=1000)] | None = None


class LabelBody(_Strict):
    """A title, and labels; null removes one."""

    title: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    labels: dict[Name, Annotated[str, Field(max_length=1000)] | None] = {}


class RetryBody(_Strict):
    """Whose failures shall be forgotten; all, unless said."""

    algorithm: Name | None = None
    asset: Hash | None = None


Reason = Annotated[str, Field(min_length=1, max_length=10_000)]
PlanId = Annotated[str, Field(pattern="^[0-9a-f]{12}$", description="Names a plan.")]


class InvalidateBody(_Strict):
    """A reason, for a plan; or the id of a plan, which applies it."""

    reason: Reason | None = None
    #: Only of these; of all, unless said.
    assets: Annotated[list[Hash], Field(max_length=10_000)] = []
    #: Only of the assets with all these labels.
    where: dict[Name, Annotated[str, Field(max_length=1000)]] = {}
    with_dependants: bool = False
    plan_id: PlanId | None = None


class RestoreBody(_Strict):
    """The plan that shall be taken back."""

    plan_id: PlanId


class ForgetBody(_Strict):
    """A reason, for a plan; or the id of a plan, which applies it."""

    reason: Reason | None = None
    plan_id: PlanId | None = None


class Asset(BaseModel):
    """An asset of the library."""

    asset: Hash
    title: str
    duration_seconds: float
    frame_count: int
    labels: dict[str, str]
    width: int
    height: int
    rate: str | None
    partial: bool
    added_at: str | None


class ShownAsset(Asset):
    """An asset with where it was seen."""

    facts: dict[str, Any]
    locations: list[dict[str, Any]]


class Ingested(Asset):
    """An asset that was named."""

    state: Literal["new", "known"]


class Upload(BaseModel):
    """Bytes that come in parts."""

    upload: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    size_bytes: int
    #: How many bytes are there; what follows is sent next.
    offset: int
    title: str
    asset: Hash | None
    expires_at: str


class Assets(BaseModel):
    """A page of assets."""

    assets: list[Asset]
    next_after: str | None


class Value(BaseModel):
    """A value by name and size."""

    sha256: Hash
    size_bytes: int


class Stored(BaseModel):
    """A stored feature."""

    feature: Hash
    algorithm: str
    version: str
    assets: list[Hash]
    settings: dict[str, Any]
    value: Value
    seconds: float
    created_at: str | None


class StoredFeatures(BaseModel):
    """A page of stored features."""

    features: list[Stored]
    next_after: int | None


class Key(BaseModel):
    """What was asked for."""

    assets: list[Hash]
    algorithm: str
    version: str
    settings: dict[str, Any]


class Computed(BaseModel):
    """A step that was computed for a job."""

    algorithm: str
    assets: list[Hash]
    seconds: float


class Feature(BaseModel):
    """A ready feature, with a page of its rows."""

    feature: Hash
    key: Key
    state: Literal["ready"]
    hit: bool
    value: Value
    computed: list[Computed]
    seconds: float
    created_at: str | None
    row_count: int
    next_after: int | None
    rows: list[dict[str, Any]]


class JobProblem(BaseModel):
    """Why a job failed."""

    error: str
    detail: str


class Job(BaseModel):
    """An ask in flight, and how far it is."""

    job: Hash
    algorithm: str
    assets: list[Hash]
    state: Literal["queued", "running", "ready", "failed", "cancelled"]
    step: str | None
    done: int
    total: int
    unit: str
    steps_done: int
    steps_total: int
    eta_seconds: float | None
    feature: Hash | None
    computed: list[Computed]
    problem: JobProblem | None
    revision: int
    created_at: str | None
    started_at: str | None
    changed_at: str | None


class Jobs(BaseModel):
    """A page of jobs."""

    jobs: list[Job]
    next_after: str | None


class Item(BaseModel):
    """The answer to one ask of several."""

    status: int
    feature: dict[str, Any] | None = None
    job: Job | None = None
    problem: dict[str, Any] | None = None


class Items(BaseModel):
    """The answers to several asks, in their order."""

    items: list[Item]


class PlannedStep(BaseModel):
    """What would become of one step."""

    algorithm: str
    assets: list[Hash]
    mark: Literal["hit", "miss", "depends"]
    reason: str
    seconds: float | None


class Plan(BaseModel):
    """What an ask would do."""

    steps: list[PlannedStep]
    seconds: float


class KeptPlan(BaseModel):
    """What a plan would do, or did."""

    plan_id: str
    action: Literal["invalidate", "forget", "retain"]
    state: str
    features: int
    dependants: int
    bytes: int
    seconds: float
    most_seconds: float
    steps: list[dict[str, Any]]
    assets: list[Hash] | None
    where: dict[str, str]
    reason: str
    who: str
    made_at: str | None
    applied_at: str | None


class StateAnswer(BaseModel):
    """How far a feature is."""

    state: State


class Account(BaseModel):
    """Sums of one algorithm's version, for one requester and one kind of machine."""

    algorithm: str
    version: str
    requester: str
    #: The kind of machine that computed; empty for what was found, and for what was computed before kinds were known.
    machine: str
    computed: int
    seconds: float
    cpu_seconds: float
    bytes_read: int
    peak_memory_bytes: int
    #: How often a stored feature was found, the wall seconds that these took once, and the bytes of their values.
    hits: int
    saved_seconds: float
    saved_bytes: int


class Costs(BaseModel):
    """What was spent and saved."""

    seconds: float
    saved_seconds: float
    saved_bytes: int
    rows: list[Account]


class Algorithm(BaseModel):
    """A loaded version of an algorithm."""

    name: str
    version: str
    is_default: bool
    inputs: list[dict[str, Any]]
    settings: dict[str, Any]
    weights: dict[str, Any]
    resources: dict[str, Any]
    result: str
    help: str


class Edge(BaseModel):
    """One algorithm's result enters another one."""

    producer: str
    consumer: str
    parameter: str
    arity: Literal["one", "each", "pair"]


class Graph(BaseModel):
    """The loaded algorithms and what enters them."""

    algorithms: list[str]
    edges: list[Edge]


class Forgotten(BaseModel):
    """How many failures were forgotten."""

    forgotten: int


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "unavailable"]
    version: str
