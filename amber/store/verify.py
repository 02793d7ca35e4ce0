"""Checks every row and every blob of a store."""

from collections.abc import Callable
from dataclasses import dataclass

from amber.errors import BlobCorruptError, BlobMissingError
from amber.store.protocol import Blob, Store


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

    #: Blobs that features need, and the bytes of those that were read through and are right.
    blobs: int
    size_bytes: int
    missing: tuple[Damage, ...]
    corrupt: tuple[Damage, ...]
    #: Rows that cannot stand beside each other, in sentences.
    contradictions: tuple[str, ...]
    #: Blobs that no feature needs: left by work that was interrupted, or not yet committed; collecting removes them.
    orphans: tuple[Blob, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing, corrupt or contradictory."""
        return not (self.missing or self.corrupt or self.contradictions)


def _unheard(done: int, total: int) -> None:
    """Hears of progress and does nothing."""


def verify(store: Store, heard: Callable[[int, int], object] = _unheard) -> Report:
    """Read every row, and every blob that a feature needs, whole.

    Nothing is changed: an ask for what is missing or corrupt makes it again. Others may write meanwhile.

    Args:
        store: What to check.
        heard: Told how many blobs of how many were read.

    Raises:
        StoreError: The store cannot be read at all.
    """
    there = {
        blob.sha256: blob for blob in store.blobs.digests()
    }  # first, so that what is committed meanwhile is no orphan
    contradictions = store.catalog.problems()
    needed = dict(store.catalog.referenced_blobs())
    missing: list[Damage] = []
    corrupt: list[Damage] = []
    size_bytes = 0
    for done, (blob, feature) in enumerate(needed.items(), start=1):
        try:
            found = store.blobs.check(blob.sha256)
        except BlobMissingError as error:
            missing.append(Damage(blob.sha256, feature, str(error)))
        except BlobCorruptError as error:
            corrupt.append(Damage(blob.sha256, feature, str(error)))
        else:
            size_bytes += found
            if found != blob.size_bytes:
                contradictions.append(
                    f"blob {blob.sha256} has {found} bytes, and its row says {blob.size_bytes}"
                )
        heard(done, len(needed))
    named = {blob.sha256 for blob in needed}
    orphans = tuple(blob for sha256, blob in sorted(there.items()) if sha256 not in named)
    return Report(len(needed), size_bytes, tuple(missing), tuple(corrupt), tuple(contradictions), orphans)
