"""Assets: uploaded or named by a place that the service may read; listed, shown and labelled."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from amber.engine.documents import asset_document, shown_document, trace_document
from amber.engine.ingest import Ingested, ingest, keep_upload
from amber.engine.scratch import scratch_folder
from amber.engine.texts import json_text
from amber.engine.triggers import arrived
from amber.errors import AssetNotFoundError, LocationRefusedError, TooLargeError, UsageError
from amber.service import models
from amber.service.answers import described, in_json
from amber.service.auth import Caller
from amber.service.context import (
    Reader,
    Service,
    TheService,
    Writer,
    body_of,
    json_body,
    named_asset,
    pieces_of,
)
from amber.service.problems import RefusedError, problems
from amber.store.blobs import failing_well
from amber.store.protocol import AssetRecord

router = APIRouter(prefix="/v1/assets", tags=["assets"])

Limit = Annotated[int, Query(ge=1, le=1000, description="How many a page has.")]


def _upload_body() -> dict[str, Any]:
    body = json_body(models.LocationBody)
    binary = {"schema": {"type": "string", "format": "binary"}}
    body["requestBody"]["content"] |= {"application/octet-stream": binary, "video/*": binary}
    return body


@router.post(
    "",
    responses={
        200: described("The asset was known.", "Ingested"),
        201: described("The asset is new.", "Ingested"),
        **problems(404, 409, 413, 415, 422, 507),
    },
    openapi_extra=_upload_body(),
    summary="Name and record media",
)
async def post_asset(
    request: Request,
    service: TheService,
    caller: Writer,
    title: Annotated[str | None, Query(max_length=1000, description="Of an upload; of a new asset.")] = None,
) -> Response:
    """The bytes of a file, which are kept; or, as JSON, the `uri` of one that the service may read (`AMBER_MEDIA_ROOTS`).

    Large files may come in parts, to an `upload` that `POST /v1/uploads` began; its id is sent here when it is whole.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        body = await body_of(request, models.LocationBody)
        done = await service.run_ingest(lambda: _named(service, caller, body))
    elif media_type.startswith("multipart/"):
        raise RefusedError(
            415, "No forms", f"found {media_type}; send the file itself, as curl --data-binary @film.mp4 does"
        )
    else:
        done = await _upload(request, service, title)
    assert done.asset is not None, "what was ingested has an asset"
    if done.state == "new":
        await service.run(lambda: arrived(service.amber.engine, done.asset or ""))
    record = await service.run(lambda: named_asset(service, done.asset or ""))
    document = {**asset_document(record), "state": done.state}
    headers = {"Location": f"/v1/assets/{record.asset}"}
    status = 201 if done.state == "new" else 200
    return Response(json_text(document), status, headers=headers, media_type="application/json")


@router.get(
    "",
    responses={200: described("A page of assets.", "Assets"), **problems(422)},
    summary="The library, in the order of hashes",
)
async def list_assets(
    request: Request,
    service: TheService,
    caller: Reader,
    after: Annotated[
        str, Query(pattern="^([0-9a-f]{64})?$", description="The last hash of the page before.")
    ] = "",
    limit: Limit = 100,
    name: Annotated[
        str, Query(max_length=1000, description="A title, or six digits or more of a hash.")
    ] = "",
) -> Response:
    """All, or those with the labels that `label.NAME=VALUE` names, or those that are called `name`."""
    labels = {
        key.removeprefix("label."): value
        for key, value in request.query_params.items()
        if key[:6] == "label."
    }
    catalog = service.amber.store.catalog
    if name:
        found = await service.run(lambda: catalog.find_assets(name))
        found = [record for record in found if record.asset > after][:limit]
    else:
        found = await service.run(lambda: catalog.assets(labels, after=after, limit=limit))
    following = found[-1].asset if len(found) == limit else None
    return in_json({"assets": [asset_document(record) for record in found], "next_after": following})


@router.get(
    "/{asset}",
    responses={200: described("The asset.", "ShownAsset"), **problems(404, 422)},
    summary="One asset",
)
async def get_asset(service: TheService, caller: Reader, asset: str) -> Response:
    """What is known of it, and where it was seen."""

    def shown() -> dict[str, Any]:
        record = named_asset(service, asset)
        document = shown_document(record, service.amber.store.catalog.locations(record.asset), ())
        del document["features"]
        return document

    return in_json(await service.run(shown))


