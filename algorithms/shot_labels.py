"""What the middle frame of each shot shows, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float32, Int64

from algorithms.efficientnet_lite import EfficientNetLite0
from algorithms.label_names import LabelNames
from algorithms.middle_frames import Picture, middle_frames, middle_pictures
from algorithms.pinned_threads import side_by_side
from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.weights import Weights

#: Labels of a shot.
PER_SHOT = 10

Chances = Float32[np.ndarray, "n 1000"]


@result
class ShotLabels:
    """Ten rows a shot: what its middle frame most likely shows, the likeliest first.

    From another kind of processor a probability may differ by up to 1e-4, and labels as near as that change places.
    """

    #: Number of the shot.
    shot: Int64[np.ndarray, " row"]
    #: Index of the frame, the middle one of the shot.
    frame: Int64[np.ndarray, " row"]
    #: Number of the label among ImageNet's 1,000, from 0.
    label: Int64[np.ndarray, " row"]
    name: list[str]
    #: Of all 1,000 labels: 0 to 1.
    probability: Float32[np.ndarray, " row"]


@dataclass(frozen=True)
class Classifier:
    """Tells ImageNet's 1,000 labels apart."""

    network: EfficientNetLite0

    @classmethod
    def open(cls, path: Path) -> "Classifier":
        """The classifier with the weights in `path`, a PyTorch state dictionary of EfficientNet-Lite0."""
        return cls(EfficientNetLite0.open(path))

    def chances(self, pictures: Iterable[Picture]) -> Chances:
        """The probability of each label, of square RGB pictures in order."""
        rows = list(side_by_side(self.network.chances, pictures))
        return np.stack(rows) if rows else np.zeros((0, 1000), np.float32)


@algorithm(version="1", cpus=2, libraries=("onnxruntime", "opencv-python-headless", "av"))
def shot_labels(
    film: Standard,
    shots: Shots,
    classifier: Annotated[Classifier, Weights("efficientnet-lite0")],
    names: Annotated[LabelNames, Weights("imagenet-names")],
) -> ShotLabels:
    """Name what the middle frame of each shot shows: the ten likeliest of ImageNet's 1,000 labels.

    The frame is read as `shot_embeddings` reads it.

    Source: EfficientNet-Lite0 trained on ImageNet (Tan and Le, ICML 2019).

    Known limits: knows 1,000 things, 120 of them dogs; people, emotions, places and actions are not among them, so a
    person shows as clothes, a street as cars; a drawing is often taken for a comic book or a toy.
    """
    chances = classifier.chances(middle_pictures(film, shots))
    best = np.argsort(-chances, axis=1, kind="stable")[:, :PER_SHOT].astype(np.int64)
    return ShotLabels(
        shot=np.repeat(np.arange(len(best), dtype=np.int64), PER_SHOT),
        frame=np.repeat(middle_frames(shots), PER_SHOT),
        label=best.ravel(),
        name=[names.names[label] for label in best.ravel().tolist()],
        probability=np.take_along_axis(chances, best, axis=1).ravel(),
    )
