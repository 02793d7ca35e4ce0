"""Naming and recording media: which asset a file holds."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from amber.engine.scratch import scratch_folder
from amber.errors import AmberError, CutOffError, StillChangingError, StoreUnavailableError, UsageError
from amber.store.originals import Original
from amber.store.protocol import UPLOADED, AssetRecord, Location, Store

if TYPE_CHECKING:
    from jasper.frames import FrameTimes
    from jasper.results import Identity

#: What a folder is searched for; a file that is named itself is always tried.
MEDIA_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".heic",
        ".m2ts",
        ".m4a",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp3",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogg",
        ".ogv",
        ".ts",
        ".wav",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)

#: An asset as people name it: its record, its hash or six digits of it, its title, or a path.
AssetName = AssetRecord | str | Path
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Ingested:
    """What became of one path."""

    path: Path
    state: Literal["new", "known", "failed"]
    #: The asset hash; None if it failed.
    asset: str | None = None
    #: What was wrong, in a sentence.
    problem: str | None = None
    partial: bool = False


def media_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that were named, and the media files in the folders that were named, sorted."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if Path(name).suffix.lower() in MEDIA_SUFFIXES and not name.startswith("."):
                    yield Path(folder) / name


def ingest(
    store: Store,
    path: Path,
    *,
    title: str | None = None,
    progress: Progress | None = None,
    whole: bool = False,
) -> Ingested:
    """Record the file's asset and location; a file that looks untouched since it was last read is not read again.

    Args:
        store: Where it is recorded.
        path: A file.
        title: For a new asset; the file's name without suffix, unless given.
        progress: Called with bytes or frames done, and their total.
        whole: Take it only if all of it is there and stayed as it was while it was read.

    Raises:
        CutOffError, StillChangingError: With `whole`: it is not all there, or changed; nothing is recorded.
        jasper.errors.MediaError: It is no media file, or cannot be read, or shows the frames of a known asset at
            other times; nothing is recorded.
        FileNotFoundError: There is no such file.
        UsageError: Its name is not UTF-8.
        AmberError: The store cannot record it.
    """
    absolute = path.absolute()
    _check_name(absolute)
    known = _untouched(store, absolute)
    if known is not None:
        return known
    status = _status(absolute)

    def check(identity: "Identity") -> None:
        if _seen(_status(absolute)) != _seen(status):
            raise StillChangingError(f"{str(absolute)!r} changed while it was read")
        if identity.partial:
            raise CutOffError(
                f"{str(absolute)!r} is cut off, so it may be a copy that is not whole yet; "
                f"`amber ingest {absolute}` takes it as it is"
            )

    identity, is_new = _record(
        store, absolute, title or path.stem, progress, check if whole else lambda _: None
    )
    store.catalog.put_location(_location(identity, str(absolute), status.st_mtime_ns))
    return Ingested(path, "new" if is_new else "known", identity.asset, partial=identity.partial)


def keep_upload(
    store: Store, path: Path, file_digest: str | None = None, *, title: str | None = None
) -> Ingested:
    """Record the asset of a file that was sent, and keep its bytes as a blob; the file is moved there.

    Args:
        store: Where it is recorded.
        path: In the store's scratch folder.
        file_digest: SHA-256 of the bytes that were sent, where it was taken as they came.
        title: For a new asset; the beginning of the digest, unless given.

    Raises:
        jasper.errors.MediaError: It is no media file; nothing is recorded. Where it lies is not told.
        StoreUnavailableError: Its bytes were collected meanwhile, as left over from an earlier upload.
        AmberError: The store cannot record it.
    """
    from jasper.errors import MediaError

    try:
        identity, is_new = _record(store, path, title, None)
    except MediaError as error:
        raise type(error)(str(error).replace(repr(str(path)), "the upload")) from error
    assert file_digest in (None, identity.file_digest), "what was sent is what lies on the disk"
    blob = store.blobs.put_file(path)
    store.catalog.put_location(_location(identity, f"{UPLOADED}{blob.sha256}", 0))
    if not store.blobs.present(
        [blob.sha256]
    ):  # from here on nobody collects it, but a moment ago somebody may have
        raise StoreUnavailableError(
            f"the upload {identity.file_digest[:12]} was collected as left over from an earlier one while it was recorded: send it again"
        )
    return Ingested(path, "new" if is_new else "known", identity.asset, partial=identity.partial)


def ingest_object(store: Store, original: Original) -> Ingested:
    """Record the asset of an object and where it lies; one that looks as when it was last read is not fetched again.

    Args:
        store: Where it is recorded; reads the object.
        original: As a listing showed it.

    Raises:
        BlobMissingError, StillChangingError: It is gone, or another one by now; nothing is recorded.
        CutOffError: It is not all there; nothing is recorded.
        jasper.errors.MediaError: It is no media file; nothing is recorded.
        AmberError: It cannot be read, or the store cannot record it.
    """
    from jasper.errors import MediaError

    url, path = original.url, Path(PurePosixPath(original.url))
    assert store.originals is not None, "who lists objects can read them"
    known = store.catalog.location(url)
    if known is not None and (known.size_bytes, known.mtime_ns) == (
        original.size_bytes,
        original.modified_ns,
    ):
        record = store.catalog.asset(known.asset)
        if record is not None and not known.changed:
            return Ingested(path, "known", known.asset, partial=record.partial)

    def check(identity: "Identity") -> None:
        if identity.partial:
            raise CutOffError(f"{url!r} is cut off; fetched, `amber ingest` takes it as it is")

    with scratch_folder(store.scratch) as folder:
        fetched = folder / f"original{path.suffix}"
        digest = store.originals.fetch(original, fetched)
        try:
            identity, is_new = _record(store, fetched, path.stem, None, check)
        except MediaError as error:
            raise type(error)(str(error).replace(repr(str(fetched)), repr(url))) from error
        assert identity.file_digest == digest, "what was fetched is what was read"
        store.catalog.put_location(_location(identity, url, original.modified_ns))
        store.originals.adopt(digest, fetched)
    return Ingested(path, "new" if is_new else "known", identity.asset, partial=identity.partial)


def fingerprint(path: Path) -> str:
    """Tells whether a file is still the one that was looked at, unwritten since; raises as `ingest`."""
    return _seen(_status(path))


def _seen(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _record(
    store: Store,
    path: Path,
    title: str | None,
    progress: Progress | None,
    check: "Callable[[Identity], None]" = lambda _: None,
) -> "tuple[Identity, bool]":
    """What a file holds, and whether it is new; nothing is recorded if `check` raises."""
    from jasper.sandbox import identify

    identity = identify(path, progress=progress)
    check(identity)
    times = identity.times if identity.rate is None else None
    is_new = store.catalog.put_asset(
        AssetRecord(
            asset=identity.asset,
            title=title or f"upload {identity.file_digest[:12]}",
            duration_seconds=identity.duration_seconds,
            frame_count=identity.frame_count,
            width=identity.width,
            height=identity.height,
            rate=identity.rate,
            partial=identity.partial,
            facts=_facts(identity),
        ),
        frame_times=times.to_bytes() if times is not None else None,
    )
    if not is_new and times is not None:
        identity.check_timeline(_recorded_times(store, identity.asset))
    return identity, is_new


def _location(identity: "Identity", uri: str, mtime_ns: int) -> Location:
    return Location(
        uri=uri,
        asset=identity.asset,
        file_digest=identity.file_digest,
        size_bytes=identity.size_bytes,
        mtime_ns=mtime_ns,
        metadata={"container": identity.container, **identity.metadata},
    )


def _facts(identity: "Identity") -> dict[str, Any]:
    """What people may want to know of an asset, besides what has a column."""
    facts: dict[str, Any] = {
        "video_codec": identity.video_codec,
        "audio_codec": identity.audio_codec,
        "rotation": identity.rotation,
    }
    for kind, count in (("video", identity.video_track_count), ("audio", identity.audio_track_count)):
        if count > 1:
            facts[f"{kind}_tracks"] = f"{count}; only the main one is used"
    return facts


def _recorded_times(store: Store, asset: str) -> "FrameTimes | None":
    """The frame times of the first sighting."""
    from jasper.frames import FrameTimes

    recorded = store.catalog.frame_times(asset)
    return FrameTimes.from_bytes(recorded) if recorded is not None else None


def try_ingest(store: Store, path: Path, *, progress: Progress | None = None) -> Ingested:
    """As `ingest`, but a file that cannot be taken is an answer, not an error."""
    from jasper.errors import MediaError

    try:
        return ingest(store, path, progress=progress)
    except (MediaError, AmberError, OSError) as error:
        return Ingested(path, "failed", problem=str(error))


def _check_name(path: Path) -> None:
    """Refuse a name that the catalogue cannot hold.

    Raises:
        UsageError: It is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the name {str(path)!r} is not UTF-8, so it cannot be recorded; rename the file"
        ) from error


def _status(path: Path) -> os.stat_result:
    """What the system says of a file.

    Raises:
        FileNotFoundError: There is none.
        MediaIOError: It says nothing.
    """
    from jasper.errors import MediaIOError

    try:
        return path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaIOError(f"{str(path)!r} cannot be opened: {error.strerror or error}") from error


def _untouched(store: Store, path: Path) -> Ingested | None:
    """The answer for a file whose size and time are those of the last look at it."""
    location = store.catalog.location(str(path))
    if location is None or location.changed:
        return None
    status = path.stat()
    if (status.st_size, status.st_mtime_ns) != (location.size_bytes, location.mtime_ns):
        return None
    record = store.catalog.asset(location.asset)
    return None if record is None else Ingested(path, "known", location.asset, partial=record.partial)
