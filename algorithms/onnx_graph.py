"""Networks as graphs for ONNX Runtime, written node by node from their published weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto
    from onnxruntime import InferenceSession

#: The operators as this release of their list defines them, and the form of the file that holds them.
_OPERATORS, _FORM = 17, 8
#: What runs a graph on a GPU.
_GPU = "CUDAExecutionProvider"
#: It rounds as processors do, and takes the same way through a convolution in every process.
_GPU_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
#: The name of the only input.
_INPUT = "pictures"


class Graph:
    """A graph under construction; what an operation gives is named, and that name is given to the next."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        #: What the network is fed with.
        self.input = _INPUT

    def convolution(
        self,
        x: str,
        weight: Float[np.ndarray, "out in height width"],
        bias: Float[np.ndarray, " out"],
        *,
        stride: int = 1,
        is_depthwise: bool = False,
        is_clipped: bool = True,
    ) -> str:
        """Padded as TensorFlow's "same", perhaps with ReLU6."""
        y = self.node(
            "Conv",
            x,
            self.constant(weight.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
            strides=[stride, stride],
            auto_pad="SAME_UPPER",
            group=len(weight) if is_depthwise else 1,
        )
        if is_clipped:
            y = self.node("Clip", y, self.constant(np.float32(0)), self.constant(np.float32(6)))
        return y

    def constant(self, values: np.ndarray | np.generic) -> str:
        """Numbers that every call shares."""
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values).reshape(np.shape(values)), name)
        )
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """What an operator of ONNX makes of its inputs."""
        from onnx import helper

        name = f"node_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def file(self, shape: Sequence[int], **outputs: str) -> bytes:
        """An ONNX file of the network from float32 numbers of this shape to what is given under the names of its outputs."""
        from onnx import TensorProto, helper

        named = [helper.make_node("Identity", [node], [name]) for name, node in outputs.items()]
        graph = helper.make_graph(
            [*self._nodes, *named],
            "network",
            [helper.make_tensor_value_info(self.input, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self._constants,
        )
        operators = [helper.make_opsetid("", _OPERATORS)]
        made = helper.make_model(graph, opset_imports=operators, ir_version=_FORM)
        return bytes(made.SerializeToString())


class Network:
    """A graph that ONNX Runtime runs.

    Args:
        file: The bytes of an ONNX file.
        may_use_gpu: Whether it runs on a GPU where ONNX Runtime's build for one is installed; else on processors.
            Whoever says so declares `gpus`.
    """

    def __init__(self, file: bytes, *, may_use_gpu: bool = False) -> None:
        self._session = session(file, may_use_gpu=may_use_gpu)

    @property
    def is_on_gpu(self) -> bool:
        """Whether a GPU runs it."""
        return _GPU in self._session.get_providers()

    def __call__(
        self, pictures: Float32[np.ndarray, "..."], *outputs: str
    ) -> list[Float32[np.ndarray, "..."]]:
        """The outputs of these names, of pictures of the shape that the graph was made for."""
        return [np.asarray(found) for found in self._session.run(outputs, {_INPUT: pictures})]


def has_gpu_build() -> bool:
    """Whether ONNX Runtime's build for GPUs is installed."""
    import onnxruntime

    return _GPU in onnxruntime.get_available_providers()


def session(file: bytes | str, *, may_use_gpu: bool = False) -> "InferenceSession":
    """The network of an ONNX file, given as its bytes or its path, each call of which takes one thread: its bytes may depend on their number."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
    if may_use_gpu and has_gpu_build():
        providers.insert(0, (_GPU, _GPU_OPTIONS))
    return onnxruntime.InferenceSession(file, options, providers=providers)
