"""Which pairs the demo shows."""

import numpy as np

from demo.picks import Setups, pick


def _setups(same: list[tuple[int, int]], near: list[tuple[int, int]], count: int = 12) -> Setups:
    made = Setups(np.eye(count, dtype=bool), np.eye(count, dtype=bool))
    for matrix, places in ((made.same, same), (made.near, near)):
        for a, b in places:
            matrix[a, b] = matrix[b, a] = True
    return made


def test_the_best_come_first_and_no_more_than_asked() -> None:
    assert pick([(0, 1), (2, 3), (4, 5)], _setups([], []), 2) == [0, 1]


def test_no_pair_is_of_one_set_up_or_one_scene() -> None:
    assert pick([(0, 1), (2, 3), (4, 5)], _setups([(0, 1)], [(2, 3)]), 3) == [2]


def test_no_two_pairs_show_the_same_set_ups_either_way_round() -> None:
    setups = _setups([(0, 2), (1, 3)], [])
    assert pick([(0, 1), (2, 3), (3, 2), (0, 3), (2, 4)], setups, 5) == [0, 4]


def test_no_shot_is_in_more_than_two() -> None:
    assert pick([(0, 1), (0, 2), (0, 3), (3, 4)], _setups([], []), 4) == [0, 1, 3]


def test_set_ups_are_found_by_picture_and_by_scene() -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    across = np.broadcast_to(ramp[None, :, None], (36, 64, 3))
    down = np.broadcast_to(ramp[:36, None, None], (36, 64, 3))
    brighter = (across * 0.7 + 60).astype(np.uint8)
    plain = np.full((36, 64, 3), 90, np.uint8)
    pictures = np.stack([across, down, brighter, plain, plain, down])
    vectors = np.eye(6)
    vectors[3] = vectors[4] = (0, 0, 0, 0.8, 0.6, 0)
    start = np.array([0.0, 100.0, 200.0, 300.0, 310.0, 900.0])
    setups = Setups.find(pictures, vectors, start, start + 5)
    same = {(a, b) for a in range(6) for b in range(a + 1, 6) if setups.same[a, b]}
    assert same == {(0, 2), (1, 5), (3, 4)}, "equal pictures at any distance; likeness only within a scene"
    near = {(a, b) for a in range(6) for b in range(a + 1, 6) if setups.near[a, b]}
    assert near == {(3, 4)}


def test_in_a_short_film_scenes_are_short() -> None:
    start = np.arange(6.0)
    pictures = np.zeros((6, 36, 64, 3), np.uint8)
    setups = Setups.find(pictures, np.eye(6), start, start + 1)
    assert setups.near[0, 1] and not setups.near[0, 2]
