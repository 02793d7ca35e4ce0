"""Two stages that take equally long: one decodes on a processor, one stands in for a model on an accelerator."""

import os
import threading
import time

import av
import numpy as np
from jaxtyping import Float64

from amber.algorithm import Source, algorithm, result

#: How long each stage takes.
VARIABLE = "STAGE_SECONDS"
#: A file in which the second one writes down the processes that it is in.
CALLS = "STAGE_CALLS"
#: There is one accelerator, whoever asks for it.
_accelerator = threading.Lock()


@result
class Decoded:
    """The mean of each frame."""

    mean: Float64[np.ndarray, " frame"]


@result
class Modelled:
    """What a model would make of it."""

    mean: Float64[np.ndarray, " frame"]


def _until_over(began: float) -> None:
    left = began + float(os.environ[VARIABLE]) - time.monotonic()
    if left > 0:
        threading.Event().wait(left)


@algorithm(version="1", cpus=1.0)
def decoded(source: Source) -> Decoded:
    """Decode all frames, and take as long as a longer film would."""
    began = time.monotonic()
    with av.open(str(source.paths[0])) as container:
        means = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    _until_over(began)
    return Decoded(np.array(means))


@algorithm(version="1", cpus=0.0, gpus=1.0)
def modelled(data: Decoded) -> Modelled:
    """Wait for as long as a model would take, one call at a time."""
    with open(os.environ[CALLS], "a") as file:
        file.write(f"{os.getpid()}\n")
    with _accelerator:
        _until_over(time.monotonic())
    return Modelled(data.mean * 2.0)
