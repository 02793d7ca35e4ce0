"""The shots of a film by a neural network, which finds dissolves and fades as well as cuts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from algorithms.shots import Shots, shots_between
from algorithms.standard import Standard
from algorithms.through_black import BLACK_MEAN, black_between
from algorithms.transnet import HEIGHT, WIDTH, Transitions, TransNet
from amber.algorithm import algorithm, result
from amber.errors import SettingError
from amber.progress import report
from amber.weights import Weights

if TYPE_CHECKING:
    from jasper.video import Video

#: A transition of fewer frames is a cut: the network marks the frame before a cut, and sometimes one beside it.
_LEAST_GRADUAL = 4
#: Near black the network is unsure: so many frames may lie between the black and the parts of its fade.
_UNSURE = 4


@result
class TransNetShots(Shots):
    """The shots of a film in order, and the transition by which each begins; the first begins by none."""

    #: Whether the shot begins with a gradual transition, such as a dissolve or a fade; else by a cut.
    is_gradual: Bool[np.ndarray, " shot"]
    #: The frames that show parts of both shots, half-open; for a cut both are the shot's `start`.
    transition_start: Int64[np.ndarray, " shot"]
    transition_end: Int64[np.ndarray, " shot"]
    #: The highest probability within the transition, 0 to 1; 1 for the first shot.
    #: That of a fade through black may lie below the threshold.
    #: From another kind of processor it may differ by up to 1e-4.
    probability: Float32[np.ndarray, " shot"]


@dataclass(frozen=True)
class Transition:
    """Where one shot becomes the next."""

    #: Index of the frame with which the new shot begins.
    cut: int
    start: int
    end: int
    probability: float

    @property
    def is_gradual(self) -> bool:
        """Whether there are frames that show both shots."""
        return self.end > self.start


@algorithm(version="2", cpus=2, gpus=1, libraries=("torch", "opencv-python-headless", "av"))
def shots_transnet(
    film: Standard,
    network: Annotated[TransNet, Weights("transnetv2")],
    *,
    threshold: float = 0.5,
    short_seconds: float = 0.5,
) -> TransNetShots:
    """Find cuts, dissolves and fades on the scan proxy with TransNetV2.

    Every frame, without black bars, is squeezed to 48 x 27; the network sees windows of 100 frames, of which the
    middle 50 count. A gradual transition is split in its middle, so that shots are all of the frames, each once.
    Where a film fades into black and out of it the network marks either fade, or none; here both are one transition,
    split in the middle of the black, as `shots` does.
    Bind it with `--use Shots=shots_transnet` to have everything else made from its shots.

    Args:
        threshold: From which probability on a frame is taken for a transition, above 0 and below 1.
        short_seconds: Shots that last less are marked `is_short`; they stay in the list.

    Raises:
        SettingError: `threshold` is not between 0 and 1.

    Source: Souček and Lokoč, *TransNet V2: An effective deep network architecture for fast shot transition
    detection* (2020), with its published weights and its threshold; what counts as gradual, and fades through black,
    are ours.

    Known limits: some 27 frames a second on two processors, many more on a GPU; a flash of light may cut, and so may
    a passing object that fills the picture; how far a dissolve reaches is known to a few frames only.
    """
    if not 0 < threshold < 1:
        raise SettingError(
            f"setting 'threshold' of shots_transnet must lie between 0 and 1; found {threshold}"
        )
    with film.scan() as scan:
        is_black: list[bool] = []
        probable = network.transitions(_watched(_pictures(film, scan), is_black))
        found = transitions(probable, threshold, is_black)
        edges = [0, *(one.cut for one in found), scan.frame_count] if scan.frame_count else []
        times = [scan.times.time(edge) for edge in edges[:-1]] + [scan.times.duration]
        plain = shots_between(edges, times, Fraction(short_seconds))
    first = [Transition(0, 0, 0, 1.0)] if edges else []
    return _with_transitions(plain, [*first, *found])


def transitions(probable: Transitions, threshold: float, is_black: Sequence[bool] = ()) -> list[Transition]:
    """The transitions of a film, in order, from the probabilities of its frames and from which of them are black."""
    parts = list(_runs(probable.part > threshold))
    by_extent: dict[tuple[int, int], Transition] = {}
    for start, end in _runs(probable.middle > threshold):
        peak = start + int(probable.middle[start:end].argmax())
        extent = next(((a, b) for a, b in parts if a <= peak < b), (peak, peak + 1))
        first, last = extent if extent[1] - extent[0] >= _LEAST_GRADUAL else (peak + 1, peak + 1)
        one = Transition(peak + 1, first, last, float(probable.middle[peak]))
        best = by_extent.get(extent)
        # Of several middles of one transition, the surest.
        if peak + 1 < len(probable.middle) and (best is None or one.probability > best.probability):
            by_extent[extent] = one
    found = list(by_extent.values())
    for start, end in black_between(is_black, [one.cut for one in found if not one.is_gradual]):
        fade = _fade(probable, parts, start, end)
        beside = [one for one in found if not fade.start < one.cut <= fade.end]
        found = sorted([*beside, fade], key=lambda one: one.cut)
    return found


def _fade(
    probable: Transitions, parts: Sequence[tuple[int, int]], black_start: int, black_end: int
) -> Transition:
    """The fade into these frames of black and out of them, with what the network takes for its parts."""
    first = min([black_start, *(a for a, b in parts if a <= black_start <= b + _UNSURE)])
    last = max([black_end, *(b for a, b in parts if a - _UNSURE <= black_end <= b)])
    return Transition((black_start + black_end) // 2, first, last, float(probable.middle[first:last].max()))


def _watched(
    pictures: Iterable[UInt8[np.ndarray, "27 48 3"]], is_black: list[bool]
) -> Iterator[UInt8[np.ndarray, "27 48 3"]]:
    """The same pictures; whether each is black is noted as they pass."""
    for picture in pictures:
        is_black.append(bool(picture.max(axis=2).mean() <= BLACK_MEAN))
        yield picture


def _runs(is_in: Bool[np.ndarray, " frame"]) -> Iterator[tuple[int, int]]:
    """The runs of true values, half-open."""
    edges = np.flatnonzero(np.diff(is_in, prepend=False, append=False))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _pictures(film: Standard, scan: "Video") -> Iterator[UInt8[np.ndarray, "27 48 3"]]:
    """Every frame's picture at the size of the network's input."""
    import cv2

    if not scan.frame_count:
        return
    width = max(round(film.proxy_width * WIDTH / max(film.picture_width, 1)), WIDTH)
    height = max(round(film.proxy_height * HEIGHT / max(film.picture_height, 1)), HEIGHT)
    rows, columns = film.picture(width, height)
    for frame in scan.frames_between(width=width, height=height, progress=report):
        picture = frame.data[rows, columns]
        if picture.shape[:2] != (HEIGHT, WIDTH):  # by the rounding of the bars
            yield cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(
                np.uint8, copy=False
            )
        else:
            yield picture


def _with_transitions(plain: Shots, begins: Sequence[Transition]) -> TransNetShots:
    return TransNetShots(
        start=plain.start,
        end=plain.end,
        start_seconds=plain.start_seconds,
        end_seconds=plain.end_seconds,
        is_short=plain.is_short,
        is_gradual=np.array([one.is_gradual for one in begins], dtype=np.bool_),
        transition_start=np.array([one.start for one in begins], dtype=np.int64),
        transition_end=np.array([one.end for one in begins], dtype=np.int64),
        probability=np.array([one.probability for one in begins], dtype=np.float32),
    )
