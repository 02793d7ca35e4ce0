"""People are found where they are, by the published network, and nowhere else."""

import json
from pathlib import Path

import numpy as np
import pytest

from algorithms import ALGORITHMS
from algorithms.faces import FaceDetector, with_faces
from algorithms.people import People, people
from algorithms.people_groups import people_groups
from algorithms.ssdlite import SsdLite, suppress
from algorithms.tensorflow_graph import constants
from amber.errors import SettingError
from amber.registry import Registry
from amber.weights import Weights, open_weights
from tests.algorithms.features import embeddings_of, shots_of, unit
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.people_film import clip
from tests.algorithms.pictures import film, scene
from tests.algorithms.references import faces as face_reference
from tests.algorithms.references import ssdlite as reference

REFERENCE = Path(__file__).parent / "references/ssdlite.json"
FACES = Path(__file__).parent / "references/faces.json"
FUDAN = Path(__file__).parents[2] / "../shared/media/truth/FudanPed00054.png"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> SsdLite:
    opened = open_weights(Weights("pedestrian-ssdlite"), SsdLite, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, SsdLite)
    return opened


def test_the_network_gives_what_tensorflow_makes_of_its_graph(network: SsdLite) -> None:
    expected = json.loads(REFERENCE.read_text())
    offsets, scores = network.raw(reference.picture())
    assert len(offsets) == len(scores) == 1917
    assert offsets[:: reference.STEP] == pytest.approx(np.array(expected["offsets"]), abs=2e-3)
    assert scores[:: reference.STEP] == pytest.approx(expected["scores"], abs=1e-3)
    boxes, best = network.people(reference.picture(), min(expected["best"]) * 0.9)
    assert boxes[:5] == pytest.approx(np.array(expected["boxes"]), abs=2e-3)
    assert best[:5] == pytest.approx(expected["best"], abs=1e-3)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceDetector:
    opened = open_weights(Weights("face-full-range"), FaceDetector, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, FaceDetector)
    return opened


@pytest.mark.parametrize("number", [0, 1])
def test_faces_are_those_that_mediapipe_finds(faces: FaceDetector, number: int) -> None:
    expected = json.loads(FACES.read_text())[number]
    name, frame = face_reference.FRAMES[number]
    boxes, scores = faces.faces(face_reference.square(clip(name), frame), face_reference.MIN_SCORE)
    assert scores == pytest.approx(expected["scores"], abs=1e-4)
    assert boxes == pytest.approx(
        np.array(expected["boxes"]), abs=0.01
    )  # it takes the mean of those of one face


def test_a_face_is_found_where_it_is_in_a_picture_of_any_shape(faces: FaceDetector) -> None:
    name, frame = face_reference.FRAMES[1]
    square = face_reference.square(clip(name), frame)
    (known,), (sure,) = faces.faces(square, 0.6)
    for before, after in ((300, 0), (0, 100)):
        wide = np.pad(square, ((0, 0), (before, after), (0, 0)), mode="edge")
        (box,), (score,) = faces.faces(wide, 0.6)
        across = (known[[1, 3]] * 192 + before) / wide.shape[1]
        assert box == pytest.approx([known[0], across[0], known[2], across[1]], abs=0.03)
        assert score == pytest.approx(sure, abs=0.1)


def test_a_face_in_a_box_makes_it_surer_and_any_other_has_a_person_of_its_own() -> None:
    figures = (np.array([[0.1, 0.1, 0.9, 0.3], [0.1, 0.0, 0.9, 0.4]]), np.array([0.45, 0.4]))
    found = (
        np.array([[0.15, 0.15, 0.25, 0.25], [0.4, 0.7, 0.5, 0.8], [0.4, 0.3, 0.5, 0.38]]),
        np.array([0.8, 0.7, 0.3]),
    )
    boxes, scores = with_faces(figures, found)
    assert scores.tolist() == [0.8, 0.7, 0.4]
    assert boxes == pytest.approx(np.array([figures[0][0], [0.35, 0.6, 0.8, 0.9], figures[0][1]]))
    none = (np.zeros((0, 4)), np.zeros(0))
    boxes, scores = with_faces(none, (np.array([[-0.1, 0.3, 1.1, 0.8]]), np.array([0.9])))
    assert boxes.tolist() == [[0, 0, 1, 1]] and scores.tolist() == [0.9]
    assert [part.shape for part in with_faces(none, none)] == [(0, 4), (0,)]


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "graph.pb").write_bytes(b"\x0a\xff\xff\xff\xff\x0fno graph")
    with pytest.raises(ValueError, match=r"graph\.pb' is no TensorFlow graph"):
        constants(tmp_path / "graph.pb")


