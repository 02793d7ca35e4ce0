"""Algorithms: what enters what, how much there is of each version, and disowning what a version made."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.engine.documents import algorithm_document, graph_document
from amber.engine.invalidate import apply_plan, named_version, plan_forget, plan_invalidation, undo_plan
from amber.service.admin import who_of
from amber.service.context import Service, TheService, named_asset
from amber.service.pages.rendering import page, seen_other
from amber.service.pages.spans import Found, compared
from amber.service.pages.visitors import Admin, PageRoute, TheForm, Viewer
from amber.store.protocol import KeptPlan

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: The size of a box of the graph, and the room that it takes, in the units of the drawing.
BOX_WIDTH, BOX_HEIGHT, ACROSS, DOWN = 184, 40, 226, 54


@dataclass
class Amount:
    """How much is stored of a version."""

    values: int = 0
    size_bytes: int = 0
    mean_seconds: float | None = None


@dataclass(frozen=True)
class Box:
    """An algorithm in the drawing of the graph."""

    name: str
    x: int
    y: int
    running: int
    queued: int
    values: int


@dataclass(frozen=True)
class Drawing:
    """The graph, laid out: inputs to the left of what is made from them."""

    boxes: dict[str, Box]
    edges: list[tuple[str, str]]
    width: int
    height: int


@dataclass(frozen=True)
class Version:
    """A version of an algorithm: loaded, or only stored by an earlier release."""

    name: str
    document: dict[str, Any] | None
    amount: Amount
    plans: list[KeptPlan] = field(default_factory=list)
    #: What it found in the film that is looked at, if it is stored and is spans of frames.
    found: Found | None = None


@router.get("/algorithms")
async def get_algorithms(request: Request, service: TheService, caller: Viewer) -> Response:
    """The graph with its live states, and what was disowned."""
    values = await service.run(lambda: _overview(service))
    return page(request, "algorithms.html", {"title": "Algorithms", **values})


@router.get("/algorithms/{algorithm}")
async def get_algorithm(
    request: Request, service: TheService, caller: Viewer, algorithm: str, film: str = ""
) -> Response:
    """The versions of an algorithm, side by side; for a film, with what each found in it."""
    values = await service.run(lambda: _versions(service, algorithm, film))
    return page(request, "algorithm.html", {"title": algorithm, "name": algorithm, **values})


@router.post("/algorithms/{algorithm}/versions/{version}/invalidate")
async def post_invalidate(
    request: Request, service: TheService, caller: Admin, algorithm: str, version: str, form: TheForm
) -> Response:
    """Plans what disowning a version would cover; nothing is disowned before the plan is applied."""
    store, registry = service.amber.store, service.amber.registry

    def planned() -> KeptPlan:
        target = named_version(registry, store, f"{algorithm}@{version}")
        assets = [named_asset(service, film).asset for film in form.all("film") if film]
        return plan_invalidation(
            store,
            target,
            assets=assets,
            with_dependants=form.get("with_dependants") == "1",
            reason=form.get("reason"),
            who=who_of(caller),
        )

    return seen_other(f"/plans/{(await service.run(planned)).id}")


@router.post("/films/{asset}/forget")
async def post_forget(
    request: Request, service: TheService, caller: Admin, asset: str, form: TheForm
) -> Response:
    """Plans what taking a film down would remove."""
    store, reason = service.amber.store, form.get("reason")
    plan = await service.run(
        lambda: plan_forget(store, named_asset(service, asset).asset, reason=reason, who=who_of(caller))
    )
    return seen_other(f"/plans/{plan.id}")


@router.get("/plans/{plan}")
async def get_plan(request: Request, service: TheService, caller: Viewer, plan: str) -> Response:
    """What a plan would do, or did, and what it costs."""
    found = await service.run(lambda: service.amber.store.catalog.plan(plan))
    titles = await service.run(lambda: _titles(service, found))
    return page(request, "plan.html", {"title": f"Plan {found.id}", "plan": found, "titles": titles})


@router.post("/plans/{plan}/apply")
async def post_apply(
    request: Request, service: TheService, caller: Admin, plan: str, form: TheForm
) -> Response:
    """Does what the plan says, or nothing where the world has drifted since."""
    store = service.amber.store

    def apply() -> None:
        apply_plan(store, plan, action=store.catalog.plan(plan).action, who=who_of(caller))

    await service.run(apply)
    return seen_other(f"/plans/{plan}")


@router.post("/plans/{plan}/undo")
async def post_undo(
    request: Request, service: TheService, caller: Admin, plan: str, form: TheForm
) -> Response:
    """Takes an applied plan back."""
    await service.run(lambda: undo_plan(service.amber.store, plan, who=who_of(caller)))
    return seen_other(f"/plans/{plan}")


def amounts(service: Service) -> dict[tuple[str, str], Amount]:
    """(algorithm, version) → how much is stored of it."""
    catalog = service.amber.store.catalog
    found: dict[tuple[str, str], Amount] = {}
    for usage in catalog.usage():
        amount = found.setdefault((usage.algorithm, usage.version), Amount())
        amount.size_bytes += usage.size_bytes
        if usage.kind == "value":
            amount.values += usage.blobs
    for key, mean in catalog.mean_seconds().items():
        found.setdefault(key, Amount()).mean_seconds = mean
    return found


def _overview(service: Service) -> dict[str, Any]:
    registry, there = service.amber.registry, amounts(service)
    states: dict[str, dict[str, int]] = {}
    for job in service.amber.jobs():
        name = job.progress.step if job.state == "running" and job.progress.step else job.algorithm
        counts = states.setdefault(name, {})
        counts[job.state] = counts.get(job.state, 0) + 1
    document = graph_document(registry)
    rows = [
        (
            algorithm_document(registry, registry.get(name, version)),
            there.get((name, version), Amount()),
        )
        for name in registry.names()
        for version in registry.versions(name)
    ]
    plans = sorted(service.amber.store.catalog.plans(), key=lambda plan: str(plan.made_at), reverse=True)
    values = {
        name: sum(one.values for key, one in there.items() if key[0] == name) for name in registry.names()
    }
    return {"drawing": drawing(document, states, values), "rows": rows, "plans": plans[:50]}


def drawing(document: dict[str, Any], states: dict[str, dict[str, int]], values: dict[str, int]) -> Drawing:
    """Lays a graph out: each algorithm one column to the right of the last of its inputs."""
    edges = sorted({(edge["producer"], edge["consumer"]) for edge in document["edges"]})
    depth: dict[str, int] = dict.fromkeys(document["algorithms"], 0)
    for _ in document["algorithms"]:
        for producer, consumer in edges:
            depth[consumer] = max(depth[consumer], depth[producer] + 1)
    columns: dict[int, list[str]] = {}
    for name in document["algorithms"]:
        columns.setdefault(depth[name], []).append(name)
    most = max(map(len, columns.values()), default=0)
    boxes = {}
    for column, names in columns.items():
        top = (most - len(names)) * DOWN // 2
        for row, name in enumerate(names):
            counts = states.get(name, {})
            boxes[name] = Box(
                name,
                column * ACROSS,
                top + row * DOWN,
                counts.get("running", 0),
                counts.get("queued", 0),
                values.get(name, 0),
            )
    width = max(columns, default=0) * ACROSS + BOX_WIDTH
    return Drawing(boxes, edges, width, max(1, most) * DOWN - (DOWN - BOX_HEIGHT))


def _versions(service: Service, algorithm: str, film: str) -> dict[str, Any]:
    """The versions of an algorithm, the default one first, then those that are only stored."""
    registry, there = service.amber.registry, amounts(service)
    registered = registry.versions(algorithm) if algorithm in registry.names() else ()
    stored = {version for name, version in there if name == algorithm} - set(registered)
    if not registered and not stored:
        registry.get(algorithm)  # says which there are
    plans = [one for one in service.amber.store.catalog.plans() if one.action == "invalidate"]
    record = named_asset(service, film) if film else None
    spans = compared(service.amber.engine, algorithm, service.amber.features(record.asset)) if record else {}
    found = []
    for version in [*reversed(registered), *sorted(stored)]:
        document = None
        if version in registered:
            document = algorithm_document(registry, registry.get(algorithm, version))
        theirs = [
            plan for plan in plans if (algorithm, version) in {(d.algorithm, d.version) for d in plan.doomed}
        ]
        amount = there.get((algorithm, version), Amount())
        found.append(Version(version, document, amount, theirs[::-1], spans.get(version)))
    edges = graph_document(registry)["edges"]
    users = sorted({edge["consumer"] for edge in edges if edge["producer"] == algorithm})
    return {"versions": found, "users": users, "films": service.amber.assets(), "record": record}


def _titles(service: Service, plan: KeptPlan) -> list[tuple[str, str]]:
    """The films that a plan names, as far as they are recorded."""
    named = list(plan.assets or ()) or [one for one in [plan.detail.get("asset")] if one]
    records = [(asset, service.amber.store.catalog.asset(asset)) for asset in named[:50]]
    return [(asset, record.title if record else asset[:12]) for asset, record in records]
