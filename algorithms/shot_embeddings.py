"""One vector a shot: what its middle frame shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float32, Int64

from algorithms.efficientnet_lite import EfficientNetLite0
from algorithms.middle_frames import Picture, middle_frames, middle_pictures
from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.weights import Weights

#: Numbers of one vector.
WIDTH = 1280

Vectors = Float32[np.ndarray, "n 1280"]


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

    network: EfficientNetLite0

    @classmethod
    def open(cls, path: Path) -> "Encoder":
        """The encoder with the weights in `path`, a PyTorch state dictionary of EfficientNet-Lite0; on the GPU if there is one."""
        return cls(EfficientNetLite0.open(path, may_use_gpu=True))

    def encode(self, pictures: Iterable[Picture]) -> Vectors:
        """The vectors of square RGB pictures, in order; on processors the same bytes whatever pictures stand beside them.

        Pictures are taken as the network gets to them, so they may come from a decoder.
        """
        features = list(self.network.features(pictures))
        return unit_rows(np.stack(features) if features else np.zeros((0, WIDTH), np.float32))


@algorithm(
    version="1",
    cpus=2,
    gpus=1,
    gpus_need="onnxruntime-gpu",
    libraries=("onnxruntime", "opencv-python-headless", "av"),
)
def shot_embeddings(
    film: Standard, shots: Shots, encoder: Annotated[Encoder, Weights("efficientnet-lite0")]
) -> ShotEmbeddings:
    """Embed the middle frame of each shot.

    The frame is read from the scan proxy, without black bars, and squeezed whole to 224 x 224 by averaging areas.
    On processors pictures go through the network one by one, each in one thread,
    so the same frame has the same bytes in every film, at every place.
    On a GPU they go in batches of one shape, which films that are embedded at once share.

    Source: EfficientNet-Lite0 trained on ImageNet (Tan and Le, ICML 2019), its features before the classifier;
    the middle frame as in Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023).

    Known limits: one frame stands for the whole shot; what ImageNet does not name (faces, gestures, text) is told
    apart poorly; a picture without content (black, a plain card) still has a vector, much like any other such picture's.
    """
    vectors = encoder.encode(middle_pictures(film, shots))
    return ShotEmbeddings(vectors=vectors, middle=middle_frames(shots))


def unit_rows(features: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """Rows scaled to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.square(features, dtype=np.float64).sum(axis=1, keepdims=True))
    scaled: Float32[np.ndarray, "n d"] = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
