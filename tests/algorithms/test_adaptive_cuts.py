"""Cuts are found where pictures change, and nothing happens in the dark."""

import warnings
from collections.abc import Iterable

import numpy as np
import pytest
from scenedetect.common import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from algorithms.adaptive_cuts import Picture, cut_points
from tests.algorithms.pictures import black, fade, scene


def _cuts(pictures: Iterable[Picture]) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a division by zero or a NaN
        return cut_points(pictures, adaptive_threshold=3.0, min_content=15.0)


def _cuts_of_the_library(pictures: Iterable[Picture]) -> list[int]:
    detector = AdaptiveDetector(min_scene_len=1)
    return [
        cut.frame_num
        for index, picture in enumerate(pictures)
        for cut in detector.process_frame(FrameTimecode(index, fps=24.0), picture)
    ]


def test_joined_scenes_cut_exactly_where_they_are_joined() -> None:
    pictures = [*scene(1, 40), *scene(2, 25), *scene(1, 60), *scene(3, 12)]
    assert _cuts(pictures) == [40, 65, 125]
    assert _cuts_of_the_library(pictures) == [40, 65, 125]


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_very_short_scene_is_cut_out_at_both_ends(length: int) -> None:
    assert _cuts([*scene(1, 30), *scene(2, length), *scene(3, 30)]) == [30, 30 + length]


def test_a_scene_that_only_moves_is_not_cut() -> None:
    assert _cuts(scene(5, 80)) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_a_film_of_hardly_any_frames_has_no_cut(count: int) -> None:
    assert _cuts(scene(1, count)) == []


@pytest.mark.parametrize("noise", [0, 1, 3, 8, 15])
def test_black_is_never_cut_however_noisy(noise: int) -> None:
    assert _cuts([*black(30), *black(30, noise=noise), *black(30)]) == []


def test_the_library_alone_cuts_black_at_invisible_noise() -> None:
    assert _cuts_of_the_library([*black(30), *black(1, noise=1), *black(30)]) == [30, 31]


@pytest.mark.parametrize("noise", [0, 3, 10])
def test_a_cut_out_of_noisy_black_and_back_is_found(noise: int) -> None:
    pictures = [*black(30, noise=noise), *scene(1, 30), *black(30, noise=noise, seed=1)]
    assert _cuts(pictures) == [30, 60]


@pytest.mark.parametrize("frames", [12, 24, 48])
def test_fading_from_black_and_to_black_at_the_ends_is_not_cut(frames: int) -> None:
    pictures = [
        *black(10),
        *fade(scene(1, frames), start=0, end=1),
        *scene(1, 20, first=frames),
        *fade(scene(1, frames, first=frames + 20), start=1, end=0),
        *black(10),
    ]
    assert _cuts(pictures) == []


def test_a_fade_through_black_is_cut_in_the_middle_of_the_black() -> None:
    out, back = fade(scene(1, 24, first=20), start=1, end=0), fade(scene(2, 24), start=0, end=1)
    pictures = [*scene(1, 20), *out, *black(11), *back, *scene(2, 20, first=24)]
    (cut,) = _cuts(pictures)
    assert 20 + 24 <= cut < 20 + 24 + 11
    assert pictures[cut].max() == 0


def test_a_cut_into_black_that_fades_up_again_is_cut_once() -> None:
    pictures = [*scene(1, 30), *black(12), *fade(scene(2, 24), start=0, end=1), *scene(2, 20, first=24)]
    assert _cuts(pictures) == [30]


def test_a_still_picture_with_one_changed_pixel_is_not_cut() -> None:
    still = np.full((144, 256, 3), 128, np.uint8)
    changed = still.copy()
    changed[0, 0] = 255
    assert _cuts([*[still] * 20, changed, *[still] * 20]) == []


def test_settings_reach_the_detector() -> None:
    pictures = [*scene(1, 20), *scene(2, 20)]
    assert cut_points(pictures, adaptive_threshold=3.0, min_content=250.0) == []
    still = [*[scene(1, 1)[0]] * 20, *[scene(2, 1)[0]] * 20]
    assert cut_points(still, adaptive_threshold=256.0, min_content=15.0) == []
    assert cut_points(still, adaptive_threshold=255.0, min_content=15.0) == [20]
