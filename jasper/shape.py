"""Bringing decoded frames into the standard shape: upright, progressive, square pixels, opaque, BT.709."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
import av.filter
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from jasper.probe import Orientation
from jasper.tone import Transfer, transfer_of, write_table

#: A frame that does not say what its colours mean (ISO/IEC 23091-2).
_UNSPECIFIED = 2

#: A filter's name and its options.
Step = tuple[str, dict[str, str]]

_TURNS: dict[int, list[Step]] = {
    0: [],
    90: [("transpose", {"dir": "clock"})],
    180: [("hflip", {}), ("vflip", {})],
    270: [("transpose", {"dir": "cclock"})],
}


class Scaler:
    """Scales frames to one size and layout; one instance a stream, since setting it up costs more than a frame.

    Colours that are not specified are taken as BT.709, as nearly all of today's material is meant.
    """

    def __init__(self, width: int, height: int, pixel_format: str = "yuv420p") -> None:
        """Give the size and layout of what comes out."""
        self.width, self.height = width, height
        self._format = pixel_format
        self._is_yuv = pixel_format.startswith("yuv")
        self._reformatter = VideoReformatter()

    def scale(self, frame: VideoFrame) -> VideoFrame:
        """The frame at the size and in the layout that were given; area averaging."""
        return self._reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format=self._format,
            src_colorspace=Colorspace.ITU709 if frame.colorspace == _UNSPECIFIED else None,
            dst_colorspace=Colorspace.ITU709 if self._is_yuv else None,
            dst_color_range=ColorRange.MPEG if self._is_yuv else ColorRange.JPEG,
            interpolation=Interpolation.AREA,
            threads=1,
        )


class Fitter:
    """Brings frames into one size, whatever theirs is, with black around where the shape differs."""

    def __init__(self, width: int, height: int) -> None:
        """Give the size of what comes out."""
        self._size = (width, height)
        self._filters: _Filters | None = None
        self._scaler = Scaler(width, height)

    def scale(self, frame: VideoFrame) -> VideoFrame:
        """The frame at the size that was given, in 4:2:0."""
        if (frame.width, frame.height) == self._size:
            return self._scaler.scale(frame)
        plain = frame.reformat(format="yuv420p")
        plain.pts = None
        if self._filters is None:
            self._filters = _Filters(plain, _fitting(self._size))
        (fitted,) = self._filters.put(plain)
        return self._scaler.scale(fitted)


class _Filters:
    """A chain of filters for frames of one size and layout."""

    def __init__(self, like: VideoFrame, steps: list[Step]) -> None:
        """Build it for frames like this one."""
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        # A buffer that is not told what colours mean has them converted by filters that scale.
        chain = [
            self._graph.add(
                "buffer",
                video_size=f"{like.width}x{like.height}",
                pix_fmt=like.format.name,
                time_base="1/1000",
                pixel_aspect="1/1",
                colorspace=str(int(like.colorspace)),
                range=str(int(like.color_range)),
            )
        ]
        chain += [self._graph.add(name, **options) for name, options in steps]
        chain.append(self._graph.add("buffersink"))
        self._graph.link_nodes(*chain).configure()
        self._count = 0

    def put(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Take a frame; those that are ready."""
        frame.time_base = Fraction(1, 1000)
        frame.pts = self._count
        self._count += 1
        self._graph.push(frame)
        yield from self._ready()

    def flush(self) -> Iterator[VideoFrame]:
        """The frames that were still waiting; there can be no more after that."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[VideoFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, VideoFrame), "a graph of video filters yields video"
            yield frame


@dataclass(frozen=True)
class _Form:
    """What must be the same for frames that go through one chain of filters."""

    width: int
    height: int
    layout: str
    transfer: Transfer | None
    is_opaque: bool
    #: Whether it may be two fields in one.
    is_woven: bool
    #: Whether the film's frames are not all of one shape.
    is_fitted: bool


class Shaper:
    """Deinterlaces, mirrors, turns, lays on black and tone-maps frames, where they need it; frame in, frame out.

    What is needed is seen in each frame, so a film may change in the middle. The size to come is that of the first
    frame; later ones of another shape are fitted into it, with black around.
    """

    def __init__(self, orientation: Orientation, size: tuple[int, int], scratch: Path) -> None:
        """Begin.

        Args:
            orientation: How every frame is turned.
            size: The size of the standard encode; frames that need not change come out as large as they are.
            scratch: A folder for tables of colours.
        """
        self._turns: list[Step] = [("hflip", {})] if orientation.is_mirrored else []
        self._turns += _TURNS[orientation.rotation]
        self._size = size
        self._scratch = scratch
        self._geometry: tuple[int, int, Fraction] | None = None
        self._is_woven = False
        self._is_fitted = False
        self._form: _Form | None = None
        self._filters: _Filters | None = None
        self._layer: Scaler | None = None
        self._tone: _Tone | None = None

    def shape(self, frame: VideoFrame, sample_aspect: Fraction) -> Iterator[VideoFrame]:
        """Take a frame, and the shape of pixels that the decoder knows now; the frames that are ready."""
        form = self._form_of(frame, sample_aspect)
        if form != self._form:
            yield from self.flush()
            self._begin(form, frame)
        if self._filters is None:
            yield self._toned(frame)
            return
        for ready in self._filters.put(self._with_alpha(frame)):
            yield self._toned(ready)

    def _begin(self, form: _Form, frame: VideoFrame) -> None:
        self._form = form
        self._layer = None if form.is_opaque else Scaler(form.width, form.height, "gbrap16le")
        self._tone = _Tone(form.transfer, self._size, self._scratch) if form.transfer is not None else None
        steps = self._steps(form)
        self._filters = _Filters(self._with_alpha(frame), steps) if steps else None

    def _with_alpha(self, frame: VideoFrame) -> VideoFrame:
        """The frame in the layout in which it can be laid on black, if it needs that."""
        return frame if self._layer is None else self._layer.scale(frame)

    def flush(self) -> Iterator[VideoFrame]:
        """The frames that were still waiting."""
        if self._filters is not None:
            for ready in self._filters.flush():
                yield self._toned(ready)
            self._filters = None
        self._form = None

    def _form_of(self, frame: VideoFrame, sample_aspect: Fraction) -> _Form:
        geometry = (frame.width, frame.height, sample_aspect)
        self._geometry = self._geometry or geometry
        # What was seen once stays, so that filters which look at neighbours are not begun anew again and again.
        self._is_fitted = self._is_fitted or geometry != self._geometry
        self._is_woven = self._is_woven or frame.interlaced_frame
        return _Form(
            frame.width,
            frame.height,
            frame.format.name,
            transfer_of(frame),
            _is_opaque(frame),
            self._is_woven,
            self._is_fitted,
        )

    def _steps(self, form: _Form) -> list[Step]:
        steps: list[Step] = []
        if form.is_woven:
            steps.append(("bwdif", {"mode": "send_frame", "deint": "interlaced"}))
        if not form.is_opaque:
            steps.append(("premultiply", {"inplace": "1"}))
        steps += self._turns
        if form.is_fitted:
            steps += _fitting(self._size)
        return steps

    def _toned(self, frame: VideoFrame) -> VideoFrame:
        return frame if self._tone is None else self._tone.map(frame)


def _is_opaque(frame: VideoFrame) -> bool:
    return frame.format.name != "pal8" and not any(part.is_alpha for part in frame.format.components)


class _Tone:
    """Brings frames of a high dynamic range to the standard one, at the size of the standard encode."""

    def __init__(self, transfer: Transfer, size: tuple[int, int], scratch: Path) -> None:
        self._scaler = Scaler(*size, "gbrp16le")
        self._table = write_table(scratch / f"{transfer.name.lower()}.cube", transfer)
        self._filters: _Filters | None = None

    def map(self, frame: VideoFrame) -> VideoFrame:
        small = self._scaler.scale(frame)
        if self._filters is None:
            steps: list[Step] = [("lut3d", {"file": str(self._table), "interp": "tetrahedral"})]
            self._filters = _Filters(small, steps)
        (mapped,) = self._filters.put(small)
        return mapped


def _fitting(size: tuple[int, int]) -> list[Step]:
    """Scales each frame, as its own pixels' shape says, into a size, and puts black around it."""
    width, height = size
    return [
        (
            "scale",
            {
                "w": f"max(2,min({width},2*round({height}*dar/2)))",
                "h": f"max(2,min({height},2*round({width}/dar/2)))",
                "eval": "frame",
                "flags": "area",
            },
        ),
        ("setsar", {"sar": "1"}),
        ("pad", {"w": str(width), "h": str(height), "x": "(ow-iw)/2", "y": "(oh-ih)/2", "eval": "frame"}),
    ]