def test_of_boxes_of_one_person_the_surest_is_kept() -> None:
    boxes = np.array([[0, 0, 1, 0.5], [0, 0.02, 1, 0.5], [0, 0.5, 1, 1], [0.2, 0.5, 1, 1], [0.5, 0.5, 1, 1]])
    assert suppress(boxes, np.array([0.5, 0.9, 0.6, 0.7, 0.8])).tolist() == [1, 4, 2]
    assert suppress(boxes[:0], np.zeros(0)).tolist() == []


@pytest.mark.skipif(not FUDAN.exists(), reason="../shared/media/truth/FudanPed00054.png is not here")
def test_the_people_of_a_street_are_found_and_none_in_patterns(
    network: SsdLite, faces: FaceDetector, tmp_path: Path
) -> None:
    from PIL import Image

    street = np.asarray(Image.open(FUDAN).convert("RGB"))[:498, :532]
    pattern = [np.asarray(Image.fromarray(one).resize((532, 498))) for one in scene(1, 12)]
    made = standard_of(
        source_of(film([*pattern, *[street] * 12], tmp_path / "film.mp4")), tmp_path / "standard"
    )
    found = people(made, shots_of(2, length=12), network, faces)
    assert set(found.shot.tolist()) == {1} and set(found.frame.tolist()) == {18}
    sure = found.score >= 0.5
    assert 3 <= sure.sum() <= 4  # the fourth is far away, and not in the truth
    first = [float(getattr(found, side)[0]) for side in ("left", "top", "right", "bottom")]
    assert first == pytest.approx([0.175, 0.262, 0.343, 0.852], abs=0.03)
    groups = people_groups(embeddings_of(unit([[1, 0], [0, 1]])), found)
    assert groups.first_shot.tolist() == [-1, 1] and groups.first_shot.dtype == np.int32


def _people(shots: list[int], scores: list[float]) -> People:
    count = len(shots)
    sides = {side: np.zeros(count, np.float32) for side in ("left", "top", "right", "bottom")}
    return People(
        shot=np.array(shots, np.int64),
        frame=np.zeros(count, np.int64),
        score=np.array(scores, np.float32),
        **sides,
    )


def test_shots_without_people_are_not_kept_and_repeats_name_an_earlier_shot_with_people() -> None:
    vectors = unit([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]])
    found = people_groups(embeddings_of(vectors), _people([1, 1, 3, 2, 4], [0.4, 0.9, 0.9, 0.49, 0.8]))
    assert found.first_shot.tolist() == [-1, 1, -1, 1, 4]
    assert people_groups(embeddings_of(vectors[:0]), _people([], [])).first_shot.shape == (0,)


def test_the_filter_can_be_bound_in_place_of_the_groups() -> None:
    closure = Registry(ALGORITHMS).closure("match_pairs", use={"DuplicateGroups": "people_groups"})
    assert {"people", "people_groups"} <= set(closure.nodes) and "duplicate_groups" not in closure.nodes
    assert "people" not in Registry(ALGORITHMS).closure("match_pairs").nodes


def test_a_film_without_shots_has_no_people(network: SsdLite, faces: FaceDetector, tmp_path: Path) -> None:
    made = standard_of(source_of(film(scene(1, 3), tmp_path / "film.mp4")), tmp_path / "standard")
    found = people(made, shots_of(0), network, faces)
    assert found.shot.shape == found.left.shape == (0,) and found.score.dtype == np.float32
    with pytest.raises(SettingError, match=r"min_score.*above 0"):
        people(made, shots_of(0), network, faces, min_score=0.0)
    with pytest.raises(SettingError, match=r"min_face_score.*at most 1; found 1.5"):
        people(made, shots_of(0), network, faces, min_face_score=1.5)