@router.patch(
    "/{asset}",
    responses={200: described("The asset as it is now.", "Asset"), **problems(404, 413, 415, 422)},
    openapi_extra=json_body(models.LabelBody),
    summary="Title and labels of an asset",
)
async def patch_asset(request: Request, service: TheService, caller: Writer, asset: str) -> Response:
    """Nothing is computed again for it."""
    body = await body_of(request, models.LabelBody)

    def labelled() -> AssetRecord:
        catalog, found = service.amber.store.catalog, named_asset(service, asset)
        catalog.set_labels(found.asset, body.labels)
        if body.title is not None:
            catalog.set_title(found.asset, body.title)
        if body.labels:
            arrived(service.amber.engine, found.asset)
        return named_asset(service, found.asset)

    return in_json(asset_document(await service.run(labelled)))


@router.get(
    "/{asset}/features",
    responses={200: described("A page of features.", "StoredFeatures"), **problems(404, 422)},
    summary="What is stored for an asset",
)
async def list_features(
    service: TheService,
    caller: Reader,
    asset: str,
    after: Annotated[int, Query(ge=0, le=1 << 53, description="How many to pass over.")] = 0,
    limit: Limit = 100,
) -> Response:
    """Alone or together with others, newest first."""

    def listed() -> list[Any]:
        return service.amber.store.catalog.features(named_asset(service, asset).asset)

    found = await service.run(listed)
    page = found[after : after + limit]
    following = after + limit if after + limit < len(found) else None
    return in_json({"features": [trace_document(trace) for trace in page], "next_after": following})


def _named(service: Service, caller: Caller, body: models.LocationBody) -> Ingested:
    """Name the file at a place, or an upload that came in parts.

    Raises:
        UsageError: Neither is said, or both.
        AmberError, jasper.errors.MediaError: It cannot be read, or is no media file, or cannot be recorded.
    """
    if (body.uri is None) == (body.upload is None):
        raise UsageError("say the uri of a file that the service may read, or the upload that has the bytes")
    if body.upload is not None:
        return service.uploads.finish(body.upload, caller.name, title=body.title)
    path = readable(body.uri or "", service.settings.media_roots)
    return ingest(service.amber.store, path, title=body.title)


def readable(uri: str, roots: tuple[Path, ...]) -> Path:
    """The file that a URI names, if it lies in one of the roots, whatever links lead there.

    Args:
        uri: An absolute path, or `file:///…`.
        roots: Folders, as they are really called.

    Raises:
        LocationRefusedError: It lies elsewhere, or is no plain file; says no more of what is there.
        UsageError: It is no such URI.
    """
    path = _path_of(uri)
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(root) for root in roots):
        named = ", ".join(map(str, roots)) or "none; AMBER_MEDIA_ROOTS names some"
        raise LocationRefusedError(f"{uri!r} lies in none of the folders that may be read: {named}")
    if not real.is_file():
        raise AssetNotFoundError(f"there is no file {uri!r}")
    return real


def _path_of(uri: str) -> str:
    parts = urlsplit(uri)
    text = uri
    if parts.scheme or "://" in uri:
        if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment:
            raise LocationRefusedError(
                f"{uri!r} is no file of this machine; only file:///… and paths are read"
            )
        text = unquote(parts.path)
    if not text.startswith("/") or "\0" in text:
        raise UsageError(f"a uri is an absolute path or file:///…; found {uri!r}")
    return text


async def _upload(request: Request, service: Service, title: str | None) -> Ingested:
    """Keep what is sent, a piece at a time, hashing it as it comes; then name it.

    Raises:
        TooLargeError: It is larger than the service takes.
        UsageError: It is empty.
        StoreFullError: No space is left.
    """
    most = service.settings.upload_bytes
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLargeError(f"the upload has {announced} bytes; the service takes {most}")
    store = service.amber.store
    with scratch_folder(store.scratch) as folder:
        path = folder / "upload"
        hasher, size = hashlib.sha256(), 0
        with failing_well(store.scratch), path.open("wb") as file:

            def write(piece: bytes) -> None:
                hasher.update(piece)
                file.write(piece)

            async for piece in pieces_of(request):
                size += len(piece)
                if size > most:
                    raise TooLargeError(f"the upload has more than {most} bytes")
                await service.run(lambda piece=piece: write(piece))  # type: ignore[misc]
        if not size:
            raise UsageError("the upload has no bytes; send a media file, or JSON with a `uri`")
        digest = hasher.hexdigest()
        return await service.run_ingest(lambda: keep_upload(store, path, digest, title=title))
