"""Where people are in a picture, to the pixel: by a small network in each box, or by Mask R-CNN."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from algorithms.letterbox import letterboxed
from algorithms.lite_network import LiteNetwork
from algorithms.torch_device import torch_device
from amber.batches import Batches

if TYPE_CHECKING:
    from torch.nn import Module

Picture = UInt8[np.ndarray, "height width 3"]
#: How sure each pixel of the picture is to be of the person, 0 to 1.
Share = Float32[np.ndarray, "height width"]
#: Left, top, right, bottom, as fractions of the picture.
Box = tuple[float, float, float, float]

#: Side of the square pictures that the small network takes.
_SIDE = 256
#: A box is made larger by this, as people stick out of theirs.
_GROWN = 0.2


@dataclass(frozen=True)
class Selfie:
    """MediaPipe's selfie segmentation, which marks the person that a picture shows."""

    network: LiteNetwork

    @classmethod
    def open(cls, path: Path) -> "Selfie":
        """The network in a TensorFlow Lite file.

        Raises:
            ValueError: The file is no such network.
        """
        return cls(LiteNetwork.open(path))

    def masks(self, picture: Picture, boxes: Sequence[Box]) -> list[Share]:
        """The person in each box."""
        return [self._in_box(picture, box) for box in boxes]

    def _in_box(self, picture: Picture, box: Box) -> Share:
        import cv2

        height, width = picture.shape[:2]
        left, right = _grown(box[0], box[2], width)
        top, bottom = _grown(box[1], box[3], height)
        share = np.zeros((height, width), np.float32)
        crop = picture[top:bottom, left:right]
        if not crop.size:
            return share
        within = letterboxed(crop, _SIDE)
        (marked,) = self.network(within.square.astype(np.float32) / 255)
        found = np.ascontiguousarray(marked[within.rows, within.columns, 0])
        share[top:bottom, left:right] = cv2.resize(found, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return share


def _grown(low: float, high: float, size: int) -> tuple[int, int]:
    """The pixels from `low` to `high` (fractions), with some more at both ends."""
    more = (high - low) * _GROWN
    return max(int((low - more) * size), 0), min(int(np.ceil((high + more) * size)), size)


#: A picture, and how sure the network has to be of a person in it.
Wanted = tuple[Picture, float]
#: The number of people in the labels of the data set that Mask R-CNN was trained on.
_PERSON = 1


@dataclass(frozen=True)
class MaskRcnn:
    """Mask R-CNN (He et al., ICCV 2017), with ResNet-50 and a feature pyramid, of torchvision; finds people by itself.

    A call has one picture: how many things it sees in one would decide how those of another beside it are computed.
    """

    network: "Module"
    #: The calls that all steps of this process share on a GPU, so that each reads on meanwhile; None on processors.
    shared: Batches[Wanted, list[Share]] | None = None

    @classmethod
    def open(cls, path: Path) -> "MaskRcnn":
        """The network with the weights of a PyTorch state dictionary, on the GPU if there is one.

        Raises:
            ImportError: torchvision is not installed (`amber[torchvision]`).
            RuntimeError: The file holds the parameters of another network.
        """
        import torch
        from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

        device = torch_device()
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        network.to(device).eval()
        return cls(network).sharing() if device == "cuda" else cls(network)

    def sharing(self) -> "MaskRcnn":
        """The same network, whose calls all steps of this process share."""
        return MaskRcnn(self.network, Batches(partial(_masks, self.network), 1))

    def masks(self, pictures: Iterable[Picture], min_score: float) -> Iterator[list[Share]]:
        """In each picture, each person of whom the network is sure enough, the surest first.

        Pictures are taken as the network gets to them, so they may come from a decoder.
        """
        asked = ((picture, min_score) for picture in pictures)
        if self.shared is not None:
            return self.shared.each(asked)
        return _masks(self.network, asked)


def _masks(network: "Module", asked: Iterable[Wanted]) -> Iterator[list[Share]]:
    """The people in each picture, one call after the other."""
    import torch

    device = next(network.parameters()).device
    for picture, min_score in asked:
        with torch.inference_mode():
            seen = torch.from_numpy(np.ascontiguousarray(picture)).to(device).permute(2, 0, 1).float() / 255
            (found,) = network([seen])
        is_person = ((found["labels"] == _PERSON) & (found["scores"] >= min_score)).cpu().numpy()
        shares = found["masks"][:, 0].float().cpu().numpy()
        yield [np.asarray(share) for share, taken in zip(shares, is_person, strict=True) if taken]
