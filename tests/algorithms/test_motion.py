"""What the camera does and what moves by itself, told apart on clips of which both are known."""

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import UInt8

from algorithms.camera_motion import Camera, fit_camera
from algorithms.motion import COLUMNS, DIRECTIONS, ROWS, Motion, _pairs, motion
from algorithms.shots import Shots
from amber.errors import SettingError
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.pictures import film

Picture = UInt8[np.ndarray, "height width 3"]
WIDTH, HEIGHT, FRAMES = 456, 256, 24


def _texture(seed: int, height: int, width: int) -> Picture:
    """A soft, irregular pattern, as of leaves."""
    import cv2

    noise = np.random.default_rng(seed).integers(
        0, 256, size=(height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8
    )
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _clip(
    pan: tuple[float, float] = (0, 0),
    thing: tuple[float, float] | None = None,
    zoom: float = 0.0,
    bars: int = 0,
) -> list[Picture]:
    """A backdrop that moves by `pan`, and on it a thing that moves by `thing`, in pixels a frame; seen as from a camera.

    `bars` many rows at the top and at the bottom are black.
    """
    import cv2

    backdrop, patch = _texture(1, 900, 1100), _texture(2, 90, 90)
    pictures = []
    for number in range(FRAMES):
        scale = (1 + zoom) ** number
        shift = np.array([[scale, 0, number * pan[0]], [0, scale, number * pan[1]]])
        middle = np.array([550.0, 450.0])
        shift[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - scale * middle
        picture = cv2.warpAffine(backdrop, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        if thing is not None:
            place = np.array([[1.0, 0, 180 + number * thing[0]], [0, 1, 80 + number * thing[1]]])
            over = cv2.warpAffine(patch, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
            mask = cv2.warpAffine(np.full((90, 90), 255, np.uint8), place, (WIDTH, HEIGHT))
            picture = np.where(mask[..., None] > 127, over, picture)
        if bars:
            picture[:bars] = picture[-bars:] = 0
        pictures.append(np.asarray(picture, dtype=np.uint8))
    return pictures


def _motion(pictures: list[Picture], folder: Path) -> Motion:
    folder.mkdir(exist_ok=True)
    made = standard_of(source_of(film(pictures, folder / "film.mp4")), folder / "standard")
    whole = Shots(
        start=np.array([0]), end=np.array([made.frame_count]), start_seconds=np.array([0.0]),
        end_seconds=np.array([1.0]), is_short=np.array([False]),
    )  # fmt: skip
    return motion(made, whole, None)


def _vector(grid: np.ndarray) -> np.ndarray:
    """The sum of a grid's motion, right and down."""
    by_direction = grid.reshape(ROWS * COLUMNS, DIRECTIONS).sum(axis=0)
    angles = np.arange(DIRECTIONS) / DIRECTIONS * 2 * np.pi
    return np.array([by_direction @ np.cos(angles), by_direction @ np.sin(angles)])


def _apart(a: np.ndarray, b: tuple[float, float]) -> float:
    """The angle between two directions, in degrees."""
    turned = np.degrees(np.arctan2(a[1], a[0]) - np.arctan2(b[1], b[0]))
    return abs(float((turned + 180) % 360 - 180))


@pytest.mark.parametrize(("pan", "thing"), [((4, 1), (-4, 2)), ((-3, 0), (3, 0)), ((0, 3), (2, -3))])
def test_a_pan_and_a_thing_that_moves_the_other_way_are_told_apart(
    pan: tuple[float, float], thing: tuple[float, float], tmp_path: Path
) -> None:
    found = _motion(_clip(pan, thing), tmp_path)
    own = (thing[0] - pan[0], thing[1] - pan[1])
    assert _apart(found.camera_move[0, :2], pan) <= 10
    assert _apart(_vector(found.camera[0]), pan) <= 10
    assert _apart(_vector(found.residual[0]), own) <= 20
    assert np.hypot(*found.camera_move[0, :2]) == pytest.approx(np.hypot(*pan) * 24 / HEIGHT, rel=0.05)
    # One mean vector has only the pan in it, and no trace of what moves by itself.
    assert _apart(_vector(found.total[0]), own) > 20


def test_a_still_camera_moves_not_at_all_and_what_moves_before_it_is_residual(tmp_path: Path) -> None:
    found = _motion(_clip(thing=(4, 0)), tmp_path)
    assert not found.camera.any() and not found.camera_move.any()
    assert _apart(_vector(found.residual[0]), (4, 0)) <= 20
    still = _motion(_clip(), tmp_path / "still")
    assert not still.total.any() and not still.camera.any() and not still.residual.any()


def test_a_zoom_is_growth_and_no_way_along(tmp_path: Path) -> None:
    found = _motion(_clip(zoom=0.01), tmp_path)
    assert found.camera_move[0, 2] == pytest.approx(0.01 * 24, rel=0.1)
    assert np.abs(found.camera_move[0, [0, 1, 3]]).max() < 0.05
    assert found.residual.sum() < 0.1 * found.camera.sum()


def test_black_bars_have_no_part_in_motion(tmp_path: Path) -> None:
    found = _motion(_clip((4, 0), bars=32), tmp_path)
    assert _apart(found.camera_move[0, :2], (4, 0)) <= 10
    assert found.camera_move[0, 0] == pytest.approx(4 * 24 / (HEIGHT - 64), rel=0.1)
    assert found.camera[0].reshape(ROWS, COLUMNS, DIRECTIONS).sum(axis=2).min() > 0


def _shots(*edges: int) -> Shots:
    start, end = np.array(edges[:-1]), np.array(edges[1:])
    return Shots(
        start=start, end=end, start_seconds=start / 24, end_seconds=end / 24, is_short=end - start < 12
    )


def test_pairs_of_frames_lie_within_their_shot_a_24th_of_a_second_apart() -> None:
    seconds = np.arange(2000) / 48
    found = list(_pairs(_shots(0, 1, 2, 4, 30, 2000), seconds, 3.0))
    for first, gap, shot in found:
        start, end = (0, 1, 2, 4, 30, 2000)[shot : shot + 2]
        assert start <= first < first + gap < end
    assert {shot for _, _, shot in found} == {2, 3, 4}
    assert {gap for _, gap, shot in found if shot == 4} == {2}
    assert len([one for one in found if one[2] == 4]) == 24


def test_the_camera_that_most_of_the_picture_follows_is_found_exactly() -> None:
    random = np.random.default_rng(3)
    points = random.uniform(-0.8, 0.8, size=(600, 2))
    camera = Camera(0.02, -0.01, 0.015, 0.02)
    moves = camera.moves(points)
    moves[:250] += [0.0, 0.05]
    found = fit_camera(points, moves, np.ones(600, np.bool_))
    assert vars(found) == pytest.approx(vars(camera), abs=1e-9)
    assert fit_camera(points[:5], moves[:5], np.ones(5, np.bool_)) == Camera()


def test_a_shot_of_one_frame_has_no_motion_and_a_film_without_shots_none(tmp_path: Path) -> None:
    made = standard_of(source_of(film(_clip((4, 0))[:4], tmp_path / "film.mp4")), tmp_path / "standard")
    found = motion(made, _shots(0, 1, 4), None)
    assert found.compared.tolist() == [0, 2]
    assert not found.total[0].any() and found.total[1].any()
    assert motion(made, _shots(0), None).total.shape == (0, 320)
    with pytest.raises(SettingError, match=r"pairs_per_second.*above 0"):
        motion(made, _shots(0), None, pairs_per_second=0.0)
