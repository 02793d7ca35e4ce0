"""A cheap algorithm over real clips, which the darkest of them break."""

import av
import numpy as np
from jaxtyping import Float64

from amber.algorithm import Source, algorithm, result


@result
class Brightness:
    """The mean of the first frame."""

    mean: Float64[np.ndarray, " one"]


@algorithm(version="1")
def brightness(source: Source) -> Brightness:
    """Decode one frame; what is nearly black is poison."""
    with av.open(str(source.paths[0])) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="gray")
    if picture.mean() < 24:
        raise ValueError("this clip is poisoned: it is nearly black")
    return Brightness(mean=np.array([picture.mean()], np.float64))
