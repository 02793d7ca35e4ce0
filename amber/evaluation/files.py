"""Truth and findings as files: frame indices, scored labels, masks and flow."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from amber.errors import EvaluationError

#: A Middlebury flow file begins with this float.
_FLO_MAGIC = 202021.25
#: Flow of such a size is unknown, in a Middlebury flow file.
_FLO_UNKNOWN = 1e9


def read_boundaries(path: Path) -> list[int]:
    """Frame indices, one a line; what follows a comma, and a first line that is no number, are passed over.

    Raises:
        EvaluationError: The file cannot be read, or a line is no frame index.
    """
    lines = [line.partition(",")[0].strip() for line in _text(path).splitlines()]
    if lines and not lines[0].isdecimal():
        lines = lines[1:]
    wrong = [line for line in lines if line and not line.isdecimal()]
    if wrong:
        raise EvaluationError(
            f"{str(path)!r} holds {wrong[0]!r}, which is no frame index; write one index a line"
        )
    return [int(line) for line in lines if line]


def read_ranking(
    path: Path, label: str, score: str
) -> tuple[Bool[np.ndarray, " item"], Float64[np.ndarray, " item"]]:
    """The labels (1, 0, true, false) and scores in two columns of a CSV file with a header.

    Raises:
        EvaluationError: The file cannot be read, has no such column, or a value is neither label nor number.
    """
    rows = list(csv.DictReader(_text(path).splitlines()))
    columns = list(rows[0]) if rows else []
    for name in (label, score):
        if name not in columns:
            raise EvaluationError(
                f"{str(path)!r} has no column {name!r}; it has: {', '.join(map(str, columns)) or 'no rows'}"
            )
    meaning = {"1": True, "true": True, "0": False, "false": False}
    try:
        return (
            np.array([meaning[row[label].strip().lower()] for row in rows], dtype=np.bool_),
            np.array([float(row[score]) for row in rows]),
        )
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise EvaluationError(
            f"{str(path)!r}: labels are 1, 0, true or false, and scores are numbers; found {error}"
        ) from error


def read_mask(path: Path) -> Bool[np.ndarray, "height width"]:
    """A picture as a mask: what is not 0 (of an indexed picture, not index 0) belongs to it.

    Raises:
        EvaluationError: The file is no picture of one channel.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    except OSError as error:
        raise EvaluationError(f"{str(path)!r} is no picture that can be read: {error}") from error
    if pixels.ndim != 2:
        raise EvaluationError(f"{str(path)!r} has {pixels.shape[2]} channels; a mask is grey or indexed")
    found: Bool[np.ndarray, "height width"] = pixels != 0
    return found


def read_flow(path: Path) -> Float32[np.ndarray, "height width 2"]:
    """Optical flow from a Middlebury `.flo` file, or from a `.npy` file of shape (height, width, 2); unknown is NaN.

    Raises:
        EvaluationError: The file is neither.
    """
    flow: Float32[np.ndarray, "height width 2"]
    try:
        if path.suffix == ".npy":
            flow = np.load(path, allow_pickle=False).astype(np.float32)
        else:
            data = path.read_bytes()
            width, height = np.frombuffer(data, "<i4", 2, 4)
            if np.frombuffer(data, "<f4", 1)[0] != np.float32(_FLO_MAGIC):
                raise ValueError("it does not begin as a .flo file does")
            flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)
        if flow.ndim != 3 or flow.shape[2] != 2:
            raise ValueError(f"its shape is {flow.shape}")
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{str(path)!r} holds no optical flow: {error}") from error
    flow[np.abs(flow).max(axis=2) > _FLO_UNKNOWN] = np.nan
    return flow


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EvaluationError(f"{str(path)!r} cannot be read: {reason}") from error
