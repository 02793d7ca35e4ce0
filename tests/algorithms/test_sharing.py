"""Networks whose calls several films share, as on a GPU: each film gets what it gets alone, by its type's tolerance.

Here they run on processors, with the same code and the same shapes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from algorithms.efficientnet_lite import EfficientNetLite0, onnx_file
from algorithms.onnx_graph import Network
from algorithms.optical_flow import Pictures, Raft
from algorithms.person_masks import MaskRcnn
from algorithms.shot_embeddings import Encoder
from algorithms.transnet import TransNet, Windows
from amber.weights import Weights, find_weights, open_weights
from tests.algorithms.pictures import scene
from tests.servers.processes import until

PATIENCE_SECONDS = 60.0


def _films(*lengths: int) -> list[list[Any]]:
    """Pictures of some films, all of them different."""
    random = np.random.default_rng(7)
    return [list(random.integers(0, 256, (length, 224, 224, 3), dtype=np.uint8)) for length in lengths]


def _at_once(
    model: Any, films: Sequence[Any], use: Callable[[Any], Any], items: int
) -> tuple[list[Any], list[int]]:
    """What comes of films whose items, so many in all, are handed in while the model is at its first call; and its batches' sizes."""
    sizes: list[int] = []
    shared = model.shared
    call = shared._call

    def counted(batch: list[Any]) -> Any:
        sizes.append(len(batch))
        torch.set_num_threads(1)  # in the thread of the model: more would wait for each other here
        if len(sizes) == 1:
            until(lambda: len(batch) + len(shared._waiting) == items, "all are handed in")
        return call(batch)

    shared._call = counted
    with ThreadPoolExecutor(len(films)) as pool:
        asked = [pool.submit(use, film) for film in films]
        found = [one.result(PATIENCE_SECONDS) for one in asked]
    assert sum(sizes) == items
    return found, sizes


def test_the_encoder(tmp_path: Path) -> None:
    path = find_weights(Weights("efficientnet-lite0"), tmp_path)
    alone = Encoder(EfficientNetLite0.open(path))
    network = EfficientNetLite0.sharing(Network(onnx_file(path, 8)), 8)
    films = _films(5, 1, 4)
    found, sizes = _at_once(network, films, Encoder(network).encode, 10)
    assert max(sizes) >= 5, "the others' pictures stand in one batch"
    for film, vectors in zip(films, found, strict=True):
        assert vectors == pytest.approx(alone.encode(film), abs=1e-5)
    again = Encoder(network).encode([films[1][0]])
    assert again.tobytes() == found[1].tobytes(), "in batches of one shape a picture has the same bytes"


class Shades(TransNet):
    """Takes a frame's shade for its probability, and knows windows by the number of frames alone."""

    def probabilities(self, windows: Windows) -> Float32[np.ndarray, "n 100 2"]:
        """The shade of each frame, as a share."""
        shades = windows[..., 0, 0, 0].astype(np.float32) / 255
        return np.stack([shades, shades / 2], axis=2)


def test_the_windows_of_the_network_of_transitions() -> None:
    films = [
        [np.full((27, 48, 3), number + shade, np.uint8) for number in range(length)]
        for shade, length in ((1, 120), (20, 35), (60, 60))
    ]
    alone = Shades((), *[cast("Any", None)] * 5)
    shared = alone.sharing()
    found, sizes = _at_once(shared, films, shared.transitions, 3 + 1 + 2)
    assert max(sizes) >= 3, "windows of several films stand in one batch"
    for film, transitions in zip(films, found, strict=True):
        assert np.array_equal(transitions.middle, alone.transitions(film).middle)
        assert (transitions.part * 255 * 2).round().astype(int).tolist() == [one[0, 0, 0] for one in film]


@pytest.mark.soak
def test_the_network_of_transitions(tmp_path: Path) -> None:
    network = open_weights(Weights("transnetv2"), TransNet, tmp_path)
    films = [
        [*scene(seed, 20, width=48, height=27), *scene(seed + 9, 15, width=48, height=27)]
        for seed in range(3)
    ]
    shared = network.sharing(2)
    found, sizes = _at_once(shared, films, shared.transitions, 3)
    assert sorted(sizes) == [1, 2], "windows of two films stand in one batch"
    for film, transitions in zip(films, found, strict=True):
        alone = network.transitions(film)
        assert len(transitions.middle) == 35
        assert transitions.middle == pytest.approx(alone.middle, abs=1e-4)
        assert transitions.part == pytest.approx(alone.part, abs=1e-4)
        assert transitions.middle.argmax() == 19


class Brighter(nn.Module):
    """Calls how much brighter a pixel gets its way to the right; takes pairs as RAFT does, always eight of them."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(127.5))

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        assert len(first) == len(second) == 8
        right = (second - first).mean(dim=1) * self.scale
        return [torch.stack([right, torch.zeros_like(right)], dim=1)]


def test_flow_of_films_of_several_sizes() -> None:
    def film(number: int, length: int, height: int, width: int) -> list[Pictures]:
        picture = np.full((height, width, 3), 10 * number, np.uint8)
        return [(picture, picture + np.uint8(10 * number + step)) for step in range(length)]

    films = [film(1, 3, 128, 136), film(2, 5, 70, 90), film(3, 3, 128, 136), film(4, 2, 70, 90)]
    shared = Raft(Brighter()).sharing()
    found, sizes = _at_once(shared, films, lambda pairs: list(shared.flows(pairs)), 13)
    assert max(sizes) > 3
    for number, flows in enumerate(found, start=1):
        assert [flow.shape for flow in flows] == [(*pair[0].shape[:2], 2) for pair in films[number - 1]]
        for step, flow in enumerate(flows):
            assert flow[..., 0] == pytest.approx(np.full(flow.shape[:2], 10.0 * number + step), abs=1e-3)


class Bright(nn.Module):
    """Finds a person as sure as its only picture is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        [picture] = pictures
        share = picture.mean()
        masks = share.expand(1, 1, *picture.shape[1:])
        return [{"labels": torch.tensor([1]), "scores": share[None], "masks": masks}]


def test_people_of_films_of_several_sizes_are_found_one_picture_after_the_other() -> None:
    films = [
        [np.full((40, 60, 3), shade, np.uint8) for shade in (51, 153)],
        [np.full((20, 30, 3), 204, np.uint8)],
    ]
    shared = MaskRcnn(Bright()).sharing()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pictures: list(shared.masks(pictures, 0.5)), films))
    shares = [[[float(share[0, 0]) for share in people] for people in film] for film in found]
    assert shares[0] == [[], [pytest.approx(0.6)]] and shares[1] == [[pytest.approx(0.8)]]
