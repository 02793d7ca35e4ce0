"""Match cuts: a list of pairs with their frames side by side, played, kept or rejected, and exported."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from amber.editing.cuts import Cut, Side
from amber.editing.exports import WRITERS
from amber.editing.flavours import DEFAULT, FLAVOURS
from amber.editing.lit import BLACK_RUNS, Run, runs_of
from amber.editing.matching import MatchAsk, MatchCuts, Shown, Title, cuts_in, pairs_ask
from amber.engine.ask import Ask, Feature
from amber.engine.overview import overview
from amber.errors import UsageError
from amber.plan import Plan
from amber.service.admin import who_of
from amber.service.context import Service, TheService, asker_of, named_asset
from amber.service.features import Desk
from amber.service.pages.library import film_of, loaded
from amber.service.pages.rendering import HEADERS, page, seen_other
from amber.service.pages.visitors import Editor, Form, PageRoute, TheForm, Viewer
from amber.store.jobs import Job

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Cuts of one page.
PAGE_CUTS = 48
#: How many pairs a list may have.
DEPTHS = (1000, 10_000, 100_000)
#: The producer whose groups leave out shots without people.
_PEOPLE = {"DuplicateGroups": "people_groups"}
#: Fields of the form that are filters of the flavour's algorithm.
_NUMBERS = ("min_seconds", "max_seconds", "apart_seconds")
_MEDIA_TYPES = {".otio": "application/json", ".edl": "text/plain; charset=utf-8", ".csv": "text/csv"}


@dataclass(frozen=True)
class Wanted:
    """What an editor chose on the page."""

    films: tuple[str, ...] = ()
    flavour: str = DEFAULT
    shown: Shown = "wanted"
    #: Name → text, as it was written; empty ones are left out.
    filters: Mapping[str, str] = field(default_factory=dict)
    other_title: bool = False
    people: bool = False
    depth: int = DEPTHS[0]
    number: int = 1

    def ask(self, top: int = PAGE_CUTS) -> MatchAsk:
        """The same, as the editing room takes it."""
        filters: dict[str, object] = dict(self.filters)
        if self.other_title:
            filters["other_title_only"] = True
        if self.depth != DEPTHS[0]:
            filters["depth"] = self.depth
        use = _PEOPLE if self.people else {}
        return MatchAsk(self.films, self.flavour, top, {}, use, filters, self.shown)

    def query(self, **other: object) -> str:
        """The address of this list, or of one that differs a little."""
        fields: list[tuple[str, object]] = [("film", film) for film in self.films]
        said: dict[str, object] = {"flavour": self.flavour, "shown": self.shown, **self.filters}
        if self.other_title:
            said["other_title"] = "1"
        if self.people:
            said["people"] = "1"
        if self.depth != DEPTHS[0]:
            said["depth"] = self.depth
        return urlencode([*fields, *{**said, **other}.items()])


@router.get("/cuts")
async def get_cuts(request: Request, service: TheService, caller: Viewer) -> Response:
    """The list that was chosen; or how to come to one."""
    wanted = _wanted(request.query_params)
    desk: Desk = request.app.state.desk
    values = await service.run(lambda: _values(service, desk, wanted))
    return page(request, "cuts.html", {"title": "Match cuts", "wanted": wanted, **values})


@router.post("/cuts/ask")
async def post_ask(request: Request, service: TheService, caller: Editor, form: TheForm) -> Response:
    """Asks for the list of pairs that a page lacks."""
    wanted = _wanted(_said(form))
    desk: Desk = request.app.state.desk

    def ask() -> Wanted:
        found = replace(wanted, films=_hashes(service, wanted))
        asker = asker_of(request, caller)
        desk.ask(pairs_ask(service.amber.engine, found.ask())[0], asker)
        for film in found.films if loaded(service, BLACK_RUNS) else ():
            if desk.find(Ask(BLACK_RUNS, (film,))) is None:
                desk.ask(Ask(BLACK_RUNS, (film,)), asker)
        return found

    return seen_other(f"/cuts?{(await service.run(ask)).query()}")


@router.post("/cuts/verdicts")
async def post_verdict(request: Request, service: TheService, caller: Editor, form: TheForm) -> Response:
    """Keeps a cut, rejects it, or takes back what was said; it is named by the frames of its two shots."""
    cut, said = _named_cut(form), form.get("verdict")

    def judge() -> str:
        for side in (cut.before, cut.after):
            named_asset(service, side.asset)
        if said == "open":
            service.amber.reopen(cut)
        elif said == "kept":
            service.amber.keep(cut, who=who_of(caller))
        elif said == "rejected":
            service.amber.reject(cut, who=who_of(caller))
        else:
            raise UsageError(f"a verdict is kept, rejected or open; found {said[:50]!r}")
        return said

    state = await service.run(judge)
    return JSONResponse({"cut": cut.id, "state": state}, headers=HEADERS)


@router.get("/cuts/export{suffix}")
async def get_export(request: Request, service: TheService, caller: Viewer, suffix: str) -> Response:
    """The list as a file for a cutting room."""
    wanted = _wanted(request.query_params)
    if suffix not in WRITERS:
        raise UsageError(f"cuts are written as {', '.join(WRITERS)}; found {suffix[:20]!r}")
    desk: Desk = request.app.state.desk

    def write() -> tuple[str, str]:
        ask = replace(wanted, films=_hashes(service, wanted)).ask(top=wanted.depth)
        feature = _stored(service, desk, ask)
        if feature is None:
            raise UsageError("these pairs are not there yet; ask for them on the page first")
        matches = _matches(service, desk, ask, feature, after=0)
        name = _file_name([title.record.title for title in matches.titles.values()])
        return service.amber.export(matches, Path(f"cuts{suffix}"))[0], name + suffix

    text, name = await service.run(write)
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    return Response(
        text, media_type=_MEDIA_TYPES[suffix], headers={**HEADERS, "Content-Disposition": disposition}
    )


def _file_name(titles: list[str]) -> str:
    """`Sintel match cuts`, whatever titles there are."""
    first = "".join(one if one.isalnum() or one in " -_." else "_" for one in titles[0]).strip()[:80]
    return f"{first or 'film'}{f' and {len(titles) - 1} more' if len(titles) > 1 else ''} match cuts"


def _wanted(fields: QueryParams) -> Wanted:
    """What the query says.

    Raises:
        UsageError: A field says what it cannot.
    """
    shown, number = fields.get("shown") or "wanted", fields.get("page") or "1"
    depth = fields.get("depth") or str(DEPTHS[0])
    if shown not in get_args(Shown):
        raise UsageError(f"shown is one of {', '.join(get_args(Shown))}; found {shown[:50]!r}")
    if not number.isdecimal() or int(number[:9]) == 0:
        raise UsageError(f"pages count from 1; found {number[:50]!r}")
    if not depth.isdecimal() or int(depth[:9]) not in DEPTHS:
        raise UsageError(f"depth is one of {', '.join(map(str, DEPTHS))}; found {depth[:50]!r}")
    return Wanted(
        films=tuple(dict.fromkeys(film for film in fields.getlist("film") if film)),
        flavour=fields.get("flavour") or DEFAULT,
        shown=shown,  # type: ignore[arg-type] # it is one of them
        filters={name: text for name in _NUMBERS if (text := fields.get(name, "").strip())},
        other_title=fields.get("other_title") == "1",
        people=fields.get("people") == "1",
        depth=int(depth),
        number=int(number[:9]),
    )


def _said(form: Form) -> QueryParams:
    names = ("film", "flavour", "shown", *_NUMBERS, "other_title", "people", "depth")
    return QueryParams([(name, value) for name in names for value in form.all(name)])


def _hashes(service: Service, wanted: Wanted) -> tuple[str, ...]:
    return tuple(dict.fromkeys(named_asset(service, film).asset for film in wanted.films))


def _values(service: Service, desk: Desk, wanted: Wanted) -> dict[str, Any]:
    """What the page shows: films to choose from, and the list, or what is missing for it."""
    records = service.amber.assets()
    seen = overview(
        service.amber.engine, loaded(service, "shots", "standard"), [one.asset for one in records]
    )
    films = sorted((film_of(one, seen) for one in records), key=lambda film: film.record.title.casefold())
    there = loaded(service, *FLAVOURS.values())
    values: dict[str, Any] = {
        "films": films,
        "flavours": [name for name, algorithm in FLAVOURS.items() if algorithm in there],
        "has_people": bool(loaded(service, "people_groups")),
        "depths": DEPTHS,
        "shown_words": get_args(Shown),
        "writers": list(WRITERS),
        "matches": None,
        "job": None,
        "plan": None,
        "failure": None,
        "masked": set(),
    }
    if not wanted.films:
        return values
    chosen = replace(wanted, films=_hashes(service, wanted))
    ask = chosen.ask()
    feature = _stored(service, desk, ask)
    if feature is None:
        return {**values, **_missing(service, ask)}
    after = (wanted.number - 1) * PAGE_CUTS
    matches = _matches(service, desk, replace(ask, top=PAGE_CUTS + 1), feature, after=after)
    shown = replace(matches, cuts=matches.cuts[:PAGE_CUTS])
    return {**values, "matches": shown, "more": len(matches) > PAGE_CUTS, "masked": _masked(service, ask)}


def _missing(service: Service, ask: MatchAsk) -> dict[str, Any]:
    """What is known of a list that is not there: its job, why it failed, or what it would take."""
    engine = service.amber.engine
    pairs = pairs_ask(engine, ask)[0]
    _, key, _ = engine.look_up(engine.closure(pairs), pairs)
    job: Job | None = engine.store.catalog.job(key)
    if job is not None and job.state == "failed":
        return {"failure": job}
    if job is not None and not job.is_ended:
        return {"job": job}
    plan: Plan = engine.plan([pairs])
    return {"plan": plan}


def _stored(service: Service, desk: Desk, ask: MatchAsk) -> Feature | None:
    """The list of pairs, if it is stored; nothing is computed for a page."""
    pairs = pairs_ask(service.amber.engine, ask)[0]
    ready = desk.find(pairs)
    if ready is None:
        return None
    if any(desk.find(Ask("standard", (asset,))) is None for asset in ask.assets):
        return None
    return service.amber.engine.stored_feature(pairs, ready.trace)


def _matches(service: Service, desk: Desk, ask: MatchAsk, feature: Feature, *, after: int) -> MatchCuts:
    engine = service.amber.engine
    titles = {}
    for asset in ask.assets:
        wanted = Ask("standard", (asset,))
        ready = desk.find(wanted)
        assert ready is not None, "it was there a moment ago"
        standard = engine.stored_feature(wanted, ready.trace).value
        titles[asset] = Title(named_asset(service, asset), standard, _black(service, desk, asset))
    said = engine.store.catalog.verdicts(ask.assets)
    return MatchCuts(ask, feature, titles, cuts_in(feature, ask, said, titles, after=after))


def _black(service: Service, desk: Desk, asset: str) -> tuple[Run, ...]:
    """Where a film is black, if that is stored."""
    wanted = Ask(BLACK_RUNS, (asset,))
    ready = desk.find(wanted) if loaded(service, BLACK_RUNS) else None
    return () if ready is None else runs_of(service.amber.engine.stored_feature(wanted, ready.trace).value)


def _masked(service: Service, ask: MatchAsk) -> set[str]:
    """Those of the films of which silhouettes are stored."""
    if not loaded(service, "silhouettes"):
        return set()
    return overview(service.amber.engine, ["silhouettes"], ask.assets).ready["silhouettes"]


def _named_cut(form: Form) -> Cut:
    """The cut that a form names by the frames of its shots."""
    return Cut(0, 0.0, _side(form, "before"), _side(form, "after"))


def _side(form: Form, name: str) -> Side:
    start, end = form.number(f"{name}_start"), form.number(f"{name}_end")
    if start >= end:
        raise UsageError(f"a shot ends behind its start; found {start} to {end}")
    return Side(form.get(name), "", 0, start, end, start, end)
