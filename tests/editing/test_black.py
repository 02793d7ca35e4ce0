"""Black at the ends of shots is not shown at cuts, and pictures that stand for shots are lit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from algorithms.black_runs import black_runs
from amber.client import Amber
from amber.editing.lit import lit, runs_of, standing_for
from amber.settings import Settings
from amber.store.verdicts import FrameRange
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.pictures import black, fade
from tests.algorithms.pictures import film as written
from tests.editing.conftest import ALGORITHMS
from tests.editing.films import SIZE, frames_of

#: Shots of `tests.editing.pairs` have 12 frames; the second is black beyond its middle, the third begins in the black.
BLACK = (16, 27)


@pytest.fixture(scope="module")
def faded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 frames at 24 a second, with black in the middle, into which the film fades and out of which it does."""
    random = np.random.default_rng(5)
    noise = random.integers(60, 256, size=(48, SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
    lit_pictures = [np.kron(one, np.ones((8, 8, 1), np.uint8)) for one in noise]
    first, last = BLACK
    pictures = [
        *lit_pictures[: first - 4],
        *fade(lit_pictures[first - 4 : first], start=0.9, end=0.2),
        *black(last - first, width=SIZE[0], height=SIZE[1]),
        *lit_pictures[last:],
    ]
    return written(pictures, tmp_path_factory.mktemp("film") / "faded.mp4")


@pytest.fixture
def amber(tmp_path: Path) -> Iterator[Amber]:
    """Amber with the quick pairs, and with the algorithm that finds black."""
    names = (*ALGORITHMS, "algorithms.black_runs:black_runs")
    with Amber.open(settings=Settings(home=tmp_path / "home", algorithms=names)) as opened:
        yield opened


def test_black_is_found_to_the_frame(faded: Path, tmp_path: Path) -> None:
    found = black_runs(standard_of(source_of(faded), tmp_path / "standard"))
    assert runs_of(found) == (BLACK,)


def test_a_cut_joins_the_last_lit_frame_to_the_first_lit_one(
    amber: Amber, faded: Path, tmp_path: Path
) -> None:
    matches = amber.match(faded, top=6, side_seconds=0.25)
    cut = next(one for one in matches.cuts if (one.before.shot, one.after.shot) == (1, 2))
    assert (cut.before.start, cut.before.end, cut.after.start, cut.after.end) == (12, 24, 24, 36)
    assert (cut.before.cut_start, cut.before.cut_end) == (12, 16)
    assert (cut.after.cut_start, cut.after.cut_end) == (27, 33)
    shown = frames_of(amber.previews(matches, tmp_path / "previews")[matches.cuts.index(cut)])
    whole = frames_of(faded)
    assert shown.shape[0] == 10
    apart = np.abs(shown - np.concatenate([whole[12:16], whole[27:33]])).mean(axis=(1, 2, 3))
    assert apart.max() < 10, "the same pictures, encoded twice more"
    assert np.abs(shown[1:4] - whole[12:15]).mean(axis=(1, 2, 3)).min() > 2 * apart.max(), (
        "and no neighbours of them"
    )
    assert shown.max(axis=3).mean(axis=(1, 2)).min() > 4
    edl = amber.export(matches, "cuts.edl")[0]
    assert "00:00:00:12 00:00:00:16" in edl and "00:00:01:03 00:00:01:09" in edl


def test_a_sheet_shows_a_lit_picture_of_a_shot_whose_middle_is_black(
    amber: Amber, faded: Path, tmp_path: Path
) -> None:
    matches = amber.match(faded, top=6)
    amber.sheet(matches, tmp_path / "sheet.png")
    assert matches.titles[matches.cuts[0].before.asset].black == (BLACK,)
    assert [standing_for(FrameRange("a", start, start + 12), (BLACK,)) for start in (0, 12, 24, 36)] == [
        6,
        14,
        30,
        42,
    ]
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert not (pixels[200:, 60:400] == 0).all(axis=2).mean() > 0.2


def test_without_the_algorithm_shots_are_shown_whole(faded: Path, tmp_path: Path) -> None:
    with Amber.open(settings=Settings(home=tmp_path / "home", algorithms=ALGORITHMS)) as amber:
        (cut,) = amber.match(faded, top=1, side_seconds=60).cuts
    assert (cut.before.cut_start, cut.before.cut_end) == (cut.before.start, cut.before.end)


@given(
    edges=st.lists(st.integers(0, 60), unique=True, max_size=8).map(sorted),
    shot=st.tuples(st.integers(0, 59), st.integers(1, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
def test_what_is_left_of_a_shot_is_what_removing_black_frames_one_by_one_leaves(
    edges: list[int], shot: tuple[int, int]
) -> None:
    runs = tuple(zip(edges[::2], edges[1::2], strict=False))
    is_black = {frame for first, last in runs for frame in range(first, last)}
    start, end = shot
    while start < end and start in is_black:
        start += 1
    while end > start and end - 1 in is_black:
        end -= 1
    expected = (start, end) if start < end else shot
    left = lit(FrameRange("a", *shot), runs)
    assert (left.start, left.end) == expected
    if not is_black & set(range(*expected)):
        assert standing_for(FrameRange("a", *shot), runs) in range(*expected)
