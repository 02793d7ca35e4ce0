"""What does each network take in torch as it is, channels last, compiled, and in ONNX Runtime; and is it still the same?"""

import argparse
import dataclasses
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from algorithms.efficientnet_lite import BATCH, EfficientNetLite0
from algorithms.middle_frames import squeeze
from algorithms.ssdlite import SsdLite
from algorithms.transnet import HEIGHT, WIDTH, TransNet
from amber.weights import Weights, find_weights
from benchmarks.measure import Answer, Runs
from benchmarks.subject import progress, the_film

#: An operator of eight bits has to have this cosine with the one of single precision, at its worst picture.
LEAST_COSINE = 0.999
#: Pictures of the film: those that eight bits are fitted to, and those that are compared.
FITTED, COMPARED = 32, 32

Run = Callable[[Tensor], Float32[np.ndarray, "n d"]]


class Encoder(nn.Module):
    """The encoder of `shot_embeddings`."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        x = self.network.stem(x)
        for block in self.network.blocks:
            x = block(x)
        return self.network.head(x).mean(dim=(2, 3))


class Boxes(nn.Module):
    """The network of `people`."""

    def __init__(self, network: SsdLite) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network._maps(x)
        heads = zip(self.network.score_heads, maps, strict=True)
        return torch.cat([head(one, 2) for head, one in heads], dim=1).flatten(1)


class Cuts(nn.Module):
    """The network of `shots_transnet`."""

    def __init__(self, network: TransNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.scores(x).flatten(1)


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network and what it is fed with, a call each."""

    name: str
    module: Callable[[Any], nn.Module]
    network: Any
    inputs: list[Tensor]


def subjects(film: Path) -> Iterator[Subject]:
    """Every network that torch runs, with pictures of the film."""
    pictures = np.stack(list(_key_frames(film, FITTED + COMPARED)))

    def opened(name: str) -> Path:
        return find_weights(Weights(name), Path())

    square = (torch.from_numpy(squeeze(pictures).astype(np.float32)).permute(0, 3, 1, 2) - 127) / 128
    yield Subject(
        "encoder, 4 pictures",
        Encoder,
        EfficientNetLite0.load(opened("efficientnet-lite0")),
        list(square.split(BATCH)),
    )
    large = torch.nn.functional.interpolate(
        torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2), (300, 300), mode="area"
    )
    yield Subject(
        "people, 1 picture",
        Boxes,
        SsdLite.open(opened("pedestrian-ssdlite")),
        list((large * (2 / 255) - 1).split(1)),
    )
    small = torch.nn.functional.interpolate(
        torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2), (HEIGHT, WIDTH), mode="area"
    )
    windows = small.to(torch.uint8).permute(0, 2, 3, 1)
    rows = [windows.roll(shift, 0).repeat(2, 1, 1, 1)[None, :100] for shift in range(0, 64, 8)]
    yield Subject("cuts, 100 frames", Cuts, TransNet.open(opened("transnetv2")), rows)


def measure(film: Path, rounds: int) -> Answer:
    """Time every way of running every network, in turns, and compare what comes out."""
    runs, notes = Runs(), []
    torch.set_num_threads(1)
    for subject in subjects(film):
        ways: dict[str, Run] = {}
        for name, make in _WAYS.items():
            progress("operators", f"{subject.name}: {name}")
            try:
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


def _as_it_is(subject: Subject) -> Run:
    return _by_torch(
        subject.module(_laid_out(subject.network, torch.contiguous_format)), torch.contiguous_format
    )


def _channels_last(subject: Subject) -> Run:
    return _by_torch(subject.module(_laid_out(subject.network, torch.channels_last)), torch.channels_last)


def _compiled(subject: Subject) -> Run:
    module = subject.module(_laid_out(subject.network, torch.channels_last))
    return _by_torch(torch.compile(module), torch.channels_last)


def _by_torch(module: Any, layout: torch.memory_format) -> Run:
    def run(given: Tensor) -> Float32[np.ndarray, "n d"]:
        with torch.inference_mode():
            laid = given.contiguous(memory_format=layout) if given.ndim == 4 else given
            return np.asarray(module(laid).numpy())

    return run


def _onnx(subject: Subject) -> Run:
    return _session(_exported(subject))


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
            return None if following is None else {"x": following.numpy()}

    with tempfile.TemporaryDirectory(prefix="amber-operators-") as folder:
        paths = [str(Path(folder) / name) for name in ("plain.onnx", "ready.onnx", "small.onnx")]
        Path(paths[0]).write_bytes(_exported(subject))
        quant_pre_process(paths[0], paths[1])
        quantize_static(
            paths[1],
            paths[2],
            Pictures(),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return _session(Path(paths[2]).read_bytes())


def _session(model: bytes) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda given: np.asarray(session.run(None, {"x": given.contiguous().numpy()})[0])


def _exported(subject: Subject) -> bytes:
    module = subject.module(_laid_out(subject.network, torch.contiguous_format)).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (subject.inputs[0].contiguous(),),
            buffer,
            input_names=["x"],
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
