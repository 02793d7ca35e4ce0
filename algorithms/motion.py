"""How each shot moves: what the camera does, and what moves by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import tee
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from algorithms.camera_motion import Camera, Points, fit_camera
from algorithms.optical_flow import Dis, Flow, OpticalFlow, Picture, Raft
from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.errors import SettingError
from amber.progress import report
from amber.weights import Weights

#: Cells of a picture, down and across, and directions that are told apart in each.
ROWS, COLUMNS, DIRECTIONS = 5, 8, 8
#: Numbers of one grid.
GRID = ROWS * COLUMNS * DIRECTIONS
#: Two frames that are compared are this many seconds apart, or as near to it as the film's frames allow.
_APART_SECONDS = 1 / 24
#: Pairs of frames that are looked at in one shot, at least (if it has them) and at most.
_FEWEST, _MOST = 3, 24
#: Pixels on each side of the blocks whose flow is averaged into one point.
_BLOCK = 8
#: A block with less change from pixel to pixel (of 255) says nothing of where it goes.
_LEAST_TEXTURE = 1.5
#: What is slower, in picture heights a second, stands still: the noise of flow in a still picture is below.
_STILL = 0.03


@result
class Motion:
    """For each shot, how it moves: three grids of 5 x 8 cells and 8 directions, and the camera's mean move.

    A grid has the mean speed, in picture heights a second, at which each cell moves in each direction: right,
    right and down, down, and so on, clockwise; a direction between two counts for both by its nearness.
    The numbers go by row, then column, then direction.
    From another kind of processor they may differ by up to 1e-3.
    """

    #: All motion, as it is seen.
    total: Float32[np.ndarray, "shot 320"]
    #: What the camera does to each cell.
    camera: Float32[np.ndarray, "shot 320"]
    #: What is left of the motion without the camera's: what moves by itself.
    residual: Float32[np.ndarray, "shot 320"]
    #: The camera's mean move: the picture's content to the right and down, in picture heights a second,
    #: its growth a second, and its turn clockwise in radians a second. A camera that pans left moves content right.
    camera_move: Float32[np.ndarray, "shot 4"]
    #: How many pairs of frames were compared; 0 for a shot that is too short.
    compared: Int64[np.ndarray, " shot"]


@algorithm(
    version="1",
    cpus=2,
    gpus=1,
    gpus_when={"flow": "raft"},
    libraries=("opencv-python-headless", "av", "numpy"),
)
def motion(
    film: Standard,
    shots: Shots,
    raft: Annotated[Raft | None, Weights("raft-large", when={"flow": "raft"})],
    *,
    flow: Literal["dis", "raft"] = "dis",
    pairs_per_second: float = 3.0,
) -> Motion:
    """Follow each shot by optical flow on the scan proxy, and tell the camera's motion from the rest.

    Neighbouring frames are compared at even distances over the shot, without black bars.
    The camera's move (along, zoom, turn) is the one with which most of the picture agrees; what is left is residual.
    So a pan after a runner shows as the camera's motion, and the runner's as residual.

    Args:
        flow: `dis` needs no weights; `raft` is RAFT of torchvision, which has to be installed.
        pairs_per_second: How many pairs of frames are compared, of each second of a shot: 3 to 24 in all.

    Raises:
        SettingError: `pairs_per_second` is not positive.

    Source: dense inverse search (Kroeger et al., ECCV 2016) or RAFT (Teed and Deng, ECCV 2020); the mean over a shot
    as in Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023); grid and camera model are ours.

    Known limits: parallax of a camera that travels past things at several distances shows as residual motion; where
    what moves fills more than half of the picture it is taken for the camera; flat surfaces have no motion.
    """
    if pairs_per_second <= 0:
        raise SettingError(f"setting 'pairs_per_second' of motion must be above 0; found {pairs_per_second}")
    chosen: OpticalFlow = raft if raft is not None else Dis()
    sums = _Sums(len(shots.start))
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        wanted = _pairs(shots, scan.times.seconds, pairs_per_second)
        ends = {first + gap: (first, shot) for first, gap, shot in wanted}
        last = max(ends, default=-1) + 1
        frames = scan.frames_between(0, last, pixel_format=chosen.pixel_format, progress=report)
        compared, given = tee(_compared(((one.index, one.data[rows, columns]) for one in frames), ends))
        flows = chosen.flows((one.first, one.second) for one in given)
        for one, found in zip(compared, flows, strict=True):
            seconds = float(scan.times.seconds[one.end]) - float(scan.times.seconds[one.start])
            sums.add(one.shot, _moved(found, one.first, seconds))
    return sums.means()


@dataclass(frozen=True)
class _Compared:
    """Two frames of a shot that are compared."""

    shot: int
    start: int
    end: int
    first: Picture
    second: Picture


def _compared(
    pictures: Iterator[tuple[int, Picture]], ends: Mapping[int, tuple[int, int]]
) -> Iterator[_Compared]:
    """The pairs to compare, from all pictures by the index of their frame, and from second frame → first frame, shot."""
    starts = {first for first, _ in ends.values()}
    held: dict[int, Picture] = {}
    for index, seen in pictures:
        if index not in ends and index not in starts:
            continue
        picture = np.ascontiguousarray(seen)
        if index in ends:
            start, shot = ends[index]
            yield _Compared(shot, start, index, held.pop(start), picture)
        if index in starts:
            held[index] = picture


def _pairs(
    shots: Shots, seconds: Float64[np.ndarray, " frame"], per_second: float
) -> Iterator[tuple[int, int, int]]:
    """The pairs of frames to compare, as (first frame, frames between the two, shot); no frame is the second of two."""
    for shot, (start, end) in enumerate(zip(shots.start.tolist(), shots.end.tolist(), strict=True)):
        length = end - start
        if length < 2:
            continue
        lasts = float(seconds[end - 1] - seconds[start])
        gap = max(1, min(round(_APART_SECONDS * (length - 1) / lasts) if lasts > 0 else 1, length - 1))
        count = min(max(round(lasts * per_second), _FEWEST), _MOST, length - gap)
        firsts = {start + int((number + 0.5) / count * (length - gap)) for number in range(count)}
        yield from ((first, gap, shot) for first in sorted(firsts))


@dataclass(frozen=True)
class _Moved:
    """How one pair of frames moves, per second: three grids and the camera."""

    total: Float64[np.ndarray, " 320"]
    camera: Float64[np.ndarray, " 320"]
    residual: Float64[np.ndarray, " 320"]
    move: Camera


class _Sums:
    """Sums over the pairs of frames of each shot."""

    def __init__(self, shots: int) -> None:
        self._grids = np.zeros((3, shots, GRID))
        self._moves = np.zeros((shots, 4))
        self._compared = np.zeros(shots, np.int64)

    def add(self, shot: int, moved: _Moved) -> None:
        """Take in one pair of frames."""
        self._grids[:, shot] += [moved.total, moved.camera, moved.residual]
        self._moves[shot] += [moved.move.right, moved.move.down, moved.move.zoom, moved.move.turn]
        self._compared[shot] += 1

    def means(self) -> Motion:
        """The means of all shots."""
        count = np.maximum(self._compared, 1)[:, None]
        total, camera, residual = (self._grids / count).astype(np.float32)
        moves = (self._moves / count).astype(np.float32)
        return Motion(
            total=total, camera=camera, residual=residual, camera_move=moves, compared=self._compared
        )


def _moved(flow: Flow, first: Picture, seconds: float) -> _Moved:
    """How a picture moves into another that is shown so many seconds later, by its flow."""
    height = first.shape[0]
    moves, is_sure, across = _blocks(flow, first)
    points = _points(len(moves), across, _BLOCK / height)
    moves = moves / height
    camera = fit_camera(points, moves, is_sure)
    scale = 1 / seconds
    carried = _awake(camera.moves(points) * scale)
    rest = _awake((moves - camera.moves(points)) * scale * is_sure[:, None])
    is_still = not carried.any()
    return _Moved(
        total=_grid(_awake(moves * scale * is_sure[:, None]), across),
        camera=_grid(carried, across),
        residual=_grid(rest, across),
        move=Camera()
        if is_still
        else Camera(camera.right * scale, camera.down * scale, camera.zoom * scale, camera.turn * scale),
    )


def _blocks(flow: Flow, picture: Picture) -> tuple[Points, Bool[np.ndarray, " point"], int]:
    """Of each block: how far it goes, in pixels, whether it has texture; and how many blocks are side by side."""
    import cv2

    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    down, across = max(gray.shape[0] // _BLOCK, 1), max(gray.shape[1] // _BLOCK, 1)
    moves = cv2.resize(flow, (across, down), interpolation=cv2.INTER_AREA)
    slope = [np.abs(cv2.Sobel(gray, cv2.CV_32F, dx, 1 - dx, ksize=3)) / 8 for dx in (0, 1)]
    texture = cv2.resize(slope[0] + slope[1], (across, down), interpolation=cv2.INTER_AREA)
    return moves.reshape(-1, 2).astype(np.float64), texture.reshape(-1) >= _LEAST_TEXTURE, across


def _points(count: int, across: int, side: float) -> Points:
    """The middles of blocks, right and down from the middle of the picture."""
    down = count // across
    y, x = np.mgrid[0:down, 0:across].reshape(2, -1)
    return np.stack([(x - (across - 1) / 2) * side, (y - (down - 1) / 2) * side], axis=1)


def _awake(moves: Points) -> Points:
    """Moves (a second), with none where they are too slow to be told from noise."""
    return np.where(np.hypot(moves[:, :1], moves[:, 1:]) >= _STILL, moves, 0.0)


def _grid(moves: Points, across: int) -> Float64[np.ndarray, " 320"]:
    """The mean speed of each cell in each direction."""
    count = len(moves)
    down = count // across
    row = np.arange(count) // across * ROWS // down
    column = np.arange(count) % across * COLUMNS // across
    cell = row * COLUMNS + column
    speed = np.hypot(moves[:, 0], moves[:, 1])
    turn = np.arctan2(moves[:, 1], moves[:, 0]) / (2 * np.pi) * DIRECTIONS
    lower = np.floor(turn)
    share = turn - lower
    grid = np.zeros((ROWS * COLUMNS, DIRECTIONS))
    for step, part in ((0, 1 - share), (1, share)):
        np.add.at(grid, (cell, (lower.astype(np.int64) + step) % DIRECTIONS), speed * part)
    within = np.maximum(np.bincount(cell, minlength=ROWS * COLUMNS), 1)
    return (grid / within[:, None]).reshape(-1)
