"""Search: words to shots."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from amber.editing.searching import DEFAULT, SEARCHES, Found, SearchAsk, ask_of, found_in
from amber.engine.overview import overview
from amber.errors import AssetNotFoundError
from amber.service.context import Service, TheService, asker_of
from amber.service.features import Desk
from amber.service.pages.library import loaded
from amber.service.pages.rendering import page, seen_other
from amber.service.pages.visitors import Editor, PageRoute, TheForm, Viewer

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Shots that are shown.
TOP = 60


@router.get("/search")
async def get_search(
    request: Request,
    service: TheService,
    caller: Viewer,
    q: Annotated[str, Query(max_length=1000)] = "",
    by: Annotated[str, Query(max_length=50)] = DEFAULT,
) -> Response:
    """The shots that fit, if that search was made before; else how far it is."""
    desk: Desk = request.app.state.desk
    values = await service.run(lambda: _values(service, desk, q.strip(), by))
    return page(request, "search.html", {"title": "Search", "q": q.strip(), "by": by, **values})


@router.post("/search")
async def post_search(request: Request, service: TheService, caller: Editor, form: TheForm) -> Response:
    """Searches; a search that nobody made yet is made by a worker, and kept."""
    from urllib.parse import urlencode

    words, by = form.get("q"), form.get("by", DEFAULT)
    desk: Desk = request.app.state.desk

    def ask() -> None:
        wanted = ask_of(service.amber.engine, _ask(service, words, by))
        if desk.find(wanted) is None:
            desk.ask(wanted, asker_of(request, caller))

    if words:
        await service.run(ask)
    return seen_other(f"/search?{urlencode({'q': words, 'by': by})}")


def _ask(service: Service, words: str, by: str) -> SearchAsk:
    assets = tuple(record.asset for record in service.amber.assets())
    return SearchAsk(words, assets, by, TOP, ready=True)


def _values(service: Service, desk: Desk, words: str, by: str) -> dict[str, Any]:
    records = {record.asset: record for record in service.amber.assets()}
    values: dict[str, Any] = {
        "searches": [
            name for name, algorithm in SEARCHES.items() if algorithm in service.amber.registry.names()
        ],
        "total": len(records),
        "found": None,
        "job": None,
        "failure": None,
        "lacking": None,
        "records": records,
        "pictured": set(),
    }
    if not words:
        return values
    engine, ask = service.amber.engine, _ask(service, words, by)
    try:
        wanted = ask_of(engine, ask)
    except AssetNotFoundError as error:
        return {**values, "lacking": str(error)}
    ready = desk.find(wanted)
    if ready is None:
        _, key, _ = engine.look_up(engine.closure(wanted), wanted)
        job = engine.store.catalog.job(key)
        if job is not None and job.state == "failed":
            return {**values, "failure": job}
        return {**values, "job": job if job is not None and not job.is_ended else None}
    searched = [records[asset] for asset in wanted.assets]
    found: Found = found_in(engine.stored_feature(wanted, ready.trace), searched, ask)
    pictured = overview(engine, loaded(service, "standard"), wanted.assets).ready.get("standard", set())
    return {**values, "found": found, "pictured": pictured}
