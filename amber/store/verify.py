"""Checks every row and every blob of a store, or a sample of them, and goes on where it was interrupted."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from amber.errors import BlobCorruptError, BlobMissingError
from amber.store.protocol import Blob, Store

#: Blobs between two notes of how far a check is.
_NOTE_EVERY = 100


@dataclass(frozen=True)
class Damage:
    """A blob that a feature needs and that cannot be read."""

    #: Hex SHA-256.
    sha256: str
    #: A feature that needs it.
    feature: str
    #: What is wrong, in a sentence.
    problem: str


@dataclass(frozen=True)
class Report:
    """What was found. Only `missing`, `corrupt` and `contradictions` are faults."""

    #: Blobs that were read through, and the bytes of those that are right.
    blobs: int
    size_bytes: int
    missing: tuple[Damage, ...]
    corrupt: tuple[Damage, ...]
    #: Rows that cannot stand beside each other, in sentences.
    contradictions: tuple[str, ...]
    #: Blobs that no feature needs: left by work that was interrupted, or not yet committed; collecting removes them.
    orphans: tuple[Blob, ...]
    #: Blobs that features need; more than were read where only a sample was.
    needed: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing, corrupt or contradictory."""
        return not (self.missing or self.corrupt or self.contradictions)


def _unheard(done: int, total: int) -> None:
    """Hears of progress and does nothing."""


def verify(
    store: Store,
    heard: Callable[[int, int], object] = _unheard,
    *,
    sample: float = 1.0,
    seed: int | None = None,
    notes: Path | None = None,
) -> Report:
    """Read every row, and every blob that a feature needs, whole.

    Nothing is changed: an ask for what is missing or corrupt makes it again. Others may write meanwhile.

    Args:
        store: What to check.
        heard: Told how many blobs of how many were read.
        sample: The part of the blobs that is read, chosen at random; all rows are read in any case.
        seed: Of the choice.
        notes: A file in which to note how far the check is; one that was interrupted goes on from there.
            The file is removed at the end.

    Raises:
        StoreError: The store cannot be read at all.
    """
    there = {
        blob.sha256: blob for blob in store.blobs.digests()
    }  # first, so that what is committed meanwhile is no orphan
    contradictions = store.catalog.problems()
    needed = dict(store.catalog.referenced_blobs())
    chosen = _sampled(sorted(needed, key=lambda blob: blob.sha256), sample, seed)
    found = _read(notes)
    try:
        for done, blob in enumerate(chosen, start=1):
            if blob.sha256 > found.last:
                _check(store, blob, needed[blob], found)
                if done % _NOTE_EVERY == 0:
                    _write(notes, found)
            heard(done, len(chosen))
    except BaseException:
        _write(notes, found)
        raise
    if notes is not None:
        notes.unlink(missing_ok=True)
    named = {blob.sha256 for blob in needed}
    orphans = tuple(blob for sha256, blob in sorted(there.items()) if sha256 not in named)
    return Report(
        found.blobs,
        found.size_bytes,
        tuple(found.missing),
        tuple(found.corrupt),
        (*contradictions, *found.contradictions),
        orphans,
        len(needed),
    )


@dataclass
class _Found:
    """What a check found so far; blobs are read in the order of their digests."""

    last: str = ""
    blobs: int = 0
    size_bytes: int = 0
    missing: list[Damage] = field(default_factory=list)
    corrupt: list[Damage] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)


def _check(store: Store, blob: Blob, feature: str, found: _Found) -> None:
    try:
        size_bytes = store.blobs.check(blob.sha256)
    except BlobMissingError as error:
        found.missing.append(Damage(blob.sha256, feature, str(error)))
    except BlobCorruptError as error:
        found.corrupt.append(Damage(blob.sha256, feature, str(error)))
    else:
        found.size_bytes += size_bytes
        if size_bytes != blob.size_bytes:
            found.contradictions.append(
                f"blob {blob.sha256} has {size_bytes} bytes, and its row says {blob.size_bytes}"
            )
    found.blobs += 1
    found.last = blob.sha256


def _sampled(blobs: list[Blob], sample: float, seed: int | None) -> list[Blob]:
    """So many of them, in their order, and one at least."""
    if sample >= 1.0 or not blobs:
        return blobs
    number = max(1, round(len(blobs) * sample))
    chosen = random.Random(seed).sample(range(len(blobs)), number)  # noqa: S311 - a choice, no secret
    return [blobs[at] for at in sorted(chosen)]


def _read(notes: Path | None) -> _Found:
    """What was noted; nothing where there is no file, or half of one."""
    try:
        document = json.loads(notes.read_text()) if notes is not None else {}
    except (FileNotFoundError, ValueError):
        document = {}
    for kind in ("missing", "corrupt"):
        document[kind] = [Damage(**damage) for damage in document.get(kind, ())]
    return _Found(**document)


def _write(notes: Path | None, found: _Found) -> None:
    if notes is None:
        return
    temporary = notes.with_suffix(".part")
    temporary.write_text(json.dumps(asdict(found)))
    temporary.replace(notes)
