"""Cuts of a film of real people, by the algorithms that come with Amber."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from amber.client import Amber
from amber.editing.matching import MatchCuts
from amber.settings import Settings
from tests.algorithms.people_film import SHOTS, people_film

WITH_PEOPLE = {number for number, shot in enumerate(SHOTS) if shot.person}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people_film(tmp_path_factory.mktemp("film") / "people.mp4")


@pytest.fixture(scope="module")
def amber(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amber]:
    with Amber.open(settings=Settings(home=tmp_path_factory.mktemp("home"))) as opened:
        yield opened


def _shots(matches: MatchCuts) -> list[tuple[int, int]]:
    return [(cut.before.shot, cut.after.shot) for cut in matches.cuts]


def test_shots_with_people_are_matched_by_their_outlines_and_no_others(amber: Amber, film: Path) -> None:
    matches = amber.match(film, flavour="frame")
    assert set(_shots(matches)) == {(a, b) for a in WITH_PEOPLE for b in WITH_PEOPLE if a < b}
    assert _shots(matches)[0] == (1, 4), "two men from the waist up"
    scores = [cut.score for cut in matches.cuts]
    assert scores[0] > 0.5 and scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("flavour", ["embedding", "motion", "combined"])
def test_every_flavour_has_pairs(amber: Amber, film: Path, flavour: str) -> None:
    matches = amber.match(film, flavour=flavour, top=6)
    assert len(matches) == 6
    assert all(cut.before.shot < cut.after.shot for cut in matches.cuts)


def test_shots_without_people_can_be_left_out_of_any_flavour(amber: Amber, film: Path) -> None:
    matches = amber.match(film, use={"DuplicateGroups": "people_groups"})
    assert {shot for pair in _shots(matches) for shot in pair} == WITH_PEOPLE
