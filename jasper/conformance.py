"""Whether a source's pictures already are standard, seen only in what its asset hash covers."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from av.video.frame import VideoFrame

from jasper.bitstream import MalformedBitstreamError, avcc_record, have_one_set_an_id, is_idr, is_slice
from jasper.identity import VideoTrack
from jasper.profile import Profile
from jasper.tone import transfer_of

#: Slices of an ordinary picture, and of one that decoding can start at.
_PLAIN_SLICES = frozenset({1, 5})


class Conformance:
    """Collects what speaks against keeping the pictures as they are; `problem` is the first such thing."""

    def __init__(self, track: VideoTrack, profile: Profile) -> None:
        """Begin with what is known before the first packet."""
        self._profile = profile
        self._has_packets = False
        self._form: tuple[int, int, str] | None = None
        #: What speaks against it, in a few words; None so far.
        self.problem: str | None = None if track.codec == "h264" else f"it is {track.codec}"

    def _object(self, problem: str) -> None:
        self.problem = self.problem or problem

    def see_packet(self, units: Sequence[bytes], *, is_presented: bool) -> None:
        """Look at a packet, in decode order."""
        slices = [unit for unit in units if is_slice("h264", unit)]
        if not is_presented:
            self._object("an edit list hides frames")
        if not slices:
            self._object("a packet has no picture")
        if any(unit[0] & 31 not in _PLAIN_SLICES for unit in slices):
            self._object("it has layers or partitions")
        if not self._has_packets and not all(map(is_idr, slices)):
            self._object("it does not begin with a key frame")
        self._has_packets = True

    def see_frame(self, frame: VideoFrame) -> None:
        """Look at a decoded frame."""
        form = (frame.width, frame.height, frame.format.name)
        if self._form is None:
            self._form = form
            if form[2] != "yuv420p":
                self._object(f"it is {form[2]}")
            if form[0] > self._profile.max_width or form[1] > self._profile.max_height:
                self._object(f"it is {form[0]} x {form[1]}")
        elif form != self._form:
            self._object("its size or layout changes")
        if frame.interlaced_frame:
            self._object("it is interlaced")
        if transfer_of(frame) is not None:
            self._object("its dynamic range is high")

    def see_shape(self, sample_aspect: Fraction, *, is_upright: bool) -> None:
        """Look at how frames are shown; once for all, and again where that changes."""
        if sample_aspect != 1:
            self._object("its pixels are not square")
        if not is_upright:
            self._object("it is turned")

    def see_all(self, parameter_sets: set[bytes], key_seconds: Sequence[Fraction], *, is_whole: bool) -> None:
        """Look back once everything was read.

        Args:
            parameter_sets: All distinct parameter sets.
            key_seconds: When key frames are shown, and the end.
            is_whole: Whether every packet gave a frame, and was sound.
        """
        if not is_whole:
            self._object("some of it cannot be decoded")
        try:
            if not have_one_set_an_id(parameter_sets):
                self._object("its parameters change")
            avcc_record(parameter_sets)
        except MalformedBitstreamError:
            self._object("its parameters are malformed")
        longest = max((after - before for before, after in pairwise(key_seconds)), default=Fraction(0))
        if longest > self._profile.max_key_seconds:
            self._object(f"its key frames are up to {float(longest):.1f} s apart")
