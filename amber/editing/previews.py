"""Previews of cuts: one MP4 a cut, the end of one shot and the start of the other, frame-exact, with sound."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from amber.editing.apart import Apart
from amber.editing.cuts import Cut
from amber.editing.matching import MatchCuts, Told

if TYPE_CHECKING:
    from jasper.clips import Span


def preview_name(cut: Cut) -> str:
    """`001-3f2a….mp4`: sorted by rank, and found again by id."""
    return f"{cut.rank:03}-{cut.id}.mp4"


def write_previews(matches: MatchCuts, folder: Path, told: Told | None = None) -> list[Path]:
    """Write a preview of every cut into a folder, which is made if it is missing; the files, in order.

    Each file appears when it is whole, so whatever interrupts this leaves no half one.

    Raises:
        jasper.errors.MediaError: An encode cannot be read, or a file cannot be written.
    """
    from jasper.clips import Span, join_spans

    written = []
    with Apart() as apart:
        for number, cut in enumerate(matches.cuts):
            if told is not None:
                told(number, len(matches.cuts))
            spans, path = _spans(matches, cut, Span), folder / preview_name(cut)
            written.append(apart.do(join_spans, spans, path, progress=apart.progress))
    if told is not None and matches.cuts:
        told(len(matches.cuts), len(matches.cuts))
    return written


def _spans(matches: MatchCuts, cut: Cut, span: "Callable[..., Span]") -> "list[Span]":
    return [
        span(
            matches.titles[side.asset].standard.encode.path,
            matches.titles[side.asset].times,
            side.cut_start,
            side.cut_end,
        )
        for side in (cut.before, cut.after)
    ]
