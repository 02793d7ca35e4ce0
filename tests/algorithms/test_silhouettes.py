"""Masks of people: on known people as good as wanted, nowhere else, and packed so that they compare."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool, UInt8

from algorithms import ALGORITHMS
from algorithms.faces import FaceDetector
from algorithms.mask_grid import COLUMNS, ROWS, on_grid, packed, unpacked
from algorithms.people import People, people
from algorithms.person_masks import Selfie
from algorithms.shots import shots as found_shots
from algorithms.silhouettes import silhouettes
from algorithms.ssdlite import SsdLite
from amber.errors import SettingError
from amber.registry import Registry
from amber.weights import KNOWN_WEIGHTS, Weights, open_weights
from tests.algorithms.features import shots_of
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.people_film import SHOTS, known_mask, people_film
from tests.algorithms.pictures import film, scene

TRUTH = Path(__file__).parents[2] / "../shared/media/truth"
FUDAN = TRUTH / "FudanPed00054.png"


@pytest.fixture(scope="module")
def selfie(tmp_path_factory: pytest.TempPathFactory) -> Selfie:
    opened = open_weights(Weights("selfie-segmentation"), Selfie, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, Selfie)
    return opened


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> SsdLite:
    opened = open_weights(Weights("pedestrian-ssdlite"), SsdLite, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, SsdLite)
    return opened


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceDetector:
    opened = open_weights(Weights("face-full-range"), FaceDetector, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, FaceDetector)
    return opened


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def _boxes(found: People, shot: int, height: int, width: int) -> Bool[np.ndarray, "height width"]:
    filled = np.zeros((height, width), np.bool_)
    for one in np.flatnonzero((found.shot == shot) & (found.score >= 0.5)):
        top, bottom = int(found.top[one] * height), int(found.bottom[one] * height)
        filled[top:bottom, int(found.left[one] * width) : int(found.right[one] * width)] = True
    return filled


@pytest.mark.skipif(not FUDAN.exists(), reason="../shared/media/truth/FudanPed00054.png is not here")
def test_known_people_are_masked_better_than_by_their_boxes(
    selfie: Selfie, detector: SsdLite, faces: FaceDetector, tmp_path: Path
) -> None:
    from PIL import Image

    street = np.asarray(Image.open(FUDAN).convert("RGB"))[:498, :532]
    truth = np.asarray(Image.open(TRUTH / "FudanPed00054_mask.png"))[:498, :532]
    pattern = [np.asarray(Image.fromarray(one).resize((532, 498))) for one in scene(1, 12)]
    made = standard_of(
        source_of(film([*pattern, *[street] * 12], tmp_path / "film.mp4")), tmp_path / "standard"
    )
    shots = shots_of(2, length=12)
    found_people = people(made, shots, detector, faces)
    found = silhouettes(made, shots, found_people, selfie, None)

    masks = unpacked(found.bits)
    union = masks[found.person == -1]
    assert found.shot[found.person == -1].tolist() == [1]
    known = on_grid((truth > 0).astype(np.float32))
    by_masks, by_boxes = (
        _iou(union[0], known),
        _iou(on_grid(_boxes(found_people, 1, 498, 532).astype(np.float32)), known),
    )
    print(f"union IoU {by_masks:.3f}, filled boxes {by_boxes:.3f}")
    assert by_masks >= 0.7
    assert by_boxes <= by_masks - 0.1
    for number in (1, 2, 3):
        person = on_grid((truth == number).astype(np.float32))
        assert max(_iou(mask, person) for mask in masks[found.person >= 0]) >= 0.7
    assert (union[0] == masks[found.person >= 0].any(axis=0)).all()
    assert found.cells.tolist() == masks.sum(axis=(1, 2)).tolist()


def test_people_of_a_film_are_masked_where_they_are_and_nobody_else_is(
    selfie: Selfie, detector: SsdLite, faces: FaceDetector, tmp_path: Path
) -> None:
    made = standard_of(source_of(people_film(tmp_path / "film.mp4")), tmp_path / "standard")
    shots = found_shots(made)
    assert len(shots.start) == len(SHOTS)
    found = silhouettes(made, shots, people(made, shots, detector, faces), selfie, None)
    union = dict(
        zip(found.shot[found.person == -1].tolist(), unpacked(found.bits[found.person == -1]), strict=True)
    )
    assert sorted(union) == [number for number, shot in enumerate(SHOTS) if shot.person]
    for number, mask in union.items():
        person = SHOTS[number].person
        assert person is not None
        overlap = _iou(mask, on_grid(known_mask(person).astype(np.float32)))
        print(f"shot {number}: IoU {overlap:.3f}")
        assert overlap >= 0.7


def _people(*boxes: tuple[int, tuple[float, float, float, float], float]) -> People:
    places = np.array([box for _, box, _ in boxes], np.float32).reshape(-1, 4)
    shot = np.array([shot for shot, *_ in boxes], np.int64)
    score = np.array([score for *_, score in boxes], np.float32)
    left, top, right, bottom = (places[:, side].copy() for side in range(4))
    return People(
        shot=shot, frame=shot * 24 + 12, left=left, top=top, right=right, bottom=bottom, score=score
    )


def test_nothing_is_masked_outside_of_boxes_or_without_a_sure_one(selfie: Selfie, tmp_path: Path) -> None:
    made = standard_of(source_of(film(scene(1, 48), tmp_path / "film.mp4")), tmp_path / "standard")
    shots = shots_of(2)
    none = silhouettes(made, shots, _people((0, (0.1, 0.1, 0.9, 0.9), 0.49)), selfie, None)
    assert none.bits.shape == (0, 648) and none.bits.dtype == np.uint8
    picture = np.zeros((256, 456, 3), np.uint8)
    (share,) = selfie.masks(picture, [(0.4, 0.4, 0.5, 0.5)])
    assert not share[:80].any() and not share[:, :160].any()
    with pytest.raises(SettingError, match=r"min_person_score.*above 0"):
        silhouettes(made, shots, _people(), selfie, None, min_person_score=0.0)


def test_a_box_at_the_edge_or_without_area_does_no_harm(selfie: Selfie) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    shares = selfie.masks(picture, [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5), (0.99, 0.0, 1.0, 1.0)])
    assert [share.shape for share in shares] == [(64, 64)] * 3


@given(bits=st.binary(min_size=648, max_size=1296))
@settings(max_examples=30, deadline=None)
def test_masks_survive_packing(bits: bytes) -> None:
    rows: UInt8[np.ndarray, "n 648"] = np.frombuffer(bits[: len(bits) // 648 * 648], np.uint8).reshape(
        -1, 648
    )
    masks = unpacked(rows)
    assert masks.shape == (len(rows), ROWS, COLUMNS)
    assert (packed(masks) == rows).all()
    assert bool(masks[0, 0, 0]) == bool(rows[0, 0] & 0x80)


def test_the_key_has_the_digest_of_the_model_that_is_asked_for() -> None:
    registry = Registry(ALGORITHMS)
    for model, name in (("selfie", "selfie-segmentation"), ("mask_rcnn", "mask-rcnn")):
        node = registry.closure("silhouettes", settings={"model": model}).nodes["silhouettes"]
        assert set(node.weights.values()) == {KNOWN_WEIGHTS[name].sha256}
