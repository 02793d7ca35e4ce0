"""Weights that belong to a setting: in the key and opened with it, and no trace of them without."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.engine.compute import opened
from amber.errors import DeclarationError, WeightsMissingError
from amber.registry import Registry
from amber.weights import LocalFile, Weights

DIGEST = "ab" * 32


class Model:
    """A model."""

    @classmethod
    def open(cls, path: Path) -> "Model":
        return cls()


@result
class Masks:
    """Something made with a model or without one."""

    mask: Int64[np.ndarray, " mask"]


FAR = Weights("far", sha256=DIGEST, sources=(LocalFile("/nowhere/far.pth"),), when={"model": "far"})


@algorithm(version="1")
def masks(
    source: Source, far: Annotated[Model | None, FAR], *, model: Literal["near", "far"] = "near"
) -> Masks:
    """Masks."""
    return Masks(mask=np.zeros(0, np.int64))


def test_only_the_setting_that_wants_weights_has_them_in_its_key() -> None:
    registry = Registry([masks])
    near, far = (registry.closure("masks", settings={"model": name}) for name in ("near", "far"))
    assert near.nodes["masks"].weights == {}
    assert far.nodes["masks"].weights == {"far": DIGEST}


def test_weights_are_looked_for_only_where_they_are_wanted(tmp_path: Path) -> None:
    registry = Registry([masks])
    assert opened(registry.closure("masks").nodes["masks"], tmp_path) == {"far": None}
    with pytest.raises(WeightsMissingError, match=r"weights 'far'.*/nowhere/far\.pth"):
        opened(registry.closure("masks", settings={"model": "far"}).nodes["masks"], tmp_path)


def test_weights_cannot_depend_on_what_is_no_setting() -> None:
    def odd(source: Source, far: Annotated[Model | None, FAR]) -> Masks: ...

    with pytest.raises(
        DeclarationError, match="weights 'far' of algorithm odd depend on what is no setting: model"
    ):
        algorithm(version="1")(odd)
