"""Words to shots."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from amber.editing.searching import SearchAsk, ask_of
from amber.engine.ask import Ask
from amber.service import models
from amber.service.context import Reader, Service, TheService, body_of, json_body
from amber.service.features import ASKED_ANSWERS, FEATURE_ANSWERS, After, Limit, answer
from amber.service.problems import problems
from amber.service.representations import PAGE_ROWS, Page

router = APIRouter(prefix="/v1", tags=["search"])


@router.post(
    "/search",
    responses={**FEATURE_ANSWERS, **ASKED_ANSWERS, **problems(404, 406, 413, 415, 422, 507)},
    openapi_extra=json_body(models.SearchBody),
    summary="Words to shots",
)
async def post_search(
    request: Request, service: TheService, caller: Reader, after: After = 0, limit: Limit = PAGE_ROWS
) -> Response:
    """The list of shots that fit some words, best first, as a feature; `key.assets` are the titles that were searched.

    A search that nobody made yet becomes a job (which needs the scope `write`), as any feature does.
    It looks through the titles of which everything is stored already, unless `ready` is false.
    """
    body = await body_of(request, models.SearchBody)
    ask = await service.run(lambda: _ask(service, body))
    return await answer(request, service, caller, ask, Page(after, limit))


def _ask(service: Service, body: models.SearchBody) -> Ask:
    chosen = list(body.assets)
    if body.labels or not chosen:
        chosen += [record.asset for record in service.amber.store.catalog.assets(body.labels)]
    words = SearchAsk(
        text=body.text,
        assets=tuple(dict.fromkeys(chosen)),
        by=body.by,
        top=body.top,
        settings=dict(body.settings),
        use=dict(body.use),
        ready=body.ready,
    )
    return ask_of(service.amber.engine, words)
