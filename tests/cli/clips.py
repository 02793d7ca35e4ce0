"""Clips made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(path: Path, *, shade: int, frames: int = 24) -> Path:
    """Write a clip of one second at 24 frames a second, of a grey that grows lighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24), options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), (shade + number) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
