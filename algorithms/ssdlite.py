"""MobileNetV2-SSDLite for people: the network, rebuilt from the constants of its frozen graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from algorithms.onnx_graph import Graph, Network
from algorithms.tensorflow_graph import constants

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
#: The blocks whose input, as large and as wide as their output, is added to it.
_ADDED = (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
#: The layers after the blocks: the width within, and the width that is looked at.
_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
#: Sides of the maps that are looked at, and the sizes of the boxes that are expected there, relative to the picture.
_MAPS = (19, 10, 5, 3, 2, 1)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
#: By how much the network's offsets are larger than what they move: places, and sizes.
_PLACE, _SIZE = 10.0, 5.0


@dataclass(frozen=True)
class SsdLite:
    """The network from square RGB pictures to people's boxes."""

    network: Network

    @classmethod
    def open(cls, path: Path) -> "SsdLite":
        """The network with the constants of a frozen graph.

        Raises:
            KeyError: The graph lacks a constant of the network.
            ValueError: The file is no graph.
        """
        return cls(Network(onnx_file(path)))

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
        scaled = picture.transpose(2, 0, 1)[None].astype(np.float32, order="C") * np.float32(2 / 255) - 1
        offsets, scores = self.network(scaled, "offsets", "scores")
        return offsets[0].astype(np.float64), scores[0, :, 1].astype(np.float64)


def onnx_file(path: Path) -> bytes:
    """The network with these constants, as an ONNX file; raises as `SsdLite.open`."""
    return _Writer(Graph(), constants(path)).file()


@dataclass(frozen=True)
class _Writer:
    """Writes the network's graph from the constants of another."""

    graph: Graph
    constants: Constants

    def file(self) -> bytes:
        offsets, scores = [], []
        for level, x in enumerate(self._maps()):
            offsets.append(self._head(x, f"BoxPredictor_{level}/BoxEncodingPredictor", 4))
            scores.append(self._head(x, f"BoxPredictor_{level}/ClassPredictor", 2))
        return self.graph.file(
            (1, 3, SIDE, SIDE),
            offsets=self.graph.node("Concat", *offsets, axis=1),
            scores=self.graph.node("Sigmoid", self.graph.node("Concat", *scores, axis=1)),
        )

    def _maps(self) -> list[str]:
        """What is looked at, from the finest map to the coarsest."""
        x = self._convolution(self.graph.input, f"{_NETWORK}/Conv", stride=2)
        maps = []
        for number in range(_BLOCKS):
            name = f"{_NETWORK}/expanded_conv{f'_{number}' if number else ''}"
            y = self._convolution(x, f"{name}/expand") if number else x
            if number == _FINEST:
                maps.append(y)
            y = self._depthwise(y, f"{name}/depthwise", 2 if number in _HALVING else 1)
            y = self._convolution(y, f"{name}/project", is_clipped=False)
            x = self.graph.node("Add", y, x) if number in _ADDED else y
        maps.append(self._convolution(x, f"{_NETWORK}/Conv_1"))
        for number, (within, seen) in enumerate(_EXTRAS, start=2):
            x = self._convolution(maps[-1], f"{_NETWORK}/layer_19_1_Conv2d_{number}_1x1_{within}")
            halved = f"{_NETWORK}/layer_19_2_Conv2d_{number}_3x3_s2_{seen}"
            maps.append(self._convolution(self._depthwise(x, f"{halved}_depthwise", 2), halved))
        return maps

    def _head(self, x: str, name: str, numbers: int) -> str:
        """So many numbers for each box that is expected on a map, shape (1, boxes, numbers)."""
        graph = self.graph
        weights, bias = self.constants[f"{name}/weights"], self.constants[f"{name}/biases"]
        x = self._depthwise(x, f"{name}_depthwise", 1)
        x = graph.convolution(x, weights.transpose(3, 2, 0, 1), bias, is_clipped=False)
        rows = graph.node("Transpose", x, perm=[0, 2, 3, 1])
        return graph.node("Reshape", rows, graph.constant(np.array([1, -1, numbers])))

    def _convolution(self, x: str, name: str, *, stride: int = 1, is_clipped: bool = True) -> str:
        weights = self.constants[f"{name}/weights"].transpose(3, 2, 0, 1)
        return self._folded(x, name, weights, stride, is_clipped=is_clipped)

    def _depthwise(self, x: str, name: str, stride: int) -> str:
        weights = self.constants[f"{name}/depthwise_weights"].transpose(2, 3, 0, 1)
        return self._folded(x, name, weights, stride, is_depthwise=True)

    def _folded(
        self,
        x: str,
        name: str,
        weights: Float32[np.ndarray, "out in height width"],
        stride: int,
        *,
        is_depthwise: bool = False,
        is_clipped: bool = True,
    ) -> str:
        """A convolution with its batch normalisation folded in."""
        of = self.constants
        variance = of[f"{name}/BatchNorm/moving_variance"].astype(np.float64)
        scale = of[f"{name}/BatchNorm/gamma"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
        bias = of[f"{name}/BatchNorm/beta"] - of[f"{name}/BatchNorm/moving_mean"] * scale
        return self.graph.convolution(
            x,
            weights * scale[:, None, None, None],
            bias,
            stride=stride,
            is_depthwise=is_depthwise,
            is_clipped=is_clipped,
        )


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


def suppress(
    boxes: Boxes, scores: Float64[np.ndarray, " box"], same: float = _SAME
) -> Int64[np.ndarray, " kept"]:
    """The boxes that are of something of their own, the surest first: none shares more than `same` with a surer one."""
    waiting = np.lexsort((np.arange(len(scores)), -scores))
    kept = []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(best)
        height = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0])
        width = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1])
        shared = np.clip(height, 0, None) * np.clip(width, 0, None)
        waiting = rest[shared <= same * (area[best] + area[rest] - shared)]
    return np.array(kept, dtype=np.int64)
