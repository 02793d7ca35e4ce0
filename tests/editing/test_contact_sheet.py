"""A contact sheet of pairs: what is where, and that pictures keep their shape."""

from pathlib import Path

import numpy as np
import pytest

from amber.editing.contact_sheet import Match, Side, draw, save, shows

RED, BLUE = (200, 30, 30), (30, 30, 200)


def _match(score: float) -> Match:
    sides = [np.full((180, 320, 3), colour, np.uint8) for colour in (RED, BLUE)]
    return Match(Side(sides[0], 3, "00:00:01:02"), Side(sides[1], 17, "00:01:00:00"), score)


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 2), (10, 5)])
def test_pairs_stand_two_in_a_row_with_their_frames_side_by_side(count: int, rows: int) -> None:
    sheet = draw([_match(0.9)] * count, title="Film", subtitle="pairs", credit="somebody")
    pixels = np.asarray(sheet)
    red, blue = (np.argwhere((pixels == colour).all(axis=2)) for colour in (RED, BLUE))
    assert sheet.height == 126 + rows * (234 + 58) + 60
    assert red[:, 0].min() == blue[:, 0].min() == 126
    assert (red[:, 1].min(), blue[:, 1].min()) == (48, 48 + 416 + 4)
    assert len(blue) == count * 234 * 416


def test_pictures_keep_their_shape() -> None:
    tall = Side(np.full((320, 180, 3), RED, np.uint8), 0, "00:00:00:00")
    pixels = np.asarray(draw([Match(tall, tall, 0.5)], title="", subtitle=""))
    rows = np.argwhere((pixels == RED).all(axis=2))[:, 0]
    assert rows.max() - rows.min() + 1 == round(416 * 320 / 180)


def test_a_sheet_knows_which_feature_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert not shows(path, "abc")
    save(draw([_match(0.9)], title="Film", subtitle=""), path, feature="abc")
    assert shows(path, "abc")
    assert not shows(path, "abd")
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_a_picture_of_another_shape_keeps_it() -> None:
    wide, tall = np.full((90, 160, 3), 200, np.uint8), np.full((160, 80, 3), 100, np.uint8)
    sheet = draw(
        [Match(Side(wide, 0, "00:00:00:00"), Side(tall, 1, "00:00:01:00"), 0.5)], title="a", subtitle="b"
    )
    cell = np.asarray(sheet.crop((48 + 416 + 4, 126, 48 + 416 + 4 + 416, 126 + 234)).convert("L"))
    bright = np.flatnonzero(cell[117] > 50)
    assert (bright.min(), bright.max()) == (149, 265), "117 wide in the middle, as high as the cell"
    assert cell[117, 10] == 0
