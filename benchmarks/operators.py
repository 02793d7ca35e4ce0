"""What does each network take in torch as it is, channels last, compiled, and in ONNX Runtime; and is it still the same?"""

import argparse
import dataclasses
import io
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float32, UInt8
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad

from algorithms import efficientnet_lite, ssdlite
from algorithms.middle_frames import squeeze
from algorithms.onnx_graph import session
from algorithms.transnet import HEIGHT, WIDTH, TransNet
from amber.weights import Weights, find_weights
from benchmarks.measure import Answer, Runs
from benchmarks.subject import progress, the_film

#: An operator of eight bits has to have this cosine with the one of single precision, at its worst picture.
LEAST_COSINE = 0.999
#: How long a network may take to be made ready; compiling is what takes long.
PATIENCE_SECONDS = 180
#: Pictures of the film: those that eight bits are fitted to, and those that are compared.
FITTED, COMPARED = 32, 32

Run = Callable[[Tensor], Float32[np.ndarray, "n d"]]


class Graph(nn.Module):
    """A graph for ONNX Runtime, run by torch: as far as our networks go."""

    def __init__(self, model: bytes, output: str) -> None:
        super().__init__()
        graph = onnx.load_from_string(model).graph
        self._output = output
        self._nodes = [
            (node.op_type, list(node.input), node.output[0], _attributes(node)) for node in graph.node
        ]
        for constant in graph.initializer:
            self.register_buffer(constant.name, torch.from_numpy(numpy_helper.to_array(constant).copy()))

    def forward(self, x: Tensor) -> Tensor:
        known = {"pictures": x, **dict(self.named_buffers())}
        for operator, inputs, name, how in self._nodes:
            known[name] = _OPERATORS[operator](*[known[one] for one in inputs], **how)
            if name == self._output:
                return known[name].flatten(1)
        raise KeyError(self._output)


