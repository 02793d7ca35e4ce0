"""A stand-in for a model on an accelerator, whose calls films share: it writes down which of their frames stood in which call."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.batches import Batches
from amber.progress import report

#: The folder where it writes that down, and where a file lets it go on from its first call.
VARIABLE = "GATHERING"
#: Frames in one call.
SIZE = 8
#: A frame of one shade that is darker than this is refused.
_DARKEST = 10


class Frame(NamedTuple):
    """A frame that is handed in."""

    asset: str
    number: int
    picture: Int64[np.ndarray, "height width"]


@result
class Weighed:
    """What the model makes of each frame: the same whatever stands beside it."""

    weight: Int64[np.ndarray, " frame"]


def _folder() -> Path:
    return Path(os.environ[VARIABLE])


def _note(name: str, *what: object) -> None:
    file = os.open(_folder() / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, (json.dumps(what) + "\n").encode())
    os.close(file)


def notes(folder: Path, name: str) -> list[list[object]]:
    """What was written down under a name, in order."""
    file = folder / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _weights(frames: Sequence[Frame]) -> list[int]:
    _note("calls", *((frame.asset, frame.number) for frame in frames))
    while not (_folder() / "go").exists():
        threading.Event().wait(0.02)
    if any(frame.picture.max() < _DARKEST for frame in frames):
        raise ValueError("a frame is too dark")
    batch = np.zeros((SIZE, *frames[0].picture.shape), np.int64)
    for at, frame in enumerate(frames):
        batch[at] = frame.picture
    places = np.arange(1, batch[0].size + 1).reshape(batch[0].shape)
    return [int(weight) for weight in (batch * places).sum(axis=(1, 2))[: len(frames)]]


_model = Batches(_weights, SIZE)


@algorithm(version="1", cpus=0.25, gpus=1.0)
def weighed(source: Source) -> Weighed:
    """Weigh each frame."""
    return Weighed(np.array(list(_model.each(_frames(source))), np.int64))


def _frames(source: Source) -> Iterator[Frame]:
    with av.open(str(source.paths[0])) as container:
        for number, frame in enumerate(container.decode(video=0)):
            _note("read", source.asset, number)
            report(number, 0)
            yield Frame(source.asset, number, frame.to_ndarray(format="gray").astype(np.int64))
