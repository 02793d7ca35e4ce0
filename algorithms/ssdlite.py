"""MobileNetV2-SSDLite for people: the network, rebuilt from the constants of its frozen graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from algorithms.same_convolution import SameConvolution
from algorithms.tensorflow_graph import constants

if TYPE_CHECKING:
    from torch import Tensor

Constants = Mapping[str, Float32[np.ndarray, "..."]]
#: Top, left, bottom, right, as fractions of the picture.
Boxes = Float64[np.ndarray, "box 4"]

#: Side of the square pictures that the network was trained on.
SIDE = 300
#: Boxes that share more of their area than this are of one person.
_SAME = 0.6
_BATCH_NORM_EPSILON = 1e-3
_NETWORK = "FeatureExtractor/MobilenetV2"
#: Of the 17 blocks, those that halve the picture, and the one whose widened features are the finest that are looked at.
_BLOCKS, _HALVING, _FINEST = 17, (1, 3, 6, 13), 13
#: The layers after the blocks: the width within, and the width that is looked at.
_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
#: Sides of the maps that are looked at, and the sizes of the boxes that are expected there, relative to the picture.
_MAPS = (19, 10, 5, 3, 2, 1)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
#: By how much the network's offsets are larger than what they move: places, and sizes.
_PLACE, _SIZE = 10.0, 5.0


@dataclass(frozen=True)
class _Head:
    """What tells boxes, or scores, from a map."""

    filter: SameConvolution
    predict: SameConvolution

    def __call__(self, x: "Tensor", numbers: int) -> "Tensor":
        """So many numbers for each box that is expected, shape (n, boxes, numbers)."""
        return self.predict(self.filter(x)).permute(0, 2, 3, 1).reshape(len(x), -1, numbers)


@dataclass(frozen=True)
class SsdLite:
    """The network from square RGB pictures to people's boxes."""

    stem: SameConvolution
    blocks: tuple[tuple[SameConvolution, ...], ...]
    top: SameConvolution
    extras: tuple[tuple[SameConvolution, ...], ...]
    box_heads: tuple[_Head, ...]
    score_heads: tuple[_Head, ...]

    @classmethod
    def open(cls, path: Path) -> "SsdLite":
        """The network with the constants of a frozen graph, on the GPU if there is one.

        Raises:
            KeyError: The graph lacks a constant of the network.
            ValueError: The file is no graph.
        """
        graph = constants(path)
        blocks = []
        for number in range(_BLOCKS):
            name = f"{_NETWORK}/expanded_conv{f'_{number}' if number else ''}"
            stride = 2 if number in _HALVING else 1
            widen = (_convolution(graph, f"{name}/expand"),) if number else ()
            blocks.append(
                (
                    *widen,
                    _depthwise(graph, f"{name}/depthwise", stride),
                    _convolution(graph, f"{name}/project", is_clipped=False),
                )
            )
        extras = [
            (
                _convolution(graph, f"{_NETWORK}/layer_19_1_Conv2d_{number}_1x1_{within}"),
                _depthwise(graph, f"{_NETWORK}/layer_19_2_Conv2d_{number}_3x3_s2_{seen}_depthwise", 2),
                _convolution(graph, f"{_NETWORK}/layer_19_2_Conv2d_{number}_3x3_s2_{seen}"),
            )
            for number, (within, seen) in enumerate(_EXTRAS, start=2)
        ]
        return cls(
            stem=_convolution(graph, f"{_NETWORK}/Conv", stride=2),
            blocks=tuple(blocks),
            top=_convolution(graph, f"{_NETWORK}/Conv_1"),
            extras=tuple(extras),
            box_heads=tuple(
                _head(graph, f"BoxPredictor_{level}/BoxEncodingPredictor") for level in range(len(_MAPS))
            ),
            score_heads=tuple(
                _head(graph, f"BoxPredictor_{level}/ClassPredictor") for level in range(len(_MAPS))
            ),
        )

    def people(
        self, picture: UInt8[np.ndarray, "300 300 3"], min_score: float
    ) -> tuple[Boxes, Float64[np.ndarray, " box"]]:
        """The boxes of the people in an RGB picture and how sure each is, 0 to 1, the surest first."""
        offsets, scores = self.raw(picture)
        likely = np.flatnonzero(scores >= min_score)
        boxes = decode(offsets[likely], _anchors()[likely])
        kept = suppress(boxes, scores[likely])
        return np.clip(boxes[kept], 0, 1), scores[likely][kept]

    def raw(
        self, picture: UInt8[np.ndarray, "300 300 3"]
    ) -> tuple[Float64[np.ndarray, "anchor 4"], Float64[np.ndarray, " anchor"]]:
        """For each box that is expected, how far it is off, and the score that it holds a person."""
        import torch

        device = self.stem.weight.device
        with torch.inference_mode():
            x = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() * (2 / 255) - 1
            maps = self._maps(x.contiguous(memory_format=torch.channels_last))
            offsets = torch.cat([head(m, 4) for head, m in zip(self.box_heads, maps, strict=True)], dim=1)
            logits = torch.cat([head(m, 2) for head, m in zip(self.score_heads, maps, strict=True)], dim=1)
            scores = logits[0, :, 1].sigmoid()
            return offsets[0].double().cpu().numpy(), scores.double().cpu().numpy()

    def _maps(self, x: "Tensor") -> list["Tensor"]:
        x = self.stem(x)
        maps = []
        for number, block in enumerate(self.blocks):
            y = x
            for convolution in block:
                y = convolution(y)
                if number == _FINEST and convolution is block[0]:
                    maps.append(y.clone())
            x = y + x if y.shape == x.shape else y
        x = self.top(x)
        maps.append(x)
        for extra in self.extras:
            for convolution in extra:
                x = convolution(x)
            maps.append(x)
        return maps


