"""State dictionaries are read as PyTorch reads them, and nothing else in such a file is."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.state_dictionary import arrays
from amber.weights import Weights, find_weights


def test_the_weights_of_the_encoder_are_what_pytorch_reads(tmp_path: Path) -> None:
    path = find_weights(Weights("efficientnet-lite0"), tmp_path)
    expected = torch.load(path, weights_only=True)
    found = arrays(path)
    assert list(found) == list(expected) and len(found) > 200
    for name, tensor in expected.items():
        assert np.array_equal(found[name], tensor.numpy()), name


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), max_size=4),
    order=st.randoms(use_true_random=False),
    kind=st.sampled_from([torch.float32, torch.float64, torch.int64, torch.int32]),
)
def test_tensors_come_back_however_their_numbers_lie(
    tmp_path_factory: pytest.TempPathFactory,
    shape: list[int],
    order: Random,
    kind: torch.dtype,
) -> None:
    path = tmp_path_factory.getbasetemp() / "state.pth"
    axes = list(range(len(shape)))
    order.shuffle(axes)
    whole = torch.arange(int(np.prod(shape, dtype=int)) + 5, dtype=kind)
    turned = whole[5:].reshape(shape).permute(axes)
    torch.save(OrderedDict(turned=turned, whole=whole), path, _use_new_zipfile_serialization=False)
    found = arrays(path)
    assert np.array_equal(found["turned"], turned.numpy()) and found["turned"].dtype == turned.numpy().dtype
    assert np.array_equal(found["whole"], whole.numpy())


class _Hostile:
    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._canary),)


def test_what_is_no_number_is_refused_and_not_run(tmp_path: Path) -> None:
    path, canary = tmp_path / "state.pth", tmp_path / "canary"
    torch.save({"x": _Hostile(canary)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"names posix\.mkdir"):
        arrays(path)
    assert not canary.exists()


def test_other_files_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "state.pth"
    torch.save({"x": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for damaged in (b"", b"text", pickle.dumps(7), whole[:-1], whole[:60], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="no state dictionary of PyTorch"):
            arrays(path)
    torch.save({"x": torch.zeros(8)[::2]}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="side by side"):
        arrays(path)
