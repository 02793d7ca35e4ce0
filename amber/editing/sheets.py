"""A sheet of cuts: the middle frames of both shots, side by side."""

from pathlib import Path

import numpy as np

from amber.editing import contact_sheet
from amber.editing.apart import Apart
from amber.editing.cuts import Side
from amber.editing.lit import standing_for
from amber.editing.matching import MatchCuts, Told
from amber.editing.originals import clock


def write_sheet(matches: MatchCuts, path: Path, told: Told | None = None) -> Path:
    """Draw the middle frames of all cuts, without black bars, into one PNG file, which appears whole or not at all.

    Raises:
        jasper.errors.MediaError: An encode cannot be read.
        OSError: The file cannot be written.
    """
    pictures: dict[Side, contact_sheet.Side] = {}
    sides = [side for cut in matches.cuts for side in (cut.before, cut.after)]
    with Apart() as apart:
        for number, side in enumerate(sides):
            if told is not None:
                told(number, len(sides))
            if side not in pictures:
                pictures[side] = apart.do(_picture, matches, side)
    pairs = [
        contact_sheet.Match(pictures[cut.before], pictures[cut.after], cut.score) for cut in matches.cuts
    ]
    titles = ", ".join(title.record.title for title in matches.titles.values())
    sheet = contact_sheet.draw(
        pairs,
        title=f"Match cuts in {titles}",
        subtitle=f"by {matches.ask.flavour}, best first; the middle frame of each shot",
    )
    contact_sheet.save(sheet, path, feature=matches.feature.id)
    if told is not None and sides:
        told(len(sides), len(sides))
    return path


def _picture(matches: MatchCuts, side: Side) -> contact_sheet.Side:
    title = matches.titles[side.asset]
    shown = standing_for(side.frames, title.black)
    with title.standard.video() as video:
        frame = video.frames_at(np.array([shown])).data[0]
    rows, columns = title.standard.picture(frame.shape[1], frame.shape[0])
    picture = np.ascontiguousarray(frame[rows, columns])
    several = title.record.title if len(matches.titles) > 1 else ""
    return contact_sheet.Side(picture, side.shot, clock(title.times, title.record.rate, shown), several)
