"""TransNetV2: the network, the reading of its published weights, and the windows in which it sees a film."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from algorithms.pinned_threads import torch_side_by_side
from algorithms.torch_device import torch_device
from amber.batches import Batches

if TYPE_CHECKING:
    from torch import Tensor

#: What the network was trained on: windows of this many frames, each of this height and width.
WINDOW, HEIGHT, WIDTH = 100, 27, 48
#: Of a window, the frames from here on for `STEP` frames have enough around them.
MARGIN, STEP = 25, 50
#: Windows in one call of the network on a GPU; what is not there is filled up, so every call has one shape.
_BATCH = 16
#: Frames before and after each one to which it is compared.
_REACH = 50
_BATCH_NORM_EPSILON = 1e-3

Picture = UInt8[np.ndarray, "27 48 3"]
Window = UInt8[np.ndarray, "100 27 48 3"]
Windows = UInt8[np.ndarray, "n 100 27 48 3"]
Probabilities = Float32[np.ndarray, "100 2"]


@dataclass(frozen=True)
class Transitions:
    """For each frame, how probable it is that a transition stands there."""

    #: That the middle of a transition lies between this frame and the next; shape (frame,).
    middle: Float32[np.ndarray, " frame"]
    #: That this frame is part of a transition; shape (frame,).
    part: Float32[np.ndarray, " frame"]


@dataclass(frozen=True)
class _Dilated:
    """Four convolutions side by side, in space and then in time, that reach 1, 2, 4 and 8 frames."""

    #: The four of them in space as one, shape (8f, channels, 3, 3).
    space: "Tensor"
    #: Each in time, normalisation folded in, shape (f, 2f, 3, 1).
    time: "tuple[Tensor, ...]"
    bias: "tuple[Tensor, ...]"

    def __call__(self, x: "Tensor", frames: int) -> "Tensor":
        """From (n * frames, channels, height, width) to 4f channels; memory stays channels last."""
        import torch
        from torch.nn.functional import conv2d

        y = conv2d(x, self.space, padding=1)
        _, channels, height, width = y.shape
        # What lies in memory is (n, frames, pixels, channels): a picture as high as the frames are many.
        y = y.permute(0, 2, 3, 1).reshape(-1, frames, height * width, channels).permute(0, 3, 1, 2)
        quarter = channels // 4
        outs = [
            conv2d(y[:, i * quarter : (i + 1) * quarter], w, b, padding=(2**i, 0), dilation=(2**i, 1))
            for i, (w, b) in enumerate(zip(self.time, self.bias, strict=True))
        ]
        z = torch.cat(outs, dim=1).permute(0, 2, 3, 1)
        return z.reshape(-1, height, width, z.shape[-1]).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class _Likeness:
    """What a frame makes of its likeness to each of the frames around it."""

    weight: "Tensor"
    bias: "Tensor"

    def __call__(self, rows: "Tensor") -> "Tensor":
        """From one vector a frame, shape (n, frames, width), to shape (n, frames, 128)."""
        from torch.nn.functional import linear, normalize, pad

        unit = normalize(rows, dim=2)
        likeness = pad(unit @ unit.transpose(1, 2), [_REACH, _REACH])
        # Row t of the band are columns t to t + 100 of row t: a step down is a step to the right as well.
        n, frames, wide = likeness.shape
        band = likeness.as_strided((n, frames, 2 * _REACH + 1), (frames * wide, wide + 1, 1))
        return linear(band, self.weight, self.bias).relu()


@dataclass(frozen=True)
class TransNet:
    """The network from windows of small RGB pictures to the probabilities of transitions."""

    blocks: tuple[tuple[_Dilated, _Dilated], ...]
    projection: "tuple[Tensor, Tensor]"
    features: _Likeness
    colours: _Likeness
    hidden: "tuple[Tensor, Tensor]"
    #: Weight and bias of both heads: middles of transitions, and their parts.
    heads: "tuple[Tensor, Tensor]"
    #: The calls that all steps of this process share on a GPU; None on processors, where each window has its own.
    shared: Batches[Window, Probabilities] | None = None

    @classmethod
    def open(cls, path: Path) -> "TransNet":
        """The network with the weights of a PyTorch state dictionary, on the GPU if there is one.

        Raises:
            KeyError: The file lacks a parameter of the network.
        """
        import torch

        device = torch_device()
        state = torch.load(path, map_location=device, weights_only=True)
        blocks = [
            (_dilated(state, f"SDDCNN.{i}.DDCNN.0"), _dilated(state, f"SDDCNN.{i}.DDCNN.1")) for i in range(3)
        ]
        network = cls(
            blocks=tuple(blocks),
            projection=_pair(state, "frame_sim_layer.projection"),
            features=_Likeness(*_pair(state, "frame_sim_layer.fc")),
            colours=_Likeness(*_pair(state, "color_hist_layer.fc")),
            hidden=_pair(state, "fc1"),
            heads=(
                torch.cat([state["cls_layer1.weight"], state["cls_layer2.weight"]]),
                torch.cat([state["cls_layer1.bias"], state["cls_layer2.bias"]]),
            ),
        )
        return network.sharing() if device == "cuda" else network

    def sharing(self, size: int = _BATCH) -> "TransNet":
        """The same network, whose calls, of so many windows, all steps of this process share."""
        return replace(self, shared=Batches(partial(self._of_windows, size), size))

    def transitions(self, pictures: Iterable[Picture]) -> Transitions:
        """The transitions of a film, of which `pictures` are all frames, in order.

        Pictures are taken as the network gets to them, so they may come from a decoder.
        """
        windows, counts = tee(_windows(pictures))
        found = self._each(window for window, _ in windows)
        kept: list[Float32[np.ndarray, "frame 2"]] = [np.zeros((0, 2), np.float32)]
        for probable, (_, new) in zip(found, counts, strict=True):
            kept.append(probable[MARGIN : MARGIN + new])
        both = np.concatenate(kept)
        return Transitions(middle=both[:, 0].copy(), part=both[:, 1].copy())

    def _each(self, windows: Iterable[Window]) -> Iterator[Probabilities]:
        """The probabilities of each window: on a GPU in batches, on processors one by one."""
        if self.shared is not None:
            return self.shared.each(windows)
        return torch_side_by_side(lambda window: self.probabilities(window[None])[0], windows)

    def _of_windows(self, size: int, windows: Sequence[Window]) -> Float32[np.ndarray, "n 100 2"]:
        """The probabilities of at most so many windows, in a batch of so many that is filled up with black."""
        batch = np.zeros((size, WINDOW, HEIGHT, WIDTH, 3), np.uint8)
        batch[: len(windows)] = windows
        return self.probabilities(batch)[: len(windows)]

    def probabilities(self, windows: Windows) -> Float32[np.ndarray, "n 100 2"]:
        """For each frame of each window, the probability of a middle, and of a part, of a transition."""
        import torch

        with torch.inference_mode():
            seen = torch.from_numpy(windows).to(self.hidden[0].device)
            found: Float32[np.ndarray, "n 100 2"] = self.scores(seen).cpu().numpy()
        return found

    def scores(self, seen: "Tensor") -> "Tensor":
        """The same of windows that lie where the network does."""
        import torch
        from torch.nn.functional import avg_pool2d, linear

        n, frames = seen.shape[:2]
        x = seen.reshape(-1, HEIGHT, WIDTH, 3).permute(0, 3, 1, 2).float().div_(255)
        means = []
        for first, second in self.blocks:
            shortcut = first(x, frames).relu_()
            x = avg_pool2d(second(shortcut, frames).relu_().add_(shortcut), 2)
            means.append(x.mean(dim=(2, 3)))
        projected = linear(torch.cat(means, dim=1).reshape(n, frames, -1), *self.projection)
        flat = x.permute(0, 2, 3, 1).reshape(n, frames, -1)
        joined = torch.cat([self.colours(_histograms(seen)), self.features(projected), flat], dim=2)
        return linear(linear(joined, *self.hidden).relu_(), *self.heads).sigmoid()


def _histograms(seen: "Tensor") -> "Tensor":
    """How many pixels of each frame have which of 512 colours; shape (n, frames, 512)."""
    import torch

    n, frames = seen.shape[:2]
    red, green, blue = (seen.reshape(n * frames, -1, 3).long() >> 5).unbind(2)
    counts = torch.zeros(n * frames, 512, device=seen.device)
    colours = (red << 6) + (green << 3) + blue
    return counts.scatter_add_(1, colours, torch.ones_like(colours, dtype=counts.dtype)).reshape(
        n, frames, 512
    )


def _windows(pictures: Iterable[Picture]) -> Iterator[tuple[Window, int]]:
    """The windows of a film, a step apart, and how many frames of the film are new in the middle of each.

    Beyond its ends a film goes on with its first and last picture.
    """
    waiting: list[Picture] = []
    in_front, last = MARGIN, None
    for picture in pictures:
        if last is None:
            waiting += [picture] * in_front
        waiting.append(picture)
        last = picture
        if len(waiting) == WINDOW:
            yield np.stack(waiting), STEP
            waiting = waiting[STEP:]
    while last is not None and len(waiting) > MARGIN:
        new = min(STEP, len(waiting) - MARGIN)
        filled = waiting + [last] * (WINDOW - len(waiting))
        yield np.stack(filled), new
        waiting = waiting[STEP:]


def _dilated(state: "Mapping[str, Tensor]", prefix: str) -> _Dilated:
    import torch

    names = [f"{prefix}.Conv3D_{reach}.layers" for reach in (1, 2, 4, 8)]
    deviation = (state[f"{prefix}.bn.running_var"].double() + _BATCH_NORM_EPSILON).sqrt()
    scale = state[f"{prefix}.bn.weight"].double() / deviation
    bias = state[f"{prefix}.bn.bias"].double() - state[f"{prefix}.bn.running_mean"].double() * scale
    space = torch.cat([state[f"{name}.0.weight"][:, :, 0] for name in names])
    time = (
        torch.cat([state[f"{name}.1.weight"][..., 0] for name in names]).double() * scale[:, None, None, None]
    )
    return _Dilated(
        space=space.contiguous(memory_format=torch.channels_last),
        time=tuple(part.contiguous(memory_format=torch.channels_last) for part in time.float().chunk(4)),
        bias=tuple(bias.float().chunk(4)),
    )


def _pair(state: "Mapping[str, Tensor]", name: str) -> "tuple[Tensor, Tensor]":
    return state[f"{name}.weight"], state[f"{name}.bias"]
