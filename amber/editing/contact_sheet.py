"""A contact sheet of pairs: both middle frames side by side, what they are, and how well they match."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

#: Raised when the same pairs are drawn or chosen otherwise, so that a sheet on disk is drawn anew.
_DRAWING = 2
#: Pairs in a row of the sheet.
_COLUMNS = 2
_PICTURE_WIDTH = 416
_MARGIN, _GUTTER, _CAPTION, _HEAD, _FOOT = 48, 40, 58, 126, 60
_SEAM = 4

_PAPER, _INK, _FAINT, _ACCENT = "#14161a", "#f2f0eb", "#8d929b", "#f0b45a"


@dataclass(frozen=True)
class Side:
    """One shot of a pair."""

    picture: UInt8[np.ndarray, "height width 3"]
    #: Its index in `shots`, from 0.
    number: int
    #: Of the picture.
    time_code: str
    #: Where the sheet is of several titles, the one it is from.
    title: str = ""


@dataclass(frozen=True)
class Match:
    """A pair of shots."""

    first: Side
    second: Side
    score: float


@dataclass(frozen=True)
class Still:
    """A shot by itself."""

    shot: Side
    score: float
    #: What it shows, in words.
    label: str = ""


def draw(matches: Sequence[Match], *, title: str, subtitle: str, credit: str = "") -> Image.Image:
    """The sheet.

    Args:
        matches: Best first; all cells have the shape of the first picture.
        title: Of the film.
        subtitle: What the pairs are, in a line.
        credit: Whom the pictures belong to.
    """
    height = _picture_height([match.first for match in matches])
    width = 2 * _PICTURE_WIDTH + _SEAM
    sheet, corners = _paper(len(matches), _COLUMNS, (width, height), (title, subtitle, credit))
    for place, (match, corner) in enumerate(zip(matches, corners, strict=True)):
        _draw_match(sheet, corner, height, place + 1, match)
    return sheet


def draw_stills(stills: Sequence[Still], *, title: str, subtitle: str, credit: str = "") -> Image.Image:
    """A sheet of shots that stand by themselves; words as in `draw`."""
    height = _picture_height([still.shot for still in stills])
    words = (title, subtitle, credit)
    sheet, corners = _paper(len(stills), 2 * _COLUMNS, (_PICTURE_WIDTH, height), words)
    for place, (still, corner) in enumerate(zip(stills, corners, strict=True)):
        _draw_shot(sheet, corner, height, still.shot)
        pen, end = ImageDraw.Draw(sheet), corner[0] + _PICTURE_WIDTH
        pen.text(
            (end, corner[1] + height + 8), f"{still.score:.3f}", font=_font(20), fill=_ACCENT, anchor="ra"
        )
        pen.text((corner[0], corner[1] + height + 32), still.label, font=_font(16), fill=_FAINT)
        _draw_rank(sheet, (corner[0] + 12, corner[1] + 12), place + 1)
    return sheet


def _paper(
    count: int, columns: int, cell: tuple[int, int], words: tuple[str, str, str]
) -> tuple[Image.Image, list[tuple[int, int]]]:
    """An empty sheet with title, subtitle and credit, and the corners of its cells."""
    title, subtitle, credit = words
    rows = -(-count // columns)
    width, height = cell
    size = (
        2 * _MARGIN + columns * width + (columns - 1) * _GUTTER,
        _HEAD + rows * (height + _CAPTION) + _FOOT,
    )
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, 34), title, font=_font(38), fill=_INK)
    pen.text((_MARGIN, 82), subtitle, font=_font(18), fill=_FAINT)
    if credit:
        pen.text((_MARGIN, size[1] - 40), credit, font=_font(16), fill=_FAINT)
    pen.text((size[0] - _MARGIN, size[1] - 40), "made with Amber", font=_font(16), fill=_FAINT, anchor="ra")
    places = [divmod(place, columns) for place in range(count)]
    return sheet, [
        (_MARGIN + column * (width + _GUTTER), _HEAD + row * (height + _CAPTION)) for row, column in places
    ]


def _picture_height(shots: Sequence[Side]) -> int:
    """All cells have the shape of the first picture."""
    if not shots:
        return 0
    shape = shots[0].picture.shape
    height, width = int(shape[0]), int(shape[1])
    return round(_PICTURE_WIDTH * height / width)


def _draw_match(sheet: Image.Image, corner: tuple[int, int], height: int, rank: int, match: Match) -> None:
    x, y = corner
    for number, side in enumerate((match.first, match.second)):
        _draw_shot(sheet, (x + number * (_PICTURE_WIDTH + _SEAM), y), height, side)
    right = x + 2 * _PICTURE_WIDTH + _SEAM
    pen = ImageDraw.Draw(sheet)
    pen.text((right, y + height + 8), f"{match.score:.3f}", font=_font(20), fill=_ACCENT, anchor="ra")
    _draw_rank(sheet, (x + 12, y + 12), rank)


def _draw_shot(sheet: Image.Image, corner: tuple[int, int], height: int, side: Side) -> None:
    """A picture, with its time code and its shot below."""
    pen = ImageDraw.Draw(sheet)
    left, y = corner
    _paste(sheet, Image.fromarray(side.picture), (left, y, left + _PICTURE_WIDTH, y + height))
    end = pen.textlength(side.time_code, font=_font(17))
    pen.text((left, y + height + 10), side.time_code, font=_font(17), fill=_INK)
    words = f"shot {side.number} {side.title}".rstrip()
    pen.text((left + end + 12, y + height + 11), words, font=_font(16), fill=_FAINT)


def _paste(sheet: Image.Image, picture: Image.Image, cell: tuple[int, int, int, int]) -> None:
    """The picture as large as its cell lets it be, in its own shape, with black around."""
    left, top, right, bottom = cell
    scale = min((right - left) / picture.width, (bottom - top) / picture.height)
    size = (round(picture.width * scale), round(picture.height * scale))
    sheet.paste("black", cell)
    corner = (left + (right - left - size[0]) // 2, top + (bottom - top - size[1]) // 2)
    sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), corner)


def _draw_rank(sheet: Image.Image, corner: tuple[int, int], rank: int) -> None:
    """The rank on a dark disc, which is seen on any picture."""
    side = 34
    # Drawn four times larger and shrunk, for Pillow's circles have hard edges.
    disc = Image.new("L", (side * 4, side * 4))
    ImageDraw.Draw(disc).ellipse((0, 0, side * 4 - 1, side * 4 - 1), fill=200)
    sheet.paste(_PAPER, corner, disc.resize((side, side), Image.Resampling.LANCZOS))
    middle = (corner[0] + side / 2, corner[1] + side / 2)
    ImageDraw.Draw(sheet).text(middle, str(rank), font=_font(17), fill=_INK, anchor="mm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def shows(path: Path, feature: str) -> bool:
    """Whether the sheet in a file was drawn from this feature, by this version of the drawing."""
    try:
        with Image.open(path) as sheet:
            return sheet.info.get("amber-feature") == _mark(feature)
    except OSError:
        return False


def _mark(feature: str) -> str:
    return f"{feature} {_DRAWING}"


def save(sheet: Image.Image, path: Path, *, feature: str) -> None:
    """Write the sheet, whole or not at all, with the id of the feature that it shows."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("amber-feature", _mark(feature))
    temporary = path.with_suffix(".partial")
    sheet.save(temporary, format="PNG", pnginfo=notes, optimize=True)
    temporary.replace(path)
