"""Watched sources: who keeps them may tell that something has come."""

from fastapi import APIRouter
from starlette.responses import Response

from amber.engine.sources import SOURCES
from amber.service.context import TheService, Writer
from amber.service.problems import problems

router = APIRouter(prefix="/v1/sources", tags=["sources"])


@router.post(
    "/events",
    status_code=202,
    response_class=Response,
    responses={202: {"description": "The sources are looked at."}, **problems()},
    summary="Tell that something has come",
)
async def post_events(service: TheService, caller: Writer) -> Response:
    """Watched sources are looked at at once, by the workers that watch them.

    What the body says, such as an event of an object store, is not looked at: a source itself shows what is new, so an event
    that comes twice, late, out of order or never changes nothing but when it is seen.
    """
    await service.run(lambda: service.amber.store.wakeups.publish(SOURCES))
    return Response(status_code=202)
