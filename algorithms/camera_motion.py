"""What the camera does between two frames, told from what moves by itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

#: Points of a picture, right and down from its middle, in picture heights.
Points = Float64[np.ndarray, "point 2"]

#: Cameras that are tried, each through two points, and the seed of their choice: the same for every pair of frames.
_TRIES, _SEED = 200, 0
#: A point goes with the camera if it is this near to where the camera takes it, in picture heights.
_NEAR = 0.0015
#: Two points nearer than this, in picture heights, say nothing of zoom and rotation.
_APART = 0.2


@dataclass(frozen=True)
class Camera:
    """A move of the whole picture: points go by `right` + `zoom`·x - `turn`·y and `down` + `turn`·x + `zoom`·y."""

    #: Picture heights.
    right: float = 0.0
    down: float = 0.0
    #: How much larger the picture gets: 0.01 is one per cent.
    zoom: float = 0.0
    #: Radians, clockwise.
    turn: float = 0.0

    def moves(self, points: Points) -> Points:
        """Where the camera takes points, relative to where they are."""
        x, y = points[:, 0], points[:, 1]
        return np.stack(
            [self.right + self.zoom * x - self.turn * y, self.down + self.turn * x + self.zoom * y], axis=1
        )


def fit_camera(points: Points, moves: Points, is_sure: Bool[np.ndarray, " point"]) -> Camera:
    """The camera move that takes the most points along.

    Every two points name one; the one with which most others agree is fitted anew to all that do.
    So what moves by itself may fill nearly half of the picture, and has no part in it.

    Args:
        points: Where the points are; shape (n, 2).
        moves: How far each goes; shape (n, 2), picture heights.
        is_sure: Whether a point has enough texture to say where it goes; shape (n,).
    """
    where, goes = points[is_sure], moves[is_sure]
    if len(where) < 8:
        return Camera()
    random = np.random.default_rng(_SEED)
    first, second = random.integers(0, len(where), size=(2, _TRIES))
    apart = np.hypot(*(where[first] - where[second]).T) >= _APART
    tried = _through(where, goes, first[apart], second[apart])
    still = np.zeros((1, 4))
    candidates = np.concatenate([still, tried])
    agrees = _distances(candidates, where, goes) <= _NEAR
    best = agrees[int(agrees.sum(axis=1).argmax())]
    return _least_squares(where[best], goes[best]) if best.sum() >= 3 else Camera()


def _through(
    where: Points, goes: Points, first: np.ndarray, second: np.ndarray
) -> Float64[np.ndarray, "camera 4"]:
    """The camera moves (right, down, zoom, turn) that take two points exactly where they go."""
    # As complex numbers a move is c + z·p, with z = zoom + i·turn.
    p = where[:, 0] + 1j * where[:, 1]
    q = goes[:, 0] + 1j * goes[:, 1]
    z = (q[first] - q[second]) / (p[first] - p[second])
    c = q[first] - z * p[first]
    return np.stack([c.real, c.imag, z.real, z.imag], axis=1)


def _distances(
    cameras: Float64[np.ndarray, "camera 4"], where: Points, goes: Points
) -> Float64[np.ndarray, "camera point"]:
    p = where[:, 0] + 1j * where[:, 1]
    q = goes[:, 0] + 1j * goes[:, 1]
    c = cameras[:, 0] + 1j * cameras[:, 1]
    z = cameras[:, 2] + 1j * cameras[:, 3]
    distances: Float64[np.ndarray, "camera point"] = np.abs(c[:, None] + z[:, None] * p[None] - q[None])
    return distances


def _least_squares(where: Points, goes: Points) -> Camera:
    p = where[:, 0] + 1j * where[:, 1]
    q = goes[:, 0] + 1j * goes[:, 1]
    centred = p - p.mean()
    spread = float((np.abs(centred) ** 2).sum())
    z = complex((centred.conj() * (q - q.mean())).sum() / spread) if spread > 0 else 0j
    c = complex(q.mean() - z * p.mean())
    return Camera(c.real, c.imag, z.real, z.imag)
