"""Media: the standard encode of an asset, exact frames and clips of it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from amber.engine.ask import Ask
from amber.engine.scratch import scratch_folder
from amber.errors import FeatureNotFoundError
from amber.service.context import Reader, Service, TheService, named_asset
from amber.service.features import Ready
from amber.service.files import RANGED, file_answer
from amber.service.problems import problems
from amber.service.representations import is_same

router = APIRouter(prefix="/v1/media", tags=["media"])

#: The algorithm whose result is read here.
STANDARD = "standard"
#: The longest clip, in frames.
MOST_CLIP_FRAMES = 15_000
_VIDEO = {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}
_PICTURE = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
Width = Annotated[
    int | None, Query(ge=16, le=3840, description="Pixels across; the encode's own, unless said.")
]
Frame = Annotated[int, Query(ge=0, le=1 << 31, description="A frame of the standard encode.")]


@router.get(
    "/{asset}/video.mp4",
    responses={200: {"description": "The film.", "content": _VIDEO}, **RANGED, **problems(404, 416, 422)},
    summary="The standard encode of an asset",
)
async def get_video(request: Request, service: TheService, caller: Reader, asset: str) -> Response:
    """Made when `standard` was asked for; until then 404 says so."""
    standard = await service.run(lambda: standard_of(request, service, asset))
    sha256 = standard.encode.sha256
    return file_answer(request, standard.encode.path, f'"{sha256}"', "video/mp4", "no-cache")


@router.get(
    "/{asset}/frames/{index}.jpg",
    responses={
        200: {"description": "The frame.", "content": _PICTURE},
        304: {"description": "The ETag that was sent is still that of the frame."},
        **problems(404, 422),
    },
    summary="One frame, exact",
)
async def get_frame(
    request: Request, service: TheService, caller: Reader, asset: str, index: int, width: Width = None
) -> Response:
    """The frame of that index, counted from 0 in the order of presentation."""
    standard = await service.run(lambda: standard_of(request, service, asset))
    headers = {"Cache-Control": "no-cache", "ETag": f'"{standard.encode.sha256}-{index}-{width or "own"}"'}
    if index < standard.frame_count and is_same(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)

    def still() -> bytes:
        with standard.video() as video:
            data: bytes = video.still(index, width=width)
            return data

    picture = await service.run_media(still)
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get(
    "/{asset}/clip.mp4",
    responses={200: {"description": "The clip.", "content": _VIDEO}, **RANGED, **problems(404, 422)},
    summary="The frames from one to another, with their sound",
)
async def get_clip(
    request: Request, service: TheService, caller: Reader, asset: str, start: Frame, end: Frame
) -> Response:
    """The frames [start, end), encoded anew; the same cut gives the same bytes."""
    from jasper.clips import cut_clip
    from jasper.errors import FrameOutOfRangeError

    if end - start > MOST_CLIP_FRAMES:
        raise FrameOutOfRangeError(f"a clip has {MOST_CLIP_FRAMES} frames at most; asked were {end - start}")
    standard = await service.run(lambda: standard_of(request, service, asset))
    return await _made(
        service, lambda path: cut_clip(standard.encode.path, standard.frame_times.path, start, end, path)
    )


@router.get(
    "/{asset}/cuts/{other}.mp4",
    responses={200: {"description": "The cut.", "content": _VIDEO}, **RANGED, **problems(404, 422)},
    summary="The frames of one title, then those of another, as a cut between them looks and sounds",
)
async def get_cut(
    request: Request,
    service: TheService,
    caller: Reader,
    asset: str,
    other: str,
    start: Frame,
    end: Frame,
    other_start: Frame,
    other_end: Frame,
) -> Response:
    """The frames [start, end) of `asset`, then [other_start, other_end) of `other`, encoded anew; both may be one title."""
    from jasper.clips import Span, join_spans
    from jasper.errors import FrameOutOfRangeError

    if end - start + other_end - other_start > MOST_CLIP_FRAMES:
        raise FrameOutOfRangeError(f"a cut has {MOST_CLIP_FRAMES} frames at most, both sides together")
    before = await service.run(lambda: standard_of(request, service, asset))
    after = await service.run(lambda: standard_of(request, service, other))
    sides = ((before, start, end), (after, other_start, other_end))
    return await _made(
        service,
        lambda path: join_spans([Span(one.encode.path, one.times(), *part) for one, *part in sides], path),
    )


async def _made(service: Service, make: Callable[[Path], Path]) -> Response:
    """A file that is made for this answer, and removed behind it."""
    leaving = ExitStack()
    scratch = scratch_folder(service.amber.store.scratch)
    folder = await service.run(lambda: leaving.enter_context(scratch))
    try:
        clip = await service.run_media(lambda: make(folder / "clip.mp4"))
    except BaseException:
        leaving.close()
        raise
    return FileResponse(
        clip,
        media_type="video/mp4",
        headers={"Cache-Control": "no-cache"},
        background=BackgroundTask(leaving.close),
    )


def standard_of(request: Request, service: Service, asset: str) -> Any:
    """The standard form of an asset.

    Raises:
        AlgorithmNotFoundError, AssetNotFoundError, FeatureNotFoundError: There is none.
    """
    asset = named_asset(service, asset).asset
    found: Ready | None = request.app.state.desk.find(Ask(STANDARD, (asset,)))
    if found is None:
        raise FeatureNotFoundError(
            f"asset {asset[:16]}… has no standard form yet; "
            f"GET /v1/assets/{asset}/features/{STANDARD} asks for it"
        )
    result_type = service.amber.registry.get(STANDARD).result
    return service.amber.engine.value_of(found.trace, result_type)
