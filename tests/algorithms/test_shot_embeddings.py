"""Embeddings come from the published network, and are the same bytes whatever surrounds a picture."""

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import UInt8

from algorithms.cosine import cosines, exact_rows
from algorithms.efficientnet_lite import EfficientNetLite0
from algorithms.shot_embeddings import Encoder
from amber.weights import Weights, find_weights, open_weights
from tests.algorithms.pictures import scene

Pictures = UInt8[np.ndarray, "n 224 224 3"]


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find_weights(Weights("efficientnet-lite0"), tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    opened = open_weights(Weights("efficientnet-lite0"), Encoder, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, Encoder)
    return opened


def _noise(count: int, seed: int = 0) -> Pictures:
    return np.random.default_rng(seed).integers(0, 256, size=(count, 224, 224, 3), dtype=np.uint8)


def _scenes(*seeds: int) -> Pictures:
    return np.stack([scene(seed, 1, width=224, height=224)[0] for seed in seeds])


def test_the_features_are_those_of_the_package_that_the_weights_were_made_for(weights_file: Path) -> None:
    import torch

    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed"
    )
    reference = package.EfficientNet.from_name("efficientnet-lite0")
    reference.load_state_dict(torch.load(weights_file, weights_only=True))
    pictures = (torch.from_numpy(_noise(3)).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        expected = reference.eval().extract_features(pictures).mean(dim=(2, 3)).numpy()
    network = EfficientNetLite0.open(weights_file)
    found = np.stack(list(network.features(_noise(3))))
    assert found.shape == (3, 1280)
    assert float(np.abs(found - expected).max()) < 1e-4 < float(np.abs(expected).max())


def test_vectors_have_length_one_and_no_negative_component(encoder: Encoder) -> None:
    vectors = encoder.encode(_noise(5))
    assert vectors.shape == (5, 1280) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert vectors.min() >= 0


@pytest.mark.parametrize("place", [0, 3, 4, 8])
def test_a_picture_has_the_same_bytes_at_every_place_of_every_batch(encoder: Encoder, place: int) -> None:
    alone = encoder.encode(_noise(1, seed=1))[0]
    crowd = _noise(9, seed=2)
    crowd[place] = _noise(1, seed=1)[0]
    assert encoder.encode(crowd)[place].tobytes() == alone.tobytes()


def test_no_pictures_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode(np.zeros((0, 224, 224, 3), np.uint8)).shape == (0, 1280)


def test_an_edited_copy_is_nearer_than_another_picture(encoder: Encoder) -> None:
    original, other = _scenes(1, 2)
    darker = (original * 0.85).astype(np.uint8)
    rows = exact_rows(encoder.encode(np.stack([original, darker, other])))
    scores = cosines(rows, rows)
    assert scores[0, 1] > scores[0, 2]


def test_the_order_of_the_colours_matters(encoder: Encoder) -> None:
    red = np.zeros((1, 224, 224, 3), np.uint8)
    red[..., 0] = 200
    assert encoder.encode(red).tobytes() != encoder.encode(np.ascontiguousarray(red[..., ::-1])).tobytes()
