"""Where an asset can be read on this machine; what lies elsewhere is fetched when its turn comes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from amber.errors import BlobCorruptError, BlobMissingError, StillChangingError, StoreUnavailableError
from amber.store.originals import is_elsewhere
from amber.store.protocol import UPLOADED, Location, Store


class Paths(Sequence[Path]):
    """Files that held an asset when they were last looked at: uploads first, then files, then objects.

    Args:
        store: Has the uploads, and is told of what changed.
        locations: Of the asset.

    Raises:
        StoreUnavailableError: None is left, and one could not be reached; when it is asked for.
    """

    def __init__(self, store: Store, locations: Sequence[Location]) -> None:
        self._store = store
        self._ahead: Iterator[Location] = iter(sorted(locations, key=_turn))
        self._found: list[Path] = []
        self._uris: dict[Path, str] = {}
        self._trouble: StoreUnavailableError | None = None

    def mark_changed(self, path: Path) -> None:
        """Note that one of the files holds something else."""
        self._store.catalog.mark_changed(self._uris[path])

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        is_far = isinstance(index, slice) or index < 0
        while (is_far or len(self._found) <= index) and self._look_further():  # type: ignore[operator]
            continue
        return self._found[index]

    def __len__(self) -> int:
        return len(self[:])

    def _look_further(self) -> bool:
        """Find the next one; whether there may be more."""
        location = next(self._ahead, None)
        if location is None:
            if self._trouble is not None and not self._found:
                raise self._trouble
            return False
        try:
            path = self._here(location)
        except StoreUnavailableError as error:
            self._trouble = error
        except StillChangingError:
            self._store.catalog.mark_changed(location.uri)
        except (BlobMissingError, BlobCorruptError):
            return True  # its bytes are lost
        else:
            self._uris[path] = location.uri
            self._found.append(path)
        return True

    def _here(self, location: Location) -> Path:
        if location.uri.startswith(UPLOADED):
            return self._store.blobs.local_path(location.uri.removeprefix(UPLOADED))
        if is_elsewhere(location.uri) and self._store.originals is not None:
            return self._store.originals.local_path(location.uri, location.file_digest)
        return Path(location.uri)


def _turn(location: Location) -> int:
    return 0 if location.uri.startswith(UPLOADED) else 2 if is_elsewhere(location.uri) else 1
