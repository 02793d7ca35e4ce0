"""Words find shots in named titles, in labelled ones, or in all; what was found is a part of what is stored."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from amber.client import Amber
from amber.editing.searching import Found
from amber.errors import AlgorithmNotFoundError, AssetNotFoundError, UsageError
from amber.settings import Settings

ALGORITHMS = ("algorithms.standard:standard", str(Path(__file__).with_name("searches.py")))


@pytest.fixture
def amber(tmp_path: Path) -> Iterator[Amber]:
    """Amber with the quick search."""
    with Amber.open(settings=Settings(home=tmp_path / "home", algorithms=ALGORITHMS)) as opened:
        yield opened


def _shots(found: Found) -> list[tuple[str, int]]:
    return [(shot.title, shot.shot) for shot in found.shots]


def test_the_best_shots_of_a_title(amber: Amber, film: Path) -> None:
    found = amber.search("2", film, top=3)
    assert _shots(found) == [("first film", 2), ("first film", 1), ("first film", 3)]
    first = found.shots[0]
    assert (first.rank, first.score, first.label) == (1, 1.0, "number 2")
    assert (first.start, first.end, first.start_seconds, first.end_seconds) == (24, 36, 1.0, 1.5)
    again = amber.search("2", film, top=1)
    assert again.feature.hit and again.feature.id == found.feature.id, "a slice of what is stored"
    assert len(amber.search("50", film)) == 0, "nothing fits"


def test_all_titles_are_searched_or_those_with_a_label(amber: Amber, film: Path, other_film: Path) -> None:
    for path in (film, other_film):
        amber.ingest(path)
    amber.label("other film", {"reel": "7"})
    assert set(_shots(amber.search("1", top=2))) == {("first film", 1), ("other film", 1)}
    assert _shots(amber.search("1", where={"reel": "7"}, top=1)) == [("other film", 1)]
    assert len(amber.search("1", "first film", where={"reel": "7"}).titles) == 2


def test_only_titles_that_are_ready_are_searched_if_that_is_said(
    amber: Amber, film: Path, other_film: Path
) -> None:
    asset = amber.ingest(film)
    with pytest.raises(AssetNotFoundError, match=r"none of 1 titles is ready .* they lack standard"):
        amber.search("1", ready=True)
    amber.get("standard", asset)
    other = amber.ingest(other_film)
    found = amber.search("1", ready=True)
    assert list(found.titles) == [asset.asset]
    assert amber.state("standard", other) == "absent", "nothing was computed for it"
    assert len(amber.search("1").titles) == 2 and amber.state("standard", other) == "ready"


def test_what_cannot_be_meant_is_refused(amber: Amber, film: Path) -> None:
    with pytest.raises(AssetNotFoundError, match="no title to search"):
        amber.search("1")
    for text, top in ((" ", 1), ("1", 0)):
        with pytest.raises(UsageError):
            amber.search(text, film, top=top)
    with pytest.raises(AlgorithmNotFoundError, match=r"'search_clip' is not loaded\); there are: labels"):
        amber.search("1", film, by="clip")
    with pytest.raises(AlgorithmNotFoundError, match="no search by 'smell'"):
        amber.search("1", film, by="smell")


def test_a_sheet_shows_the_middle_frames(amber: Amber, film: Path, other_film: Path, tmp_path: Path) -> None:
    found = amber.search("1", film, other_film, top=5)
    told: list[tuple[int, int]] = []
    path = amber.shot_sheet(found, tmp_path / "found.png", progress=lambda *done: told.append(done))
    assert told[-1] == (5, 5)
    sheet = np.asarray(Image.open(path))
    standard = amber.get("standard", film).value
    with standard.video() as video:
        frame = video.frames_at(np.array([18])).data[0]
    cell = np.asarray(Image.fromarray(frame).resize((416, round(416 * frame.shape[0] / frame.shape[1]))))
    at = 48 if found.shots[0].title == "first film" else 48 + 416 + 40
    shown = sheet[126 + 50 : 126 + cell.shape[0] - 10, at + 60 : at + 400]
    wanted = cell[50:-10, 60:400]
    assert np.abs(shown.astype(int) - wanted.astype(int)).mean() < 6


def test_a_clip_has_just_the_frames_of_its_shot(amber: Amber, film: Path, tmp_path: Path) -> None:
    found = amber.search("3", film, top=2)
    written = amber.clips(found, tmp_path / "clips")
    assert [path.name for path in written] == [
        f"00{shot.rank}-{shot.asset[:10]}-shot-{shot.shot}.mp4" for shot in found.shots
    ]
    assert [_frames(path) for path in written] == [12, 12]


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
