"""Work: what runs and waits, what failed and why, backfills and standing orders, and what was spent and saved."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.engine.jobs import ask_again
from amber.errors import UsageError
from amber.service.admin import who_of
from amber.service.context import Service, TheService, asker_of, named_asset
from amber.service.pages.rendering import page, seen_other
from amber.service.pages.visitors import Admin, Editor, PageRoute, TheForm, Viewer
from amber.store.accounts import Account
from amber.store.backfills import Wish
from amber.store.jobs import Job

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Rows of a table; the rest is counted.
MOST_ROWS = 100


@router.get("/jobs")
async def get_work(request: Request, service: TheService, caller: Viewer) -> Response:
    """Everything that goes on; a script takes the page again now and then."""
    values = await service.run(lambda: _values(service))
    return page(request, "work.html", {"title": "Work", **values})


@router.post("/jobs/retry")
async def post_retry(request: Request, service: TheService, caller: Admin, form: TheForm) -> Response:
    """Forgets failures, all or some, and asks again for what failed."""
    algorithm, film = form.get("algorithm") or None, form.get("asset") or None

    def retry() -> str | None:
        asset = named_asset(service, film).asset if film else None
        failed = [
            job
            for job in service.amber.jobs(ended=True)
            if job.state == "failed" and (asset is None or asset in job.assets)
        ]
        if algorithm is not None:
            failed = [job for job in failed if job.algorithm == algorithm]
        service.amber.retry(None, asset)
        ask_again(service.amber.store, failed, asker_of(request, caller))
        return asset

    asset = await service.run(retry)
    return seen_other(f"/films/{asset}" if asset and form.get("next") != "work" else "/jobs")


@router.post("/jobs/cancel")
async def post_cancel(request: Request, service: TheService, caller: Admin, form: TheForm) -> Response:
    """Cancels a job for everybody who asked for it."""
    await service.run(lambda: service.amber.cancel(form.get("job")))
    return seen_other("/jobs")


@router.get("/jobs/backfills/plan")
async def get_forecast(
    request: Request, service: TheService, caller: Editor, algorithm: str, label: str = "", value: str = ""
) -> Response:
    """What a backfill would do and cost; nothing begins before somebody says so there."""
    wish = _wish(algorithm, label, value)
    forecast = await service.run(lambda: service.amber.backfills.plan(wish))
    values = {"wish": wish, "label": label, "value": value, "forecast": forecast}
    return page(request, "backfill.html", {"title": f"Backfill of {algorithm}", **values})


@router.post("/jobs/backfills")
async def post_backfill(request: Request, service: TheService, caller: Editor, form: TheForm) -> Response:
    """Begins a backfill over all films, or those with a label."""
    wish = _wish(form.get("algorithm"), form.get("label"), form.get("value"))
    canary = form.number("canary") if form.get("canary") else 0
    await service.run(lambda: service.amber.backfills.start(wish, canary=canary, who=who_of(caller)))
    return seen_other("/jobs#backfills")


@router.post("/jobs/backfills/{backfill}/{action}")
async def post_move(
    request: Request, service: TheService, caller: Editor, backfill: str, action: str, form: TheForm
) -> Response:
    """Pauses a backfill, lets it go on, or ends it."""
    backfills = service.amber.backfills
    moves = {"pause": backfills.pause, "resume": backfills.resume, "cancel": backfills.cancel}
    if action not in moves:
        raise UsageError(f"a backfill can {', '.join(moves)}; found {action[:50]!r}")
    await service.run(lambda: moves[action](backfill))
    return seen_other("/jobs#backfills")


def _wish(algorithm: str, label: str, value: str) -> Wish:
    """A feature of all films, or of those with a label."""
    return Wish(algorithm, where={label: value} if label else {})


def _values(service: Service) -> dict[str, Any]:
    amber = service.amber
    jobs = amber.jobs(ended=True)
    going = sorted((job for job in jobs if not job.is_ended), key=_urgency)
    failed = sorted((job for job in jobs if job.state == "failed"), key=lambda job: -job.changed_at)
    titles = {record.asset: record.title for record in amber.assets()}
    accounts = _by_version(amber.costs())
    return {
        "going": going[:MOST_ROWS],
        "going_count": len(going),
        "failed": failed[:MOST_ROWS],
        "failed_count": len(failed),
        "titles": titles,
        "backfills": amber.backfills.all()[::-1][:MOST_ROWS],
        "subscriptions": amber.subscriptions.all(),
        "accounts": accounts,
        "spent": sum(one.seconds for one in accounts),
        "saved": sum(one.saved_seconds for one in accounts),
        "saved_bytes": sum(one.saved_bytes for one in accounts),
        "hits": sum(one.hits for one in accounts),
        "computed": sum(one.computed for one in accounts),
        "stored_bytes": sum(usage.size_bytes for usage in amber.store.catalog.usage()),
        "algorithms": amber.registry.names(),
    }


def _urgency(job: Job) -> Any:
    return job.state != "running", -job.priority, job.created_at


def _by_version(accounts: list[Account]) -> list[Account]:
    """Sums over requesters, what was saved most first."""
    found: dict[tuple[str, str], Account] = {}
    for one in accounts:
        key = (one.algorithm, one.version)
        found[key] = found[key] + one if key in found else one
    return sorted(found.values(), key=lambda one: -(one.saved_seconds + one.seconds))
