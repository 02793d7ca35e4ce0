"""Previews have exactly the frames and the sound of both sides, and sheets show the cuts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amber.client import Amber
from jasper.errors import MediaIOError
from jasper.identity import identify
from tests.editing.films import frames_of
from tests.jasper.making import samples, sound_delay


def test_previews_stand_in_the_folder_in_the_order_of_the_cuts(
    amber: Amber, film: Path, tmp_path: Path
) -> None:
    matches = amber.match(film, top=3)
    told: list[tuple[int, int]] = []
    written = amber.previews(matches, tmp_path / "new" / "previews", progress=lambda *of: told.append(of))
    assert [path.name for path in written] == [f"{n:03}-{c.id}.mp4" for n, c in enumerate(matches.cuts, 1)]
    assert sorted((tmp_path / "new" / "previews").iterdir()) == written
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_preview_keeps_the_sound_of_either_side(amber: Amber, film: Path, tmp_path: Path) -> None:
    matches = amber.match(film, top=4, side_seconds=0.5)
    [*_, written] = amber.previews(matches, tmp_path)
    whole, heard = samples(film), samples(written)
    assert (matches.cuts[3].before.cut_start, matches.cuts[3].after.cut_start) == (0, 24)
    assert 48000 <= len(heard) < 48000 + 2048
    assert abs(sound_delay(heard[4000:20000], whole[4000:20000])) < 200
    assert np.abs(heard[:48000]).max() > 0.05


def test_titles_of_two_rates_meet_frame_by_frame(
    amber: Amber, film: Path, other_film: Path, tmp_path: Path
) -> None:
    matches = amber.match(film, other_film, top=30, side_seconds=0.4)
    cut = next(c for c in matches.cuts if c.before.title != c.after.title)
    index = matches.cuts.index(cut)
    preview = amber.previews(matches, tmp_path)[index]
    sources = {"first film": frames_of(film), "other film": frames_of(other_film)}
    expected = np.concatenate(
        [sources[side.title][side.cut_start : side.cut_end] for side in (cut.before, cut.after)]
    )
    shown = frames_of(preview)
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).mean(axis=(1, 2, 3)).max() < 4
    found = identify(preview)
    assert found.audio_codec == "aac", "silence stands where one title has no sound"


def test_a_preview_that_cannot_be_written_is_a_sentence(amber: Amber, film: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaIOError, match="cannot be written"):
        amber.previews(amber.match(film, top=1), tmp_path / "file")


def test_a_sheet_shows_the_middle_frames_side_by_side(amber: Amber, film: Path, tmp_path: Path) -> None:
    matches = amber.match(film, top=4)
    path = amber.sheet(matches, tmp_path / "cuts.png")
    with Image.open(path) as sheet:
        assert sheet.format == "PNG" and sheet.info["amber-feature"].startswith(matches.feature.id)
        first = np.asarray(sheet.convert("RGB").crop((48 + 60, 126 + 60, 48 + 416, 126 + 312)), np.int16)
    middle = Image.fromarray(frames_of(film)[6].astype(np.uint8)).resize((416, 312), Image.Resampling.LANCZOS)
    assert np.abs(first - np.asarray(middle, np.int16)[60:, 60:]).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["cuts.png"]
