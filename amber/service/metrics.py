"""What the service and its workers count, for Prometheus."""

import os
from collections.abc import Iterator
from functools import cache

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from amber.engine.compute import Computed
from amber.engine.events import StepEvent
from amber.errors import StoreError
from amber.service.auth import Caller
from amber.service.context import Reader, Service, TheService
from amber.service.problems import problems
from amber.store.jobs import JobCatalog
from amber.store.protocol import Catalog, Trace
from amber.store.subscriptions import SubscriptionCatalog

router = APIRouter(tags=["operation"])
#: A folder through which processes of one machine add up what they count; see prometheus_client.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)

OWN = CollectorRegistry()
REQUESTS = Counter("amber_requests", "Requests answered.", ["route", "method", "status"], registry=OWN)
REQUEST_SECONDS = Histogram(
    "amber_request_seconds", "How long requests took.", ["route"], registry=OWN, buckets=_SECONDS
)
OPEN_REQUESTS = Gauge("amber_open_requests", "Requests in hand.", registry=OWN, multiprocess_mode="livesum")
HITS = Counter("amber_hits", "Features found by what was asked for.", ["algorithm"], registry=OWN)
MISSES = Counter(
    "amber_misses", "Features that were not stored when they were asked for.", ["algorithm"], registry=OWN
)
EARLY_CUTOFFS = Counter(
    "amber_early_cutoffs",
    "Features found by what they are made from, and only linked.",
    ["algorithm"],
    registry=OWN,
)
JOINED = Counter("amber_joined", "Steps that another worker computed meanwhile.", ["algorithm"], registry=OWN)
COMPUTED_SECONDS = Counter(
    "amber_computed_seconds", "Wall seconds that computing took.", ["algorithm"], registry=OWN
)
STEP_SECONDS = Histogram(
    "amber_step_seconds",
    "How long steps took that were computed.",
    ["algorithm"],
    registry=OWN,
    buckets=_SECONDS,
)
SAVED_SECONDS = Counter(
    "amber_saved_seconds",
    "Wall seconds that the steps took once that were found: of these steps alone, not of those below them.",
    ["algorithm"],
    registry=OWN,
)
SAVED_BYTES = Counter("amber_saved_bytes", "Bytes of values that were found.", ["algorithm"], registry=OWN)
TAKEOVERS = Counter(
    "amber_takeovers",
    "Jobs (`job`), and leases on features (`feature`), taken over from workers that died or stood still.",
    ["what"],
    registry=OWN,
)
MACHINE_SECONDS = Counter(
    "amber_machine_seconds",
    "Wall seconds that computing took on each machine of a cluster: of a second, so much of its time goes into a stage.",
    ["machine", "algorithm"],
    registry=OWN,
)
QUEUE_SECONDS = Histogram(
    "amber_queue_seconds",
    "How long steps waited in a cluster and on the way there and back.",
    ["algorithm"],
    registry=OWN,
    buckets=_SECONDS,
)
TRANSFERRED = Counter(
    "amber_transferred_bytes",
    "Bytes that steps on a machine of a cluster read (`read`), and stored (`written`).",
    ["machine", "way"],
    registry=OWN,
)
JOBS_ENDED = Counter("amber_jobs_ended", "Jobs that workers ended.", ["algorithm", "state"], registry=OWN)


def count_step(event: StepEvent) -> None:
    """Count what became of a step."""
    name = event.step.algorithm
    if event.state in ("hit", "linked"):
        (HITS if event.state == "hit" else EARLY_CUTOFFS).labels(name).inc()
        SAVED_SECONDS.labels(name).inc(event.saved_seconds)
        SAVED_BYTES.labels(name).inc(event.saved_bytes)
    elif event.state == "computed":
        MISSES.labels(name).inc()
        COMPUTED_SECONDS.labels(name).inc(event.seconds)
        STEP_SECONDS.labels(name).observe(event.seconds)
        if event.made is not None and event.made.machine:
            _count_machine(name, event.made)
    elif event.state == "joined":
        JOINED.labels(name).inc()
    elif event.state == "started" and event.taken_over:
        TAKEOVERS.labels("feature").inc()


