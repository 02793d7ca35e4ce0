"""Media access: what asset a file holds, its standard form, and frames exact by index and by time."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jasper.clips import Span as Span
    from jasper.clips import cut_clip as cut_clip
    from jasper.clips import join_spans as join_spans
    from jasper.errors import MediaError as MediaError
    from jasper.frames import Frame as Frame
    from jasper.frames import FrameBatch as FrameBatch
    from jasper.frames import FrameTimes as FrameTimes
    from jasper.results import Identity as Identity
    from jasper.results import Standardized as Standardized
    from jasper.sandbox import identify as identify
    from jasper.sandbox import standardize as standardize
    from jasper.timecode import Counting as Counting
    from jasper.video import Video as Video

_HOMES = {
    "Counting": "timecode",
    "Frame": "frames",
    "FrameBatch": "frames",
    "FrameTimes": "frames",
    "Identity": "results",
    "MediaError": "errors",
    "Standardized": "results",
    "Span": "clips",
    "Video": "video",
    "cut_clip": "clips",
    "identify": "sandbox",
    "join_spans": "clips",
    "standardize": "sandbox",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name where it is first used, so that importing the package costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(
            f"module 'jasper' has no attribute {name!r}; it has: {', '.join(sorted(_HOMES))}"
        )
    return getattr(import_module(f"jasper.{home}"), name)
