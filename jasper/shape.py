"""Bringing decoded frames into the standard shape: upright, progressive, square pixels, 8-bit 4:2:0, BT.709."""

from collections.abc import Iterator
from fractions import Fraction

import av.error
import av.filter
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from jasper.probe import Orientation

#: A frame that does not say what its colours mean (ISO/IEC 23091-2).
_UNSPECIFIED = 2

_TURNS = {0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}


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
            dst_color_range=ColorRange.MPEG if self._is_yuv else None,
            interpolation=Interpolation.AREA,
            threads=1,
        )


class Turner:
    """Deinterlaces, mirrors and turns frames, where they need it; one frame in gives one frame out, in order."""

    def __init__(self, first: VideoFrame, orientation: Orientation) -> None:
        """Decide by the first frame what is needed."""
        steps = ["bwdif=mode=send_frame:deint=interlaced"] if first.interlaced_frame else []
        steps += ["hflip"] if orientation.is_mirrored else []
        steps += _TURNS[orientation.rotation]
        self._size = (first.width, first.height, first.format.name)
        self._graph = self._build(steps) if steps else None

    def _build(self, steps: list[str]) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        width, height, pixel_format = self._size
        layout = VideoFormat(pixel_format, width, height)
        chain = [graph.add_buffer(width=width, height=height, format=layout, time_base=Fraction(1, 1000))]
        for step in steps:
            name, _, arguments = step.partition("=")
            chain.append(graph.add(name, arguments))
        chain.append(graph.add("buffersink"))
        graph.link_nodes(*chain).configure()
        return graph

    def turn(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Take a frame; those that are ready."""
        if self._graph is None:
            yield frame
            return
        if (frame.width, frame.height, frame.format.name) != self._size:
            frame = frame.reformat(*self._size)
        frame.time_base = Fraction(1, 1000)
        self._graph.push(frame)
        yield from self._ready()

    def flush(self) -> Iterator[VideoFrame]:
        """The frames that were still waiting."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()

    def _ready(self) -> Iterator[VideoFrame]:
        assert self._graph is not None, "frames are only waiting where there is a graph"
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, VideoFrame), "a graph of video filters yields video"
            yield frame
