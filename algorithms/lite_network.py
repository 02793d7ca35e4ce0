"""A network in a TensorFlow Lite file, always on one processor."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from algorithms.standard_error import without_line

#: What LiteRT says of itself, and has no setting to be asked not to.
_CREATED = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


@dataclass(frozen=True)
class LiteNetwork:
    """The network; threads take turns."""

    _interpreter: Any
    _lock: Any

    @classmethod
    def open(cls, path: Path) -> "LiteNetwork":
        """The network in the file.

        Raises:
            ValueError: The file holds none.
        """
        from ai_edge_litert.interpreter import Interpreter

        with without_line(_CREATED):
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
        return cls(interpreter, threading.Lock())

    def __call__(self, picture: Float32[np.ndarray, "side side 3"]) -> list[Float32[np.ndarray, "..."]]:
        """What it makes of one picture: its outputs in their order, without the axis of the batch."""
        with self._lock:
            self._interpreter.set_tensor(self._interpreter.get_input_details()[0]["index"], picture[None])
            self._interpreter.invoke()
            outputs = self._interpreter.get_output_details()
            return [np.array(self._interpreter.get_tensor(one["index"])[0], np.float32) for one in outputs]
