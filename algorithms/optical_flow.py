"""Where each point of a picture goes in the next one: by DIS of OpenCV, or by the network RAFT."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from algorithms.torch_device import torch_device
from amber.batches import Batches

if TYPE_CHECKING:
    import torch
    from cv2 import DISOpticalFlow
    from torch import Tensor
    from torch.nn import Module

#: Gray (height, width) or RGB (height, width, 3), as the flow's `pixel_format` says.
Picture = UInt8[np.ndarray, "height width *colours"]
#: How far each pixel goes, right and down, in pixels.
Flow = Float32[np.ndarray, "height width 2"]
#: A picture, and the one into which it moves, of the same size.
Pictures = tuple[Picture, Picture]


class OpticalFlow(Protocol):
    """Something that finds where the points of a picture go."""

    #: How it wants pictures: `gray` or `rgb24`.
    pixel_format: str

    def flows(self, pairs: Iterable[Pictures]) -> Iterator[Flow]:
        """Where the points of the first picture of each pair are in its second, in order.

        Pairs are taken as it gets to them, so they may come from a decoder.
        """
        ...


class Dis:
    """Dense inverse search (Kroeger et al., ECCV 2016), by OpenCV."""

    pixel_format = "gray"

    def flows(self, pairs: Iterable[Pictures]) -> Iterator[Flow]:
        """See the protocol."""
        return (self.between(*pair) for pair in pairs)

    def between(self, first: Picture, second: Picture) -> Flow:
        """Where the points of `first` are in `second`."""
        return np.asarray(self._search.calc(first, second, None), dtype=np.float32)  # type: ignore[call-overload]

    @cached_property
    def _search(self) -> "DISOpticalFlow":
        import cv2

        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


#: RAFT halves a picture three times, and needs some of it left.
_MULTIPLE, _LEAST_SIDE = 8, 128
#: Pairs of pictures in one call on a GPU; what is not there is filled up with the last, so every call of a size has one shape.
_BATCH = 8


@dataclass(frozen=True)
class Raft:
    """RAFT (Teed and Deng, ECCV 2020), the large network of torchvision."""

    network: "Module"
    #: The calls that all steps of this process share on a GPU; None on processors, where each pair has its own.
    shared: Batches[Pictures, Flow] | None = None
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

        device = torch_device()
        network = raft_large(weights=None)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        network.to(device).eval()
        return cls(network).sharing() if device == "cuda" else cls(network)

    def sharing(self) -> "Raft":
        """The same network, whose calls all steps of this process share; each for pairs of one size."""
        return Raft(self.network, Batches(self._of_batch, _BATCH, alike=lambda pair: pair[0].shape))

    def flows(self, pairs: Iterable[Pictures]) -> Iterator[Flow]:
        """See the protocol."""
        if self.shared is not None:
            return self.shared.each(pairs)
        return (_flows(self.network, [pair])[0] for pair in pairs)

    def _of_batch(self, pairs: Sequence[Pictures]) -> list[Flow]:
        return _flows(self.network, [*pairs, *[pairs[-1]] * (_BATCH - len(pairs))])[: len(pairs)]


def _flows(network: "Module", pairs: Sequence[Pictures]) -> list[Flow]:
    """The flows of some pairs of one size, by one call."""
    import torch

    height, width = pairs[0][0].shape[:2]
    device = next(network.parameters()).device
    with torch.inference_mode():
        first, second = (
            torch.cat([_prepared(pair[number], device) for pair in pairs]) for number in range(2)
        )
        found = network(first, second)[-1].permute(0, 2, 3, 1)[:, :height, :width].float().cpu().numpy()
    return [np.ascontiguousarray(flow) for flow in found]


def _prepared(picture: Picture, device: "torch.device") -> "Tensor":
    """A picture from -1 to 1, filled up below and at the right to a size that the network takes."""
    import torch

    height, width = (max(-(-side // _MULTIPLE) * _MULTIPLE, _LEAST_SIDE) for side in picture.shape[:2])
    below, right = height - picture.shape[0], width - picture.shape[1]
    filled = np.pad(picture, ((0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(filled).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
