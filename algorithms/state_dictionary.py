"""The numbers of a PyTorch state dictionary, read without PyTorch, whose import takes longer than most films' embeddings."""

import math
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]

#: What such a file begins with, and the version of what follows.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_KINDS = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


def arrays(path: Path) -> Arrays:
    """The parameters of a state dictionary by name; of a file as PyTorch wrote them before its release 1.6.

    Nothing in the file is executed: names of anything but numbers are refused.

    Raises:
        ValueError: The file is no such file.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{str(path)!r} is no state dictionary of PyTorch: {error}") from error


def _read(file: BufferedReader) -> Arrays:
    storages: dict[str, Shaped[np.ndarray, " number"]] = {}
    if _Numbers(file).load() != _MAGIC or _Numbers(file).load() != _PROTOCOL:
        raise pickle.UnpicklingError("it begins with something else")
    _Numbers(file).load()  # of the machine that wrote it: sizes of its numbers
    named = _Numbers(file, storages).load()
    for key in _Numbers(file).load():
        storage = storages[key]
        if (
            int.from_bytes(file.read(8), "little") != len(storage)
            or file.readinto(storage.data) != storage.nbytes
        ):
            raise EOFError("it ends too early")
    return dict(named)


class _Numbers(pickle.Unpickler):
    """Makes arrays of the tensors that are named, over storages that are filled afterwards."""

    def __init__(
        self, file: BufferedReader, storages: dict[str, Shaped[np.ndarray, " number"]] | None = None
    ) -> None:
        super().__init__(file)
        self._storages = {} if storages is None else storages

    def persistent_load(self, pid: Any) -> Shaped[np.ndarray, " number"]:
        _, kind, key, _, count, _ = pid
        return self._storages.setdefault(key, np.empty(count, kind))

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in _KINDS:
            return _KINDS[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no number")


def _view(
    storage: Shaped[np.ndarray, " number"],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> Shaped[np.ndarray, "..."]:
    laid = np.argsort([-step for step in strides], kind="stable")
    together = storage[offset : offset + math.prod(shape)].reshape([shape[axis] for axis in laid])
    view = together.transpose(np.argsort(laid))
    steps = zip(shape, view.strides, strides, strict=True)
    if any(here != there * storage.itemsize for size, here, there in steps if size > 1):
        raise pickle.UnpicklingError("the numbers of a tensor do not lie side by side")
    return view
