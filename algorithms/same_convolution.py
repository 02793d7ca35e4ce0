"""The convolution of networks that were trained in TensorFlow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SameConvolution:
    """A convolution with its batch normalisation folded in, padded as TensorFlow's "same", perhaps with ReLU6."""

    weight: "Tensor"
    bias: "Tensor"
    stride: int
    is_depthwise: bool
    is_clipped: bool

    def __call__(self, x: "Tensor") -> "Tensor":
        """Of square maps, shape (n, channels, side, side)."""
        from torch.nn.functional import conv2d, pad

        before, after = self._padding(x.shape[-1])
        if before != after:  # conv2d itself pads both sides alike
            x, before = pad(x, [before, after, before, after]), 0
        groups = len(self.weight) if self.is_depthwise else 1
        y = conv2d(x, self.weight, self.bias, self.stride, before, groups=groups)
        return y.clamp_(0, 6) if self.is_clipped else y

    def _padding(self, size: int) -> tuple[int, int]:
        total = max((-(-size // self.stride) - 1) * self.stride + self.weight.shape[-1] - size, 0)
        return total // 2, total - total // 2