def _attributes(node: Any) -> dict[str, Any]:
    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor, strides: list[int], auto_pad: bytes, group: int
) -> Tensor:
    assert auto_pad == b"SAME_UPPER"
    size, stride = x.shape[-1], strides[0]
    total = max((-(-size // stride) - 1) * stride + weight.shape[-1] - size, 0)
    before, after = total // 2, total - total // 2
    if before != after:  # conv2d itself pads both sides alike
        x, before = pad(x, [before, after, before, after]), 0
    return conv2d(x, weight, bias, stride, before, groups=group)


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "Clip": torch.clamp,
    "Concat": lambda *xs, axis: torch.cat(xs, axis),
    "Conv": _convolution,
    "Gemm": lambda x, weight, bias, **_: linear(x, weight, bias),
    "Identity": lambda x: x,
    "ReduceMean": lambda x, axes, keepdims: x.mean(axes, keepdim=bool(keepdims)),
    "Reshape": lambda x, shape: x.reshape(shape.tolist()),
    "Sigmoid": torch.sigmoid,
    "Softmax": lambda x: x.softmax(-1),
    "Transpose": lambda x, perm: x.permute(perm),
}


class Cuts(nn.Module):
    """The network of `shots_transnet`."""

    def __init__(self, network: TransNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.scores(x).flatten(1)


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network in torch and as an ONNX file, and what it is fed with, a call each."""

    name: str
    #: In torch, with its weights laid out so.
    module: Callable[[torch.memory_format], nn.Module]
    #: As an ONNX file.
    model: Callable[[], bytes]
    #: What it is fed with, and what is compared, by their names in that file.
    given: str
    found: str
    inputs: list[Tensor]


def subjects(film: Path) -> Iterator[Subject]:
    """Every network of the default settings, with pictures of the film."""
    pictures = np.stack(list(_key_frames(film, FITTED + COMPARED)))

    def opened(name: str) -> Path:
        return find_weights(Weights(name), Path())

    square = (torch.from_numpy(squeeze(pictures).astype(np.float32)).permute(0, 3, 1, 2) - 127) / 128
    encoder = efficientnet_lite.onnx_file(opened("efficientnet-lite0"))
    yield _of_graph("encoder, 1 picture", encoder, "features", list(square.split(1)))
    large = torch.nn.functional.interpolate(
        torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2), (300, 300), mode="area"
    )
    people = ssdlite.onnx_file(opened("pedestrian-ssdlite"))
    yield _of_graph("people, 1 picture", people, "scores", list((large * (2 / 255) - 1).split(1)))
    small = torch.nn.functional.interpolate(
        torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2), (HEIGHT, WIDTH), mode="area"
    )
    windows = small.to(torch.uint8).permute(0, 2, 3, 1)
    rows = [windows.roll(shift, 0).repeat(2, 1, 1, 1)[None, :100] for shift in range(0, 64, 8)]
    cuts = TransNet.open(opened("transnetv2"))
    yield Subject(
        "cuts, 100 frames",
        lambda layout: Cuts(_laid_out(cuts, layout)),
        lambda: _exported(Cuts(cuts), rows[0]),
        "x",
        "found",
        rows,
    )


def _of_graph(name: str, model: bytes, output: str, inputs: list[Tensor]) -> Subject:
    def module(layout: torch.memory_format) -> nn.Module:
        return Graph(model, output).to(memory_format=layout)

    return Subject(name, module, lambda: model, "pictures", output, inputs)


def measure(film: Path, rounds: int) -> Answer:
    """Time every way of running every network, in turns, and compare what comes out."""
    runs, notes = Runs(), []
    torch.set_num_threads(1)
    for subject in subjects(film):
        ways: dict[str, Run] = {}
        for name, make in _WAYS.items():
            progress("operators", f"{subject.name}: {name}")
            try:
                with _within(PATIENCE_SECONDS):
                    ways[name] = make(subject)
                    ways[name](subject.inputs[0])
            except Exception as error:  # noqa: BLE001 - what cannot be run so is told
                ways.pop(name, None)
                notes.append(
                    f"{subject.name}: {name} cannot be run: {type(error).__name__}: {str(error).splitlines()[0][:140]}"
                )
        half = len(subject.inputs) // 2
        truth = ways["as it is"]
        for name, run in ways.items():
            worst = min(_cosine(truth(one), run(one)) for one in subject.inputs[half:])
            verdict = "" if worst >= LEAST_COSINE else f": below {LEAST_COSINE}, so it is refused"
            notes.append(
                f"{subject.name}: {name}: the worst cosine to torch as it is is {worst:.5f}{verdict}."
            )
        for number in range(rounds * len(subject.inputs[half:])):
            given = subject.inputs[half + number % half]
            for name, run in ways.items():
                began = time.perf_counter()
                run(given)
                runs.note(f"{subject.name}: {name}", "ms", time.perf_counter() - began)
    return Answer(
        name="operators",
        question=__doc__ or "",
        command="python -m benchmarks operators",
        rows=runs.rows(),
        wanted=(),
        notes=tuple(notes),
    )


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Raises TimeoutError where it takes longer."""

    def stop(signum: int, frame: object) -> None:
        raise TimeoutError(f"not ready within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _as_it_is(subject: Subject) -> Run:
    return _by_torch(subject.module(torch.contiguous_format), torch.contiguous_format)


def _channels_last(subject: Subject) -> Run:
    return _by_torch(subject.module(torch.channels_last), torch.channels_last)


def _compiled(subject: Subject) -> Run:
    return _by_torch(torch.compile(subject.module(torch.channels_last)), torch.channels_last)


def _by_torch(module: Any, layout: torch.memory_format) -> Run:
    def run(given: Tensor) -> Float32[np.ndarray, "n d"]:
        with torch.inference_mode():
            laid = given.contiguous(memory_format=layout) if given.ndim == 4 else given
            return np.asarray(module(laid).numpy())

    return run


def _onnx(subject: Subject) -> Run:
    return _session(subject.model(), subject)


def _eight_bits(subject: Subject) -> Run:
    """Weights and activations of eight bits, fitted to the first half of the pictures, a scale a channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            half = len(subject.inputs) // 2
            self._left = iter(subject.inputs[:half])

        def get_next(self) -> dict[str, np.ndarray] | None:
            following = next(self._left, None)
            return None if following is None else {subject.given: following.contiguous().numpy()}

    with tempfile.TemporaryDirectory(prefix="amber-operators-") as folder:
        paths = [str(Path(folder) / name) for name in ("plain.onnx", "ready.onnx", "small.onnx")]
        Path(paths[0]).write_bytes(subject.model())
        quant_pre_process(paths[0], paths[1])
        quantize_static(
            paths[1],
            paths[2],
            Pictures(),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return _session(Path(paths[2]).read_bytes(), subject)


def _session(model: bytes, subject: Subject) -> Run:
    made = session(model)

    def run(given: Tensor) -> Float32[np.ndarray, "n d"]:
        (found,) = made.run([subject.found], {subject.given: given.contiguous().numpy()})
        return np.asarray(found).reshape(len(found), -1)

    return run


def _exported(module: nn.Module, given: Tensor) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (given.contiguous(),),
            buffer,
            input_names=["x"],
            output_names=["found"],
            dynamo=False,
            opset_version=17,
        )
    return buffer.getvalue()


_WAYS: dict[str, Callable[[Subject], Run]] = {
    "as it is": _as_it_is,
    "channels last": _channels_last,
    "torch.compile": _compiled,
    "ONNX Runtime": _onnx,
    "ONNX Runtime, 8 bits": _eight_bits,
}


def _laid_out(part: Any, layout: torch.memory_format) -> Any:
    """The network with the weights of its convolutions laid out so."""
    if isinstance(part, Tensor):
        return part.contiguous(memory_format=layout) if part.ndim == 4 else part
    if isinstance(part, tuple):
        return tuple(_laid_out(one, layout) for one in part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
        return dataclasses.replace(part, **{name: _laid_out(value, layout) for name, value in fields.items()})
    return part


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The lowest of the rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).min())


def _key_frames(film: Path, count: int) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    import av

    with av.open(str(film)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        for number, frame in enumerate(container.decode(video=0)):
            if number == count:
                return
            yield frame.to_ndarray(format="rgb24")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(measure(the_film(given.film), given.rounds).markdown())
