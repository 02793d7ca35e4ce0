"""Cuts and dissolves by TransNetV2, on films of which it is known where one shot becomes the next."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from algorithms.shots import Shots, shots
from algorithms.shots_transnet import Transition, TransNetShots, shots_transnet, transitions
from algorithms.transnet import Transitions, TransNet, _windows
from amber.errors import SettingError
from amber.weights import Weights, open_weights
from demo.film import film as the_film
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.joined import Join, Known, Stretch, join
from tests.algorithms.pictures import film, scene
from tests.algorithms.references import transnet as reference

REFERENCE = Path(__file__).parent / "references/transnet.json"
#: Stretches of Big Buck Bunny within single shots, in which nothing cuts, fades or dissolves.
STRETCHES = [
    Stretch(start, start + 34)
    for start in (1180, 2240, 2420, 2560, 3620, 4360, 5150, 5600, 6520, 6900, 7800, 9200, 10700, 10900, 11400)
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> TransNet:
    opened = open_weights(Weights("transnetv2"), TransNet, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, TransNet)
    return opened


def test_the_network_gives_what_the_package_of_its_weights_gives(network: TransNet) -> None:
    expected = json.loads(REFERENCE.read_text())
    found = network.transitions(reference.film())
    assert found.middle == pytest.approx(expected["middle"], abs=1e-4)
    assert found.part == pytest.approx(expected["part"], abs=1e-4)
    assert max(expected["middle"]) > 0.5 > min(expected["middle"])


@pytest.mark.parametrize("count", [0, 1, 25, 50, 74, 75, 76, 100, 101, 149, 150, 230])
def test_every_frame_is_in_the_middle_of_one_window(count: int) -> None:
    pictures = [np.full((27, 48, 3), number, np.uint8) for number in range(count)]
    found = list(_windows(pictures))
    middles = [int(picture[0, 0, 0]) for window, new in found for picture in window[25 : 25 + new]]
    assert middles == list(range(count))
    padded = [0] * 25 + list(range(count)) + [count - 1] * 100
    for number, (window, _) in enumerate(found):
        assert window[:, 0, 0, 0].tolist() == padded[50 * number : 50 * number + 100]


def _probable(length: int, middle: dict[int, float], part: Sequence[int] = ()) -> Transitions:
    found = Transitions(np.zeros(length, np.float32), np.zeros(length, np.float32))
    for frame, probability in middle.items():
        found.middle[frame] = probability
    found.part[list(part)] = 1
    return found


def test_a_cut_lies_behind_the_frame_that_is_marked() -> None:
    assert transitions(_probable(50, {9: 0.75}, [9]), 0.5) == [Transition(10, 10, 10, 0.75)]
    assert transitions(_probable(50, {9: 0.75, 10: 0.625}, [9, 10]), 0.5) == [Transition(10, 10, 10, 0.75)]


def test_a_dissolve_is_split_behind_its_middle_and_counted_once() -> None:
    probable = _probable(50, {14: 0.75, 18: 0.625}, range(10, 20))
    (found,) = transitions(probable, 0.5)
    assert (found.cut, found.start, found.end, found.is_gradual) == (15, 10, 20, True)


def test_nothing_begins_behind_the_last_frame() -> None:
    assert transitions(_probable(50, {49: 0.9}, [49]), 0.5) == []


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_a_threshold_that_is_no_probability_is_refused(
    threshold: float, network: TransNet, tmp_path: Path
) -> None:
    made = standard_of(source_of(film(scene(1, 3), tmp_path / "film.mp4")), tmp_path / "standard")
    with pytest.raises(SettingError, match=r"'threshold'.*between 0 and 1"):
        shots_transnet(made, network, threshold=threshold)


def hits(found: Sequence[int], known: Sequence[Known]) -> int:
    """How many of the transitions known are found, each once: a cut exactly, another within its frames."""
    return sum(any(one.start <= cut <= one.end for cut in found) for one in known)


def _f1(found: Sequence[int], known: Sequence[Known], others: Sequence[Known]) -> float:
    """F1 of one kind of transition; what is found of the others is left aside."""
    own = [cut for cut in found if not any(one.start - 1 <= cut <= one.end + 1 for one in others)]
    hit = hits(own, known)
    return 2 * hit / (len(own) + len(known))


@pytest.mark.film
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_cuts_dissolves_and_fades_of_a_real_film_are_found(network: TransNet, tmp_path: Path) -> None:
    whole = the_film(lambda: contextlib.nullcontext(lambda done, total: None))
    kinds = [
        Join("cut"),
        Join("dissolve", 12),
        Join("cut"),
        Join("dissolve", 24),
        Join("cut"),
        Join("fade", 16),
        Join("dissolve", 6),
    ]
    stretches = STRETCHES if os.environ.get("AMBER_SOAK") else STRETCHES[:4]
    joins = [kinds[number % len(kinds)] for number in range(len(stretches) - 1)]
    known = join(whole, stretches, joins, tmp_path / "joined.mp4")
    made = standard_of(source_of(tmp_path / "joined.mp4"), tmp_path / "standard")
    neural, adaptive = shots_transnet(made, network), shots(made)

    cuts = [one for one in known if one.kind == "cut"]
    gradual = [one for one in known if one.kind != "cut"]
    by_both = [_f1(found.start[1:].tolist(), cuts, gradual) for found in (neural, adaptive)]
    dissolves = _f1(neural.start[1:].tolist(), gradual, cuts)
    print(
        f"cuts: F1 {by_both[0]:.3f} neural, {by_both[1]:.3f} adaptive; dissolves and fades: {dissolves:.3f} neural"
    )
    assert min(by_both) >= 0.98
    assert dissolves >= 0.85
    assert _marked(neural, known) >= 0.85
    assert isinstance(neural, Shots) and neural.end[-1] == made.frame_count


def _marked(found: TransNetShots, known: Sequence[Known]) -> float:
    """The share of transitions found that are called gradual or a cut as they are, and reach as far to three frames."""
    right = []
    for shot in range(1, len(found.start)):
        cut = int(found.start[shot])
        one = next((k for k in known if k.start <= cut <= k.end), None)
        apart = abs(int(found.transition_start[shot]) - one.start) if one else 99
        right.append(one is not None and bool(found.is_gradual[shot]) == (one.kind != "cut") and apart <= 4)
    return sum(right) / len(right)
