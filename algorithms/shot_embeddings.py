"""One vector a shot: what its middle frame shows."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.progress import report
from amber.weights import Weights

if TYPE_CHECKING:
    from algorithms.efficientnet_lite import EfficientNetLite0
    from jasper.video import Video

Picture = UInt8[np.ndarray, "224 224 3"]
Vectors = Float32[np.ndarray, "n 1280"]

#: Side of the square pictures that the network was trained on.
SIDE = 224
#: Pictures in one call of the network; the last batch is filled up, so every call has one shape.
#: Of 1, 4, 8, 16 and 32 the quickest on two cores (9.6 ms a picture; 16: 12.2 ms).
_BATCH = 4
#: Batches that go through the network at once, each by one thread: threads within a call would wait for each other.
_WORKERS = 2
#: Batches that may wait for the network or for their turn.
_AHEAD = 16


@result
class ShotEmbeddings:
    """For each shot, the pooled features of its middle frame, scaled to length 1.

    The features follow a ReLU6, so no component is negative and cosines lie between 0 and 1.
    From another kind of processor a vector may differ by up to 1e-4 (Euclidean).
    """

    vectors: Float32[np.ndarray, "shot 1280"]
    #: Index of the frame that was embedded.
    middle: Int64[np.ndarray, " shot"]


@dataclass(frozen=True)
class Encoder:
    """Turns pictures into vectors of length 1."""

    network: "EfficientNetLite0"

    @classmethod
    def open(cls, path: Path) -> "Encoder":
        """The encoder with the weights in `path`, a PyTorch state dictionary of EfficientNet-Lite0."""
        from algorithms.efficientnet_lite import EfficientNetLite0

        return cls(EfficientNetLite0.load(path))

    def encode(self, pictures: Iterable[Picture]) -> Vectors:
        """The vectors of square RGB pictures, in order; the same whatever pictures stand beside them.

        Pictures are taken as the network gets to them, so they may come from a decoder.
        """
        import torch

        vectors = [np.zeros((0, 1280), np.float32)]
        waiting: deque[Future[Vectors]] = deque()
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(_WORKERS, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                for batch in _batches(pictures):
                    waiting.append(pool.submit(self._encode_batch, batch))
                    if len(waiting) > _AHEAD:
                        vectors.append(waiting.popleft().result())
                vectors += [future.result() for future in waiting]
        finally:
            torch.set_num_threads(threads)
        return np.concatenate(vectors)

    def _encode_batch(self, pictures: list[Picture]) -> Vectors:
        import torch

        batch = np.zeros((_BATCH, SIDE, SIDE, 3), np.float32)
        batch[: len(pictures)] = (np.stack(pictures).astype(np.float32) - 127) / 128
        features = self.network.features(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()
        return _unit(features[: len(pictures)])


@algorithm(version="1", cpus=2, libraries=("torch", "opencv-python-headless", "av"))
def shot_embeddings(
    film: Standard, shots: Shots, encoder: Annotated[Encoder, Weights("efficientnet-lite0")]
) -> ShotEmbeddings:
    """Embed the middle frame of each shot.

    The frame is read from the scan proxy, without black bars, and squeezed whole to 224 x 224 by averaging areas.
    Pictures go through the network in padded batches of one shape, each by one thread,
    so the same frame has the same bytes in every film, at every place.

    Source: EfficientNet-Lite0 trained on ImageNet (Tan and Le, ICML 2019), its features before the classifier;
    the middle frame as in Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023).

    Known limits: one frame stands for the whole shot; what ImageNet does not name (faces, gestures, text) is told
    apart poorly; a picture without content (black, a plain card) still has a vector, much like any other such picture's.
    """
    middle = shots.start + (shots.end - shots.start) // 2
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        pictures = _pictures(scan, middle, rows, columns)
        return ShotEmbeddings(vectors=encoder.encode(pictures), middle=middle)


def _pictures(
    scan: "Video", indices: Int64[np.ndarray, " n"], rows: slice, columns: slice
) -> Iterator[Picture]:
    """The pictures of the frames at these indices, as the network takes them."""
    for start in range(0, len(indices), _BATCH):
        yield from squeeze(scan.frames_at(indices[start : start + _BATCH]).data[:, rows, columns])
        report(min(start + _BATCH, len(indices)), len(indices), "shots")


def _batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    remaining = iter(pictures)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def squeeze(frames: UInt8[np.ndarray, "n height width 3"]) -> UInt8[np.ndarray, "n 224 224 3"]:
    """Each picture, whole, at the size of the network's input."""
    import cv2

    squeezed = np.zeros((len(frames), SIDE, SIDE, 3), np.uint8)
    for picture, frame in zip(squeezed, frames, strict=True):
        picture[:] = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return squeezed


def _unit(features: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.square(features, dtype=np.float64).sum(axis=1, keepdims=True))
    scaled: Vectors = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
