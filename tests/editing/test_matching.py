"""What an editor asks for is a part of what is stored, and what a person said of it stays."""

from pathlib import Path

import pytest

from amber.client import Amber
from amber.editing.cuts import verdict_on
from amber.editing.matching import MatchCuts
from amber.errors import AlgorithmNotFoundError, CutNotFoundError, SettingError, UsageError
from amber.store.verdicts import FrameRange, Verdict


def _shots(matches: MatchCuts) -> list[tuple[int, int]]:
    return [(cut.before.shot, cut.after.shot) for cut in matches.cuts]


def test_the_top_is_a_slice_of_what_is_stored(amber: Amber, film: Path) -> None:
    two, four = amber.match(film, top=2), amber.match(film, top=4)
    assert _shots(four) == [(0, 1), (1, 2), (2, 3), (0, 2)]
    assert _shots(two) == [(0, 1), (1, 2)]
    assert two.feature.id == four.feature.id and four.feature.hit
    assert [cut.rank for cut in four.cuts] == [1, 2, 3, 4]


def test_more_than_the_algorithm_lists_raises_its_depth_and_no_further(amber: Amber, film: Path) -> None:
    listed = amber.match(film, top=4)
    more = amber.match(film, top=5)
    assert more.feature.id != listed.feature.id
    assert _shots(more) == [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    assert len(amber.match(film, top=50)) == 6, "there are no more pairs"
    assert _shots(amber.match(film, top=2, settings={"depth": 3})) == _shots(listed)[:2]
    assert amber.match(film, top=2, settings={"depth": 3}).feature.table.num_rows == 3


def test_filters_are_settings_wherever_the_flavour_has_them(amber: Amber, film: Path) -> None:
    assert _shots(amber.match(film, filters={"apart_seconds": 0.5})) == [(0, 2), (1, 3), (0, 3)]
    with pytest.raises(SettingError, match="no filter 'min_seconds'; its settings are: apart_seconds, depth"):
        amber.match(film, filters={"min_seconds": 1.0})


def test_a_cut_shows_the_end_of_one_shot_and_the_start_of_the_other(amber: Amber, film: Path) -> None:
    cut = amber.match(film, top=1, side_seconds=0.25).cuts[0]
    assert (cut.before.start, cut.before.end) == (0, 12)
    assert (cut.before.cut_start, cut.before.cut_end) == (6, 12)
    assert (cut.after.start, cut.after.cut_start, cut.after.cut_end) == (12, 12, 18)
    whole = amber.match(film, top=1, side_seconds=60).cuts[0]
    assert (whole.before.cut_start, whole.after.cut_end) == (0, 24)
    least = amber.match(film, top=1, side_seconds=0.001).cuts[0]
    assert (least.before.cut_start, least.after.cut_end) == (11, 13)


def test_several_titles_are_matched_with_each_other(amber: Amber, film: Path, other_film: Path) -> None:
    matches = amber.match(film, other_film, top=30)
    titles = {(cut.before.title, cut.after.title) for cut in matches.cuts}
    assert {"first film", "other film"} == {title for pair in titles for title in pair}
    assert any(before != after for before, after in titles)
    assert len(matches) == 6 + 3 + 4 * 3


def test_a_title_without_pairs_has_an_empty_ready_answer(amber: Amber, film: Path) -> None:
    matches = amber.match(film, top=4, settings={"length": 100})
    assert len(matches) == 0 and matches.feature.table.num_rows == 0
    assert amber.state("match_pairs", film, settings={"length": 100}) == "ready"


def test_a_rejected_cut_makes_room_for_the_next(amber: Amber, film: Path) -> None:
    first = amber.match(film, top=4)
    amber.reject(first.cuts[0], who="editor")
    assert _shots(amber.match(film, top=3)) == [(1, 2), (2, 3), (0, 2)]
    assert _shots(amber.match(film, top=4)) == [(1, 2), (2, 3), (0, 2), (1, 3)], "looks further than it did"
    assert _shots(amber.match(film, top=4, shown="rejected")) == [(0, 1)]
    amber.keep(first.cuts[1])
    assert [cut.state for cut in amber.match(film, top=3).cuts] == ["kept", "open", "open"]
    assert _shots(amber.match(film, top=3, shown="kept")) == [(1, 2)]
    assert _shots(amber.match(film, top=2, shown="open")) == [(2, 3), (0, 2)]
    assert [cut.state for cut in amber.match(film, top=2, shown="all").cuts] == ["rejected", "kept"]
    assert amber.reopen(first.cuts[0]) and not amber.reopen(first.cuts[0])
    assert amber.match(film, top=1).cuts[0].state == "open"


def test_what_a_person_said_survives_computing_again(amber: Amber, film: Path) -> None:
    """Other shots, other numbers, other places in the list: the same pictures."""
    listed = amber.match(film, top=4)
    amber.reject(listed.cuts[0])
    amber.keep(listed.cuts[1])
    moved = amber.match(film, top=20, settings={"shift": 2}, shown="all")
    assert moved.feature.id != listed.feature.id
    assert {(c.before.start, c.before.end, c.after.start, c.after.end): c.state for c in moved.cuts} == {
        (0, 14, 14, 26): "rejected",
        (14, 26, 26, 38): "kept",
        (26, 38, 38, 48): "open",
        (0, 14, 26, 38): "open",
        (14, 26, 38, 48): "open",
        (0, 14, 38, 48): "open",
    }
    other = amber.match(film, top=20, settings={"length": 6}, shown="all")
    assert {cut.state for cut in other.cuts} == {"open"}, "halves of those shots are other shots"


def test_a_second_thought_replaces_the_first_where_shots_moved(amber: Amber, film: Path) -> None:
    amber.reject(amber.match(film, top=1).cuts[0])
    moved = amber.match(film, top=1, settings={"shift": 2}, shown="rejected")
    amber.keep(moved.cuts[0])
    assert amber.match(film, top=1).cuts[0].state == "kept"
    assert len(amber.store.catalog.verdicts([moved.cuts[0].before.asset])) == 1


def test_a_cut_is_named_by_its_frames(amber: Amber, film: Path) -> None:
    matches = amber.match(film, top=3)
    assert matches.find("2") == matches.find(matches.cuts[1].id) == matches.cuts[1]
    assert amber.match(film, top=1, side_seconds=0.1).cuts[0].id == matches.cuts[0].id
    assert len({cut.id for cut in matches.cuts}) == 3
    with pytest.raises(CutNotFoundError, match="no cut 'x' among the 3 listed; the first are"):
        matches.find("x")


def test_what_cannot_be_meant_is_refused(amber: Amber, film: Path) -> None:
    with pytest.raises(AlgorithmNotFoundError, match="no flavour 'shape'; there are: embedding"):
        amber.match(film, flavour="shape")
    with pytest.raises(AlgorithmNotFoundError, match="'match_pairs_frame' is not loaded"):
        amber.match(film, flavour="frame")
    for wrong in ({"top": 0}, {"side_seconds": 0.0}, {"side_seconds": float("nan")}):
        with pytest.raises(UsageError):
            amber.match(film, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="of which titles"):
        amber.match()
    with pytest.raises(SettingError):
        amber.match(film, settings={"dept": 3})


def test_exactly_these_frames_come_before_those_that_mostly_overlap() -> None:
    a, b, near = FrameRange("a", 0, 10), FrameRange("a", 10, 20), FrameRange("a", 0, 9)
    exact = Verdict.about(b, a, is_kept=True, who="x")
    later = Verdict(*sorted((near, b)), is_kept=False, who="x", said_at=5.0)
    assert verdict_on(a, b, [exact, later]) == exact
    assert verdict_on(a, FrameRange("a", 10, 19), [later]) == later
    assert verdict_on(a, FrameRange("a", 15, 25), [exact, later]) is None
    assert verdict_on(a, FrameRange("b", 10, 20), [exact, later]) is None
