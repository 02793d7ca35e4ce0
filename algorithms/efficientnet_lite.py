"""EfficientNet-Lite0 as far as its pooled features: the network, and the reading of its published weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from algorithms.middle_frames import Picture
from algorithms.same_convolution import SameConvolution

if TYPE_CHECKING:
    from torch import Tensor

#: Stages as (blocks, stride of the first block); kernels and widths are those of the weights.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
_BATCH_NORM_EPSILON = 1e-3
#: Pictures in one call; fewer are filled up, so every call has one shape.
#: Of 1, 4, 8, 16 and 32 the quickest on two cores (9.6 ms a picture; 16: 12.2 ms).
BATCH = 4


@dataclass(frozen=True)
class _Block:
    """An inverted residual: widen, filter each channel, narrow; the input is added where shapes allow."""

    convolutions: tuple[SameConvolution, ...]
    is_residual: bool

    def __call__(self, x: "Tensor") -> "Tensor":
        y = x
        for convolution in self.convolutions:
            y = convolution(y)
        return y.add_(x) if self.is_residual else y


@dataclass(frozen=True)
class EfficientNetLite0:
    """The network from RGB pictures to 1280 pooled features."""

    stem: SameConvolution
    blocks: tuple[_Block, ...]
    head: SameConvolution

    @classmethod
    def load(cls, path: Path) -> "EfficientNetLite0":
        """The network with the weights of a PyTorch state dictionary, on the GPU if there is one.

        On a GPU convolutions are told to keep to float32 and to one algorithm, for the whole process.

        Raises:
            KeyError: The file lacks a parameter of the network.
        """
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda":
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.deterministic = True
        state = torch.load(path, map_location=device, weights_only=True)
        blocks: list[_Block] = []
        for count, first_stride in _STAGES:
            for repeat in range(count):
                stride = first_stride if repeat == 0 else 1
                blocks.append(_block(state, f"_blocks.{len(blocks)}.", stride, is_residual=repeat > 0))
        return cls(
            stem=_convolution(state, "_conv_stem", "_bn0", stride=2),
            blocks=tuple(blocks),
            head=_convolution(state, "_conv_head", "_bn1"),
        )

    def of_pictures(self, pictures: Sequence[Picture]) -> "Tensor":
        """The pooled features of up to `BATCH` square RGB pictures; shape (n, 1280)."""
        import torch

        batch = np.zeros((BATCH, *pictures[0].shape), np.float32)
        batch[: len(pictures)] = (np.stack(pictures).astype(np.float32) - 127) / 128
        return self.features(torch.from_numpy(batch).permute(0, 3, 1, 2))[: len(pictures)]

    def features(self, pictures: "Tensor") -> "Tensor":
        """The pooled features of `pictures` scaled (x - 127) / 128: float32, shape (n, 3, side, side) → (n, 1280)."""
        import torch

        with torch.inference_mode():
            x = self.stem(pictures.to(self.stem.weight.device, memory_format=torch.channels_last))
            for block in self.blocks:
                x = block(x)
            return self.head(x).mean(dim=(2, 3)).cpu()


def _block(state: Mapping[str, "Tensor"], prefix: str, stride: int, *, is_residual: bool) -> _Block:
    convolutions = [
        _convolution(state, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride),
        _convolution(state, f"{prefix}_project_conv", f"{prefix}_bn2", is_clipped=False),
    ]
    if f"{prefix}_expand_conv.weight" in state:
        convolutions.insert(0, _convolution(state, f"{prefix}_expand_conv", f"{prefix}_bn0"))
    return _Block(tuple(convolutions), is_residual)


def _convolution(
    state: Mapping[str, "Tensor"], name: str, norm: str, *, stride: int = 1, is_clipped: bool = True
) -> SameConvolution:
    import torch

    deviation = (state[f"{norm}.running_var"].double() + _BATCH_NORM_EPSILON).sqrt()
    scale = state[f"{norm}.weight"].double() / deviation
    bias = state[f"{norm}.bias"].double() - state[f"{norm}.running_mean"].double() * scale
    weight = state[f"{name}.weight"].double() * scale[:, None, None, None]
    return SameConvolution(
        weight.float().contiguous(memory_format=torch.channels_last),
        bias.float(),
        stride,
        is_depthwise=name.endswith("_depthwise_conv"),
        is_clipped=is_clipped,
    )
