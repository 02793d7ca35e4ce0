"""What was found by words, as pictures: a sheet of middle frames, and a clip of each shot."""

from pathlib import Path

import numpy as np

from amber.editing import contact_sheet
from amber.editing.apart import Apart
from amber.editing.lit import standing_for
from amber.editing.matching import Title, Told, title_of
from amber.editing.originals import clock
from amber.editing.searching import Found, FoundShot
from amber.engine.engine import Engine
from amber.store.verdicts import FrameRange


def write_shot_sheet(engine: Engine, found: Found, path: Path, told: Told | None = None) -> Path:
    """Draw the middle frames of all shots, without black bars, into one PNG file, which appears whole or not at all.

    Raises:
        jasper.errors.MediaError: An encode cannot be read.
        OSError: The file cannot be written.
    """
    titles = _titles(engine, found)
    stills = []
    with Apart() as apart:
        for number, shot in enumerate(found.shots):
            if told is not None:
                told(number, len(found.shots))
            side = apart.do(_picture, titles[shot.asset], shot, len(found.titles) > 1)
            stills.append(contact_sheet.Still(side, shot.score, shot.label or ""))
    sheet = contact_sheet.draw_stills(
        stills,
        title=f"“{found.text}”",
        subtitle=f"by {found.by}, best first; the middle frame of each",
    )
    contact_sheet.save(sheet, path, feature=found.feature.id)
    if told is not None and stills:
        told(len(stills), len(stills))
    return path


def write_clips(engine: Engine, found: Found, folder: Path, told: Told | None = None) -> list[Path]:
    """Write a clip of every shot into a folder, frame-exact and with its sound; the files, in order.

    Raises:
        jasper.errors.MediaError: An encode cannot be read, or a file cannot be written.
    """
    from jasper.clips import Span, join_spans

    titles, written = _titles(engine, found), []
    with Apart() as apart:
        for number, shot in enumerate(found.shots):
            if told is not None:
                told(number, len(found.shots))
            title = titles[shot.asset]
            span = Span(title.standard.encode.path, title.times, shot.start, shot.end)
            path = folder / f"{shot.rank:03}-{shot.asset[:10]}-shot-{shot.shot}.mp4"
            written.append(apart.do(join_spans, [span], path, progress=apart.progress))
    if told is not None and written:
        told(len(written), len(written))
    return written


def _titles(engine: Engine, found: Found) -> dict[str, Title]:
    return {
        asset: title_of(engine, found.titles[asset]) for asset in {shot.asset: None for shot in found.shots}
    }


def _picture(title: Title, shot: FoundShot, several: bool) -> contact_sheet.Side:
    shown = standing_for(FrameRange(shot.asset, shot.start, shot.end), title.black)
    with title.standard.video() as video:
        frame = video.frames_at(np.array([shown])).data[0]
    rows, columns = title.standard.picture(frame.shape[1], frame.shape[0])
    picture = np.ascontiguousarray(frame[rows, columns])
    code = clock(title.times, title.record.rate, shown)
    return contact_sheet.Side(picture, shot.shot, code, title.record.title if several else "")
