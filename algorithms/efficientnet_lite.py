"""EfficientNet-Lite0: its graph, written from its published weights."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from algorithms.middle_frames import SIDE, Picture
from algorithms.onnx_graph import Graph, Network, has_gpu_build
from algorithms.pinned_threads import side_by_side
from algorithms.state_dictionary import Arrays, arrays
from amber.batches import Batches

#: Stages as (blocks, stride of the first block); kernels and widths are those of the weights.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
_BATCH_NORM_EPSILON = 1e-3
#: Pictures in one call on a GPU; what is not there is filled up with zeros, so every call has one shape.
_BATCH = 32

Features = Float32[np.ndarray, " 1280"]


@dataclass(frozen=True)
class EfficientNetLite0:
    """The network from an RGB picture to 1280 pooled features, and from them to ImageNet's 1,000 labels."""

    network: Network
    #: The calls that all steps of this process share on a GPU; None on processors, where each picture has its own.
    shared: Batches[Picture, Features] | None = None

    @classmethod
    def open(cls, path: Path, *, may_use_gpu: bool = False) -> "EfficientNetLite0":
        """The network with the weights of a PyTorch state dictionary; on a GPU only if that is said.

        Raises:
            KeyError: The file lacks a parameter of the network.
            ValueError: The file is no state dictionary.
        """
        if may_use_gpu and has_gpu_build():
            network = Network(onnx_file(path, _BATCH), may_use_gpu=True)
            if network.is_on_gpu:
                return cls.sharing(network, _BATCH)
        return cls(Network(onnx_file(path)))

    @classmethod
    def sharing(cls, network: Network, size: int) -> "EfficientNetLite0":
        """A network that was made for so many pictures, whose calls all steps of this process share."""
        return cls(network, Batches(partial(_features_of_batch, network, size), size))

    def features(self, pictures: Iterable[Picture]) -> Iterator[Features]:
        """The pooled features of each square RGB picture, in order.

        Pictures are taken as the network gets to them, so they may come from a decoder.
        """
        if self.shared is not None:
            return self.shared.each(pictures)
        return side_by_side(self._features, pictures)

    def _features(self, picture: Picture) -> Features:
        (found,) = self.network(_scaled(picture), "features")
        return np.asarray(found[0])

    def chances(self, picture: Picture) -> Float32[np.ndarray, " 1000"]:
        """The probability of each label of a square RGB picture."""
        (found,) = self.network(_scaled(picture), "chances")
        return np.asarray(found[0])


def _features_of_batch(
    network: Network, size: int, pictures: Sequence[Picture]
) -> Float32[np.ndarray, "n 1280"]:
    batch = np.zeros((size, 3, SIDE, SIDE), np.float32)
    for number, picture in enumerate(pictures):
        batch[number] = _scaled(picture)[0]
    (found,) = network(batch, "features")
    return found[: len(pictures)]


def _scaled(picture: Picture) -> Float32[np.ndarray, "1 3 224 224"]:
    return (picture.transpose(2, 0, 1)[None].astype(np.float32, order="C") - 127) / 128


def onnx_file(path: Path, batch: int = 1) -> bytes:
    """The network with these weights, as an ONNX file, for so many pictures a call; raises as `EfficientNetLite0.open`."""
    state, graph = arrays(path), Graph()
    x = _convolution(graph, state, graph.input, "_conv_stem", "_bn0", stride=2)
    number = 0
    for count, first_stride in _STAGES:
        for repeat in range(count):
            y = _block(graph, state, x, f"_blocks.{number}.", stride=1 if repeat else first_stride)
            x = graph.node("Add", y, x) if repeat else y
            number += 1
    x = _convolution(graph, state, x, "_conv_head", "_bn1")
    features = graph.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    layer = [graph.constant(state[f"_fc.{name}"]) for name in ("weight", "bias")]
    chances = graph.node("Softmax", graph.node("Gemm", features, *layer, transB=1))
    return graph.file((batch, 3, SIDE, SIDE), features=features, chances=chances)


def _block(graph: Graph, state: Arrays, x: str, prefix: str, *, stride: int) -> str:
    """An inverted residual: widen, filter each channel, narrow."""
    if f"{prefix}_expand_conv.weight" in state:
        x = _convolution(graph, state, x, f"{prefix}_expand_conv", f"{prefix}_bn0")
    x = _convolution(graph, state, x, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride)
    return _convolution(graph, state, x, f"{prefix}_project_conv", f"{prefix}_bn2", is_clipped=False)


def _convolution(
    graph: Graph, state: Arrays, x: str, name: str, norm: str, *, stride: int = 1, is_clipped: bool = True
) -> str:
    """A convolution with its batch normalisation folded in."""

    def of(parameter: str) -> Float64[np.ndarray, "..."]:
        return state[parameter].astype(np.float64)

    scale = of(f"{norm}.weight") / np.sqrt(of(f"{norm}.running_var") + _BATCH_NORM_EPSILON)
    return graph.convolution(
        x,
        of(f"{name}.weight") * scale[:, None, None, None],
        of(f"{norm}.bias") - of(f"{norm}.running_mean") * scale,
        stride=stride,
        is_depthwise=name.endswith("_depthwise_conv"),
        is_clipped=is_clipped,
    )
