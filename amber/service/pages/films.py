"""A film: its player, its shots on one timeline, what is stored of it, and what can be asked for."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.editing.flavours import FLAVOURS
from amber.editing.searching import SEARCHES
from amber.engine.ask import Ask
from amber.engine.engine import State, job_state
from amber.engine.lineage import lineage
from amber.engine.texts import json_text
from amber.engine.wishes import look
from amber.errors import AmberError
from amber.service.context import Service, TheService, asker_of, named_asset
from amber.service.features import Desk
from amber.service.media import standard_of
from amber.service.pages.library import FIRST, loaded
from amber.service.pages.motion_arrows import Arrow, arrows
from amber.service.pages.rendering import page, seen_other
from amber.service.pages.visitors import Editor, PageRoute, TheForm, Viewer
from amber.store.backfills import Wish
from amber.store.jobs import Job
from amber.store.protocol import AssetRecord, Trace

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class Shot:
    """A shot as its card shows it: frame indices, half-open, and where it lies on the timeline."""

    number: int
    start: int
    end: int
    start_seconds: float
    end_seconds: float
    is_short: bool
    #: The shot that it repeats; None: it is kept.
    repeats: int | None = None
    has_people: bool = False
    arrow: Arrow | None = None

    @property
    def middle(self) -> int:
        """The frame by which shots are compared."""
        return self.start + (self.end - self.start) // 2


@dataclass(frozen=True)
class Offer:
    """An algorithm that can be asked for, and how far its feature is."""

    algorithm: str
    version: str
    state: State
    job: Job | None
    help: str


@dataclass(frozen=True)
class FilmPage:
    """Everything that the page of a film shows."""

    record: AssetRecord
    standard: Any
    shots: list[Shot] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    features: list[Trace] = field(default_factory=list)
    times: Any = None

    @property
    def jobs(self) -> list[Offer]:
        """What is being made."""
        return [one for one in self.offers if one.job is not None and one.state in ("queued", "running")]

    @property
    def failures(self) -> list[Offer]:
        """What could not be made."""
        return [one for one in self.offers if one.state == "failed"]

    @property
    def length_seconds(self) -> float:
        """How long the timeline is."""
        return max(self.record.duration_seconds, self.shots[-1].end_seconds if self.shots else 0.0) or 1.0


@router.get("/films/{asset}")
async def get_film(request: Request, service: TheService, caller: Viewer, asset: str) -> Response:
    """The page of a film."""
    desk: Desk = request.app.state.desk
    film = await service.run(lambda: _film(service, desk, named_asset(service, asset)))
    first = loaded(service, *FIRST)
    return page(
        request,
        "film.html",
        {"title": film.record.title, "film": film, "record": film.record, "first": first[0] if first else ""},
    )


@router.post("/films/{asset}/ask")
async def post_ask(
    request: Request, service: TheService, caller: Editor, asset: str, form: TheForm
) -> Response:
    """Asks for a feature of the film; its page then tells how far it is."""
    desk: Desk = request.app.state.desk

    def ask() -> str:
        found = named_asset(service, asset).asset
        desk.ask(Ask(form.get("algorithm"), (found,)), asker_of(request, caller))
        return found

    return seen_other(f"/films/{await service.run(ask)}")


@router.post("/films/{asset}/title")
async def post_title(
    request: Request, service: TheService, caller: Editor, asset: str, form: TheForm
) -> Response:
    """Names the film, and sets one label; nothing is computed again for it."""

    def name() -> str:
        found = named_asset(service, asset).asset
        labels = {form.get("label"): form.get("value") or None} if form.get("label") else {}
        service.amber.label(found, labels, title=form.get("title") or None)
        return found

    return seen_other(f"/films/{await service.run(name)}")


@router.get("/films/{asset}/times.json")
async def get_times(request: Request, service: TheService, caller: Viewer, asset: str) -> Response:
    """The time of every frame in seconds, for a film whose frames follow no rate."""

    def read() -> str:
        times = standard_of(request, service, asset).times()
        return json_text([round(float(one), 6) for one in times.seconds])

    headers = {"Cache-Control": "private, no-cache"}
    return Response(await service.run(read), media_type="application/json", headers=headers)


@router.get("/films/{asset}/people/{shot}.png")
async def get_people(
    request: Request, service: TheService, caller: Viewer, asset: str, shot: int
) -> Response:
    """The outlines of the people in the middle frame of a shot, over the whole picture; empty where there are none."""
    desk: Desk = request.app.state.desk

    def draw() -> bytes:
        found = named_asset(service, asset).asset
        standard = standard_of(request, service, found)
        stored = _stored(service, desk, "silhouettes", found)
        rows = (
            []
            if stored is None
            else [
                bits
                for number, person, bits in zip(stored.shot, stored.person, stored.bits, strict=True)
                if (number, person) == (shot, -1)
            ]
        )
        return silhouette_png(standard, rows)

    headers = {"Cache-Control": "private, no-cache"}
    return Response(await service.run_media(draw), media_type="image/png", headers=headers)


@router.get("/features/{feature}")
async def get_feature(request: Request, service: TheService, caller: Viewer, feature: str) -> Response:
    """A stored feature: what it was made from, what was made from it, and why it was computed."""
    found = await service.run(lambda: lineage(service.amber.store, feature))
    records = await service.run(
        lambda: {one: service.amber.store.catalog.asset(one) for one in found.trace.assets}
    )
    title = f"{found.trace.algorithm} {found.trace.version}"
    return page(request, "feature.html", {"title": title, "lineage": found, "records": records})


def silhouette_png(standard: Any, rows: Sequence[Any]) -> bytes:
    """Masks as a PNG with the shape of the scan proxy: amber where somebody is, clear elsewhere.

    Args:
        standard: Says where in the proxy the picture lies.
        rows: None or one packed mask of 54 × 96 cells over the picture without its black bars.
    """
    import numpy as np
    from PIL import Image

    whole = Image.new("RGBA", (standard.proxy_width, standard.proxy_height))
    for bits in rows:
        mask = np.unpackbits(np.asarray(bits, np.uint8)).reshape(54, 96) * np.uint8(150)
        alpha = Image.fromarray(mask).resize((standard.picture_width, standard.picture_height))
        tinted = Image.new("RGBA", alpha.size, (255, 176, 32, 0))
        tinted.putalpha(alpha)
        whole.paste(tinted, (standard.picture_left, standard.picture_top))
    target = io.BytesIO()
    whole.save(target, "PNG")
    return target.getvalue()


def _film(service: Service, desk: Desk, record: AssetRecord) -> FilmPage:
    asset = record.asset
    standard = _stored(service, desk, "standard", asset)
    shots = _stored(service, desk, "shots", asset)
    return FilmPage(
        record=record,
        standard=standard,
        shots=[] if shots is None else _shots(service, desk, asset, shots),
        offers=_offers(service, asset),
        features=service.amber.features(asset),
        times=standard.times() if standard is not None and record.rate is None else None,
    )


def _shots(service: Service, desk: Desk, asset: str, shots: Any) -> list[Shot]:
    """The shots, with what else is stored of them."""
    groups = _stored(service, desk, "duplicate_groups", asset)
    people = _stored(service, desk, "silhouettes", asset)
    motion = _stored(service, desk, "motion", asset)
    firsts = groups.first_shot.tolist() if groups is not None else list(range(len(shots.start)))
    with_people = set(people.shot.tolist()) if people is not None else set()
    moves = arrows(motion) if motion is not None else [None] * len(shots.start)
    columns = (shots.start, shots.end, shots.start_seconds, shots.end_seconds, shots.is_short)
    rows = zip(*(column.tolist() for column in columns), firsts, moves, strict=True)
    return [
        Shot(
            number,
            start,
            end,
            begins,
            ends,
            bool(is_short),
            first if first != number else None,
            number in with_people,
            arrow,
        )
        for number, (start, end, begins, ends, is_short, first, arrow) in enumerate(rows)
    ]


def _offers(service: Service, asset: str) -> list[Offer]:
    """How far every algorithm is that makes something of one film."""
    engine, registry = service.amber.engine, service.amber.registry
    found = []
    for name in registry.names():
        if name in SEARCHES.values():
            continue
        algorithm = registry.get(name)
        try:
            seen = look(engine, Wish(name), [asset])
        except AmberError:
            continue  # it cannot be asked for without settings
        (key,) = seen.keys.values()
        job = seen.jobs.get(key)
        state = "ready" if key in seen.ready else job_state(job)
        help_text = (algorithm.function.__doc__ or "").strip().partition("\n")[0]
        found.append(Offer(name, algorithm.version, state, job, help_text))
    return sorted(found, key=lambda one: (one.algorithm in FLAVOURS.values(), one.algorithm))


def _stored(service: Service, desk: Desk, algorithm: str, asset: str) -> Any:
    """The value of a feature with default settings, if its algorithm is loaded and it is stored; else None."""
    if algorithm not in service.amber.registry.names():
        return None
    ready = desk.find(Ask(algorithm, (asset,)))
    if ready is None:
        return None
    return service.amber.engine.value_of(ready.trace, service.amber.registry.get(algorithm).result)
