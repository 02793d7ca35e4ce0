"""The library: every film with its picture, its length, and how far it is."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from amber.engine.overview import Overview, Standing, overview
from amber.service.context import Service, TheService
from amber.service.pages.rendering import environment, page
from amber.service.pages.visitors import PageRoute, Viewer
from amber.store.protocol import AssetRecord

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: So many films a page has; a browser lays out only those that it shows.
MOST_FILMS = 2000
#: What a film's state is told by, as far as it is loaded: the first says that it is ready.
MAIN = ("shots", "match_pairs", "standard")
#: What is asked for of a new film, as far as it is loaded: it brings all that pages show at first.
FIRST = ("match_pairs", "shots", "standard")
#: The algorithm whose result has pictures.
STANDARD = "standard"
#: Cards that are kept, as most of a library is the same from one look to the next.
_MOST_CARDS = 20_000


@dataclass(frozen=True)
class Film:
    """A film of the library, as its card shows it."""

    record: AssetRecord
    standing: Standing
    #: The frame of its picture; None while there is none.
    poster: int | None

    @property
    def card(self) -> Markup:
        """Its card; made once for what it shows."""
        record, job = self.record, self.standing.job
        labels = tuple(record.labels.items())
        message = job.message if job is not None else ""
        return _card(_Facts.of(record), labels, self.standing.state, message, self.poster)


class _Facts(NamedTuple):
    """What a card shows of a record; it can be hashed, which a record with its labels cannot."""

    asset: str
    title: str
    duration_seconds: float
    frame_count: int
    width: int
    height: int
    rate: Fraction | None
    partial: bool

    @classmethod
    def of(cls, record: AssetRecord) -> "_Facts":
        """Those of a record."""
        return cls(*(getattr(record, name) for name in cls._fields))


@lru_cache(_MOST_CARDS)
def _card(
    facts: _Facts, labels: tuple[tuple[str, str], ...], state: str, message: str, poster: int | None
) -> Markup:
    record = AssetRecord(**facts._asdict(), labels=dict(labels))
    template = environment().get_template("card.html")
    return Markup(template.render(record=record, state=state, message=message, poster=poster))  # noqa: S704 - it was escaped


@router.get("/")
async def get_library(
    request: Request,
    service: TheService,
    caller: Viewer,
    q: Annotated[str, Query(max_length=1000)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
) -> Response:
    """All films, or those that words and a state choose."""
    films, counts = await service.run(lambda: _films(service, q))
    chosen = [film for film in films if state in ("", film.standing.state)]
    shown = chosen[(number - 1) * MOST_FILMS : number * MOST_FILMS]
    values = {
        "title": "Library",
        "films": shown,
        "chosen": len(chosen),
        "total": sum(counts.values()),
        "counts": counts,
        "q": q,
        "state": state,
        "number": number,
        "pages": max(1, -(-len(chosen) // MOST_FILMS)),
        "first": next(iter(loaded(service, *FIRST)), ""),
        "busy": counts.get("running", 0) + counts.get("queued", 0),
    }
    return page(request, "library.html", values)


def loaded(service: Service, *names: str) -> list[str]:
    """Those of the algorithms that are loaded."""
    there = service.amber.registry.names()
    return [name for name in names if name in there]


def poster_of(record: AssetRecord) -> int:
    """The frame that stands for a film: one from its first third, where titles are over."""
    return record.frame_count // 3


def film_of(record: AssetRecord, seen: Overview) -> Film:
    """A film with its state and its picture."""
    has_picture = record.frame_count > 0 and record.asset in seen.ready.get(STANDARD, ())
    return Film(record, seen.standing(record.asset), poster_of(record) if has_picture else None)


def _films(service: Service, words: str) -> tuple[list[Film], dict[str, int]]:
    """The films that have all these words, by title, and how many are in each state."""
    records = service.amber.assets()
    wanted = words.casefold().split()
    if wanted:
        records = [one for one in records if all(word in _said(one) for word in wanted)]
    seen = overview(service.amber.engine, loaded(service, *MAIN), [one.asset for one in records])
    films = [film_of(one, seen) for one in sorted(records, key=_order)]
    counts: dict[str, int] = {}
    for film in films:
        counts[film.standing.state] = counts.get(film.standing.state, 0) + 1
    return films, counts


def _order(record: AssetRecord) -> Any:
    return record.title.casefold(), record.asset


def _said(record: AssetRecord) -> str:
    """What words are looked for in: title, labels, hash."""
    labels = " ".join(f"{name}={value}" for name, value in record.labels.items())
    return f"{record.title} {labels} {record.asset}".casefold()
