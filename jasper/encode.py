"""H.264 as we make it: encodes, scan proxies and clips, with bytes that do not depend on the machine's processors."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from av.codec.context import CodecContext, Flags
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from jasper.bitstream import is_idr, is_parameter_set, is_slice, split_start_codes, with_lengths
from jasper.profile import Profile
from jasper.spool import PacketSpool

#: x264 is told one rate for everything: times are given when the file is written.
_NOMINAL_RATE = Fraction(24)
_BT709 = {"colorprim": "bt709", "transfer": "bt709", "colormatrix": "bt709", "fullrange": "off"}

#: Pictures of fewer rows are encoded by one thread.
_ROWS_FOR_THREADS = 360


class VideoEncoder:
    """An x264 encoder that spools its packets, shown in the order in which frames were added."""

    def __init__(
        self, path: Path, size: tuple[int, int], preset: str, crf: int, settings: Mapping[str, object]
    ) -> None:
        """Begin.

        Args:
            path: The spool file to make.
            size: Width and height of every frame.
            preset: x264's preset.
            crf: x264's quality; lower is better.
            settings: Further settings of x264, by its own names; `threads` is one of them.
        """
        self.spool = PacketSpool(path)
        self.width, self.height = size
        self.parameter_sets: set[bytes] = set()
        self.frame_count = 0
        self._context = CodecContext.create("libx264", "w")
        self._context.width, self._context.height = size
        self._context.pix_fmt = "yuv420p"
        self._context.framerate = _NOMINAL_RATE
        self._context.time_base = 1 / _NOMINAL_RATE
        self._context.flags |= Flags.bitexact
        self._context.thread_count = int(str(settings["threads"]))
        parameters = {**_BT709, **settings}
        self._context.options = {
            "preset": preset,
            "crf": str(crf),
            "x264-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
        }

    def add(self, frame: VideoFrame, *, is_key: bool = False) -> None:
        """Encode the next frame; `is_key` makes it one that decoding can start at."""
        frame.pts = self.frame_count
        frame.time_base = 1 / _NOMINAL_RATE
        frame.pict_type = 1 if is_key else 0
        self.frame_count += 1
        self._take(self._context.encode(frame))

    def finish(self) -> None:
        """Encode what is still waiting; the spool is complete then."""
        self._take(self._context.encode(None))
        self.spool.close()

    def _take(self, packets: "list[Packet[Stream]]") -> None:
        for packet in packets:
            units = split_start_codes(bytes(packet))
            self.parameter_sets.update(unit for unit in units if is_parameter_set("h264", unit))
            slices = [unit for unit in units if is_slice("h264", unit)]
            assert packet.pts is not None, "an encoder says when its packets are shown"
            self.spool.add(with_lengths(slices), is_key=any(map(is_idr, slices)), time=packet.pts)


def proxy_encoder(path: Path, size: tuple[int, int], profile: Profile) -> VideoEncoder:
    """The encoder of a scan proxy: one thread, a key frame every so many frames and nowhere else, nothing reordered."""
    settings = {
        "threads": 1,
        "keyint": profile.proxy_key_frames,
        "min-keyint": profile.proxy_key_frames,
        "scenecut": 0,
        "bframes": 0,
        "rc-lookahead": 0,
        # What the preset leaves out and is worth its time: a tenth of it, for a sixth of the bytes and better pictures.
        "aq-mode": 1,
        "deblock": "0,0",
    }
    return VideoEncoder(path, size, profile.proxy_preset, profile.proxy_crf, settings)


def encode_encoder(path: Path, size: tuple[int, int], profile: Profile) -> VideoEncoder:
    """The encoder of a standard encode; key frames come where the caller says, which is about once a second."""
    # Threads that share few rows give other bytes now and then; what is that small is quick with one.
    settings = {
        "threads": profile.encode_threads if size[1] >= _ROWS_FOR_THREADS else 1,
        "sliced-threads": 0,
        "lookahead-threads": 1,
        "keyint": 1000,
        "scenecut": 0,
    }
    return VideoEncoder(path, size, profile.encode_preset, profile.encode_crf, settings)


class KeyPacer:
    """Says where key frames come: at the first frame that is a full interval after the last one."""

    #: Less than the time from frame to frame at any standard rate, more than a container's rounding.
    _SLACK_SECONDS = Fraction(4, 1000)

    def __init__(self, interval: Fraction) -> None:
        """Give the interval, in seconds."""
        self._interval = interval - self._SLACK_SECONDS
        self._last: Fraction | None = None

    def is_due(self, time: Fraction) -> bool:
        """Whether a frame shown at this time is to be a key frame; it is taken to become one."""
        if self._last is not None and time - self._last < self._interval:
            return False
        self._last = time
        return True