@cache
def _anchors() -> Boxes:
    """The boxes that are expected, as middle (down, right) and size (height, width), in the order of the heads."""
    found = []
    for level, side in enumerate(_MAPS):
        if level == 0:
            kinds = [(0.1, 1.0), (_SCALES[0], 2.0), (_SCALES[0], 0.5)]
        else:
            between = float(np.sqrt(_SCALES[level] * _SCALES[level + 1]))
            kinds = [*((_SCALES[level], ratio) for ratio in _RATIOS), (between, 1.0)]
        middles = (np.arange(side) + 0.5) / side
        for down in middles:
            for right in middles:
                found += [
                    (down, right, scale / np.sqrt(ratio), scale * np.sqrt(ratio)) for scale, ratio in kinds
                ]
    return np.array(found)


def decode(offsets: Float64[np.ndarray, "box 4"], anchors: Boxes) -> Boxes:
    """Boxes (top, left, bottom, right) from how far they are off those that were expected."""
    middle = anchors[:, :2] + offsets[:, :2] / _PLACE * anchors[:, 2:]
    half = anchors[:, 2:] * np.exp(offsets[:, 2:] / _SIZE) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def suppress(boxes: Boxes, scores: Float64[np.ndarray, " box"]) -> Int64[np.ndarray, " kept"]:
    """The boxes that are of a person of their own, the surest first: none shares most of its area with a surer one."""
    waiting = np.lexsort((np.arange(len(scores)), -scores))
    kept = []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(best)
        height = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0])
        width = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1])
        shared = np.clip(height, 0, None) * np.clip(width, 0, None)
        waiting = rest[shared <= _SAME * (area[best] + area[rest] - shared)]
    return np.array(kept, dtype=np.int64)


def _convolution(graph: Constants, name: str, *, stride: int = 1, is_clipped: bool = True) -> SameConvolution:
    return _folded(graph, name, graph[f"{name}/weights"].transpose(3, 2, 0, 1), stride, is_clipped=is_clipped)


def _depthwise(graph: Constants, name: str, stride: int) -> SameConvolution:
    weights = graph[f"{name}/depthwise_weights"].transpose(2, 3, 0, 1)
    return _folded(graph, name, weights, stride, is_depthwise=True)


def _head(graph: Constants, name: str) -> _Head:
    weights, bias = graph[f"{name}/weights"].transpose(3, 2, 0, 1), graph[f"{name}/biases"]
    predict = SameConvolution(_tensor(weights), _tensor(bias), 1, is_depthwise=False, is_clipped=False)
    return _Head(_depthwise(graph, f"{name}_depthwise", 1), predict)


def _folded(
    graph: Constants,
    name: str,
    weights: Float32[np.ndarray, "out in height width"],
    stride: int,
    *,
    is_depthwise: bool = False,
    is_clipped: bool = True,
) -> SameConvolution:
    """A convolution with its batch normalisation folded in."""
    variance = graph[f"{name}/BatchNorm/moving_variance"].astype(np.float64)
    scale = graph[f"{name}/BatchNorm/gamma"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
    bias = graph[f"{name}/BatchNorm/beta"] - graph[f"{name}/BatchNorm/moving_mean"] * scale
    scaled = weights * scale[:, None, None, None]
    return SameConvolution(
        _tensor(scaled), _tensor(bias), stride, is_depthwise=is_depthwise, is_clipped=is_clipped
    )


def _tensor(values: np.ndarray) -> "Tensor":
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    made = torch.from_numpy(np.array(values, dtype=np.float32, order="C")).to(device)
    return made.contiguous(memory_format=torch.channels_last) if made.ndim == 4 else made
