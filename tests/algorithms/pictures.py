"""Pictures and short films made from nothing: scenes that pan slowly over a pattern of their own."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

Picture = UInt8[np.ndarray, "height width 3"]
#: Heights and widths of the cells of which scenes are made, by seed.
_CELLS = ((16, 16), (96, 12), (12, 96), (48, 48), (6, 24))


def scene(seed: int, count: int, *, first: int = 0, width: int = 256, height: int = 144) -> list[Picture]:
    """`count` pictures of one camera set-up from the `first`; another `seed` is another, with other colours."""
    random = np.random.default_rng(seed)
    cell_height, cell_width = _CELLS[seed % len(_CELLS)]
    palette = random.integers(40, 256, size=(6, 3), dtype=np.uint8)
    cells = palette[random.integers(0, 6, size=(height // cell_height + 1, (width + 200) // cell_width + 1))]
    backdrop = np.kron(cells, np.ones((cell_height, cell_width, 1), np.uint8))[:height]
    return [np.ascontiguousarray(backdrop[:, shift : shift + width]) for shift in range(first, first + count)]


def black(count: int, *, noise: int = 0, seed: int = 0, width: int = 256, height: int = 144) -> list[Picture]:
    """`count` black pictures; with `noise`, each pixel of each is a random colour of up to that value."""
    random = np.random.default_rng(seed)
    return [random.integers(0, noise + 1, size=(height, width, 3), dtype=np.uint8) for _ in range(count)]


def fade(pictures: Iterable[Picture], *, start: float, end: float) -> list[Picture]:
    """The pictures with a brightness that goes from `start` to `end`, both of 0 to 1."""
    taken = list(pictures)
    factors = np.linspace(start, end, len(taken))
    return [(picture * factor).astype(np.uint8) for picture, factor in zip(taken, factors, strict=True)]


def film(pictures: Iterable[Picture], path: Path, *, rate: Fraction = Fraction(24)) -> Path:
    """A silent H.264 film of RGB pictures at `path`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "18"})
        for index, frame in enumerate(_frames(pictures)):
            if index == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frames(pictures: Iterable[Picture]) -> Iterator[av.VideoFrame]:
    for picture in pictures:
        yield av.VideoFrame.from_ndarray(picture, format="rgb24")
