"""Collects blobs that nothing needs, in two phases: marked first, deleted when they still are not needed after a while."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amber.store.protocol import Blob, Store

#: How long a blob stays marked before it is deleted.
GRACE_SECONDS = 3600.0
#: Blobs that are deleted while nothing else can be committed.
_AT_ONCE = 50


@dataclass(frozen=True)
class Collected:
    """What a collection did, or would do."""

    #: Deleted.
    blobs: tuple[Blob, ...]
    #: Marked, and deleted by a later collection if nothing needs them until then.
    waiting: tuple[Blob, ...]
    #: Half-written files of killed writers that were removed.
    leftovers: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes that were deleted."""
        return sum(blob.size_bytes for blob in self.blobs)


def _unheard(done: int, total: int) -> None:
    """Hears of progress and does nothing."""


def collect(
    store: Store,
    grace_seconds: float = GRACE_SECONDS,
    *,
    dry_run: bool = False,
    heard: Callable[[int, int], object] = _unheard,
) -> Collected:
    """Mark what nothing needs, and delete what was marked so long ago; others may read and write meanwhile.

    Args:
        store: Catalogue and blobs.
        grace_seconds: How long a blob stays marked.
        dry_run: Only look: everything that nothing needs is `waiting`.
        heard: Told how many blobs of how many were deleted.
    """
    there = list(store.blobs.digests())  # first, so that what is committed meanwhile is no orphan
    needed = {blob.sha256 for blob, _ in store.catalog.referenced_blobs()}
    orphans = [blob for blob in there if blob.sha256 not in needed]
    if dry_run:
        return Collected((), tuple(orphans))
    store.catalog.mark_garbage(orphans)
    due = store.catalog.garbage(grace_seconds)
    gone = delete_unneeded(store, [blob.sha256 for blob in due], heard=heard)
    return Collected(
        tuple(blob for blob in due if blob.sha256 in gone),
        tuple(blob for blob in orphans if blob.sha256 not in gone),
        store.blobs.sweep(max(grace_seconds, GRACE_SECONDS)),
    )


def delete_unneeded(
    store: Store, digests: Sequence[str], *, heard: Callable[[int, int], object] = _unheard
) -> set[str]:
    """Delete those of the blobs that nothing needs, and return them; nothing is committed while some of them go."""
    gone: set[str] = set()
    for at in range(0, len(digests), _AT_ONCE):
        some = digests[at : at + _AT_ONCE]
        gone.update(store.catalog.collect(some, store.blobs.delete))
        heard(at + len(some), len(digests))
    return gone
