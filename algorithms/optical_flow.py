"""Where each point of a picture goes in the next one: by DIS of OpenCV, or by the network RAFT."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float32, UInt8

if TYPE_CHECKING:
    from cv2 import DISOpticalFlow
    from torch import Tensor
    from torch.nn import Module

#: Gray (height, width) or RGB (height, width, 3), as the flow's `pixel_format` says.
Picture = UInt8[np.ndarray, "height width *colours"]
#: How far each pixel goes, right and down, in pixels.
Flow = Float32[np.ndarray, "height width 2"]


class OpticalFlow(Protocol):
    """Something that finds where the points of a picture go."""

    #: How it wants pictures: `gray` or `rgb24`.
    pixel_format: str

    def between(self, first: Picture, second: Picture) -> Flow:
        """Where the points of `first` are in `second`, of the same size."""
        ...


class Dis:
    """Dense inverse search (Kroeger et al., ECCV 2016), by OpenCV."""

    pixel_format = "gray"

    def between(self, first: Picture, second: Picture) -> Flow:
        """Where the points of `first` are in `second`."""
        return np.asarray(self._search.calc(first, second, None), dtype=np.float32)  # type: ignore[call-overload]

    @cached_property
    def _search(self) -> "DISOpticalFlow":
        import cv2

        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


#: RAFT halves a picture three times, and needs some of it left.
_MULTIPLE, _LEAST_SIDE = 8, 128


@dataclass(frozen=True)
class Raft:
    """RAFT (Teed and Deng, ECCV 2020), the large network of torchvision."""

    network: "Module"
    pixel_format = "rgb24"

    @classmethod
    def open(cls, path: Path) -> "Raft":
        """The network with the weights of a PyTorch state dictionary, on the GPU if there is one.

        Raises:
            ImportError: torchvision is not installed (`amber[torchvision]`).
            RuntimeError: The file holds the parameters of another network.
        """
        import torch
        from torchvision.models.optical_flow import raft_large

        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = raft_large(weights=None)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return cls(network.to(device).eval())

    def between(self, first: Picture, second: Picture) -> Flow:
        """Where the points of `first` are in `second`."""
        import torch

        height, width = first.shape[:2]
        with torch.inference_mode():
            pair = [self._prepared(picture) for picture in (first, second)]
            found = self.network(*pair)[-1][0].permute(1, 2, 0)[:height, :width]
            flow: Flow = found.float().cpu().numpy()
        return np.ascontiguousarray(flow)

    def _prepared(self, picture: Picture) -> "Tensor":
        """A picture from -1 to 1, filled up below and at the right to a size that the network takes."""
        import torch

        height, width = (max(-(-side // _MULTIPLE) * _MULTIPLE, _LEAST_SIDE) for side in picture.shape[:2])
        below, right = height - picture.shape[0], width - picture.shape[1]
        filled = np.pad(picture, ((0, below), (0, right), (0, 0)), mode="edge")
        device = next(self.network.parameters()).device
        return torch.from_numpy(filled).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