def _count_machine(algorithm: str, made: Computed) -> None:
    """Count a step that a machine of a cluster computed."""
    MACHINE_SECONDS.labels(made.machine, algorithm).inc(made.cost.seconds)
    QUEUE_SECONDS.labels(algorithm).observe(made.queue_seconds)
    TRANSFERRED.labels(made.machine, "read").inc(made.cost.bytes_read)
    written = sum(blob.size_bytes for blob in (made.value, *made.files))
    TRANSFERRED.labels(made.machine, "written").inc(written)


@cache
def _hit_counters(algorithm: str) -> tuple[Counter, Counter, Counter]:
    return HITS.labels(algorithm), SAVED_SECONDS.labels(algorithm), SAVED_BYTES.labels(algorithm)


def count_hit(service: Service, trace: Trace, caller: Caller) -> None:
    """Count a feature that was answered as it is stored, and what that saved whoever asked."""
    service.amber.engine.savings.note(trace, caller.name)
    hits, seconds, size_bytes = _hit_counters(trace.algorithm)
    hits.inc()
    seconds.inc(trace.seconds)
    size_bytes.inc(trace.value.size_bytes)


#: What is read from the catalogue when it is asked for: name → what it tells, and its labels.
READ: dict[str, tuple[str, tuple[str, ...]]] = {
    "amber_jobs": ("Jobs in each state; those queued are the queue.", ("state",)),
    "amber_subscription_lag_seconds": (
        "How long the longest waiting feature of a standing order has waited.",
        ("subscription", "algorithm"),
    ),
    "amber_subscription_assets": (
        "Assets of a standing order by how it stands to them.",
        ("subscription", "algorithm", "state"),
    ),
}


def _family(name: str) -> GaugeMetricFamily:
    help_text, labels = READ[name]
    return GaugeMetricFamily(name, help_text, labels=labels)


class _Queue(Collector):
    """How many jobs are in each state, read from the catalogue when it is asked for.

    Args:
        catalog: Where jobs are.
    """

    def __init__(self, catalog: JobCatalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The numbers; none where the catalogue cannot be read."""
        family = _family("amber_jobs")
        try:
            counts = self._catalog.count_jobs()
        except StoreError:
            return
        for state in ("queued", "running", "ready", "failed", "cancelled"):
            family.add_metric([state], counts.get(state, 0))
        yield family


class _Orders(Collector):
    """How standing orders stand, and what webhooks are still to be told, read from the catalogue when it is asked for.

    Args:
        catalog: Where orders are.
    """

    def __init__(self, catalog: SubscriptionCatalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The numbers; none where the catalogue cannot be read."""
        lag, assets = _family("amber_subscription_lag_seconds"), _family("amber_subscription_assets")
        try:
            orders = self._catalog.subscriptions()
        except StoreError:
            return
        for order in orders:
            named = [order.id, order.wish.algorithm]
            lag.add_metric(named, order.standing.lag_seconds)
            for state in ("ready", "open", "failed"):
                assets.add_metric([*named, state], getattr(order.standing, state))
        yield lag
        yield assets


def exposition(catalog: Catalog) -> bytes:
    """Everything that is counted, as Prometheus reads it."""
    counted = OWN
    if os.environ.get(SHARED):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    queue = CollectorRegistry()
    queue.register(_Queue(catalog))
    queue.register(_Orders(catalog))
    return generate_latest(counted) + generate_latest(queue)


@router.get(
    "/metrics",
    responses={
        200: {"description": "The numbers.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(),
    },
    summary="What is counted, for Prometheus",
)
async def get_metrics(service: TheService, caller: Reader) -> Response:
    """What this process and the workers that it started have counted, and the jobs of the catalogue."""
    text = await service.run(lambda: exposition(service.amber.store.catalog))
    return Response(text, media_type=_CONTENT_TYPE)
