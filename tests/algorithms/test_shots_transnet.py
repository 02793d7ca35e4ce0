"""Cuts and dissolves by TransNetV2, on films of which it is known where one shot becomes the next."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
from tests.algorithms.joined import Known, join
from tests.algorithms.pictures import black, fade, film, scene
from tests.algorithms.references import transnet as reference
from tests.algorithms.stretches import joined_films, stretches

REFERENCE = Path(__file__).parent / "references/transnet.json"


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


def _black(length: int, start: int, end: int) -> list[bool]:
    return [start <= frame < end for frame in range(length)]


def test_a_fade_of_which_the_network_marks_both_halves_is_one_transition_split_in_the_black() -> None:
    probable = _probable(50, {13: 0.75, 26: 0.625}, [*range(10, 17), *range(23, 30)])
    assert transitions(probable, 0.5, _black(50, 18, 22)) == [Transition(20, 10, 30, 0.75)]


def test_a_fade_that_the_network_only_suspects_is_found_by_its_black() -> None:
    probable = _probable(50, {5: 0.875, 13: 0.25}, [5, *range(10, 17)])
    cut, fade = transitions(probable, 0.5, _black(50, 18, 22))
    assert (cut.cut, cut.is_gradual) == (6, False)
    assert fade == Transition(20, 10, 22, 0.25)


def test_a_cut_into_black_or_out_of_it_is_no_fade() -> None:
    probable = _probable(50, {17: 0.75}, [17])
    assert transitions(probable, 0.5, _black(50, 18, 22)) == [Transition(18, 18, 18, 0.75)]


@pytest.mark.parametrize(("start", "end"), [(0, 10), (40, 50)])
def test_black_at_the_ends_of_a_film_is_no_fade_between_shots(start: int, end: int) -> None:
    assert transitions(_probable(50, {}), 0.5, _black(50, start, end)) == []


def test_a_film_that_fades_through_black_has_two_shots(network: TransNet, tmp_path: Path) -> None:
    out, back = fade(scene(1, 12, first=20), start=1, end=0), fade(scene(2, 12), start=0, end=1)
    pictures = [*scene(1, 20), *out, *black(6), *back, *scene(2, 20, first=12)]
    made = standard_of(source_of(film(pictures, tmp_path / "film.mp4")), tmp_path / "standard")
    found = shots_transnet(made, network)
    assert found.is_gradual.tolist() == [False, True]
    assert 32 <= int(found.start[1]) < 38
    assert int(found.transition_start[1]) <= 32 and int(found.transition_end[1]) >= 38


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_a_threshold_that_is_no_probability_is_refused(
    threshold: float, network: TransNet, tmp_path: Path
) -> None:
    made = standard_of(source_of(film(scene(1, 3), tmp_path / "film.mp4")), tmp_path / "standard")
    with pytest.raises(SettingError, match=r"'threshold'.*between 0 and 1"):
        shots_transnet(made, network, threshold=threshold)


@dataclass
class Tally:
    """Transitions of one kind: how many there are, how many were found, and how many of these are right."""

    known: int = 0
    found: int = 0
    hits: int = 0

    def add(self, found: Sequence[int], known: Sequence[Known], kinds: Collection[str]) -> None:
        """Count one film: a cut is found at its frame, another transition within its frames, each once.

        What is found beside a transition of the other kinds is left aside; all else that is found counts.
        """
        own = [one for one in known if one.kind in kinds]
        others = [one for one in known if one.kind not in kinds]
        taken = [cut for cut in found if not any(one.start - 1 <= cut <= one.end + 1 for one in others)]
        self.known += len(own)
        self.found += len(taken)
        self.hits += sum(any(one.start <= cut <= one.end for cut in taken) for one in own)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.hits / (self.known + self.found)

    def __str__(self) -> str:
        return f"F1 {self.f1:.3f} ({self.hits} of {self.known}, {self.found} found)"


def test_no_two_stretches_of_the_truth_follow_each_other_twice() -> None:
    films = joined_films()
    kinds = Counter(how.kind for _, joins in films for how in joins)
    assert kinds == {"cut": 48, "dissolve": 38, "fade": 10}
    followed = [pair for parts, _ in films for pair in pairwise(parts)]
    assert len(set(followed)) == len(followed)
    assert all(a.end <= b.start for a, b in pairwise(stretches()))


@pytest.mark.film
@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_cuts_dissolves_and_fades_of_a_real_film_are_found(network: TransNet, tmp_path: Path) -> None:
    whole = the_film(lambda: contextlib.nullcontext(lambda done, total: None))
    films = joined_films()
    if not os.environ.get("AMBER_SOAK"):
        films = [(parts[:4], joins[:3]) for parts, joins in films[:1]]
    cuts = {"neural": Tally(), "adaptive": Tally()}
    gradual = {kind: Tally() for kind in ("dissolve", "fade")}
    right: list[bool] = []
    for number, (parts, joins) in enumerate(films):
        path = tmp_path / f"{number}.mp4"
        known = join(whole, parts, joins, path)
        made = standard_of(source_of(path), tmp_path / f"standard{number}")
        neural, adaptive = shots_transnet(made, network), shots(made)
        assert isinstance(neural, Shots) and neural.end[-1] == made.frame_count
        for name, found in (("neural", neural), ("adaptive", adaptive)):
            cuts[name].add(found.start[1:].tolist(), known, ["cut"])
        for kind, tally in gradual.items():
            tally.add(neural.start[1:].tolist(), known, [kind])
        right += _told_apart(neural, known)
    found_gradually = ", ".join(f"{kind}s {tally}" for kind, tally in gradual.items() if tally.known)
    print(f"cuts: neural {cuts['neural']}, adaptive {cuts['adaptive']}; neural: {found_gradually}")
    print(f"told apart, and as long to four frames: {sum(right)} of {len(right)}")
    assert min(tally.f1 for tally in cuts.values()) >= 0.98
    assert min(tally.f1 for tally in gradual.values() if tally.known) >= 0.85
    assert sum(right) >= 0.85 * len(right)


def _told_apart(found: TransNetShots, known: Sequence[Known]) -> list[bool]:
    """Of each transition found, whether it is called gradual or a cut as it is, and begins within four frames of it."""
    right = []
    for shot in range(1, len(found.start)):
        cut = int(found.start[shot])
        one = next((k for k in known if k.start <= cut <= k.end), None)
        apart = abs(int(found.transition_start[shot]) - one.start) if one else 99
        right.append(one is not None and bool(found.is_gradual[shot]) == (one.kind != "cut") and apart <= 4)
    return right
